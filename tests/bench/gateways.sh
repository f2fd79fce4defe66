# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The gateways that the benchmark compares, side by side, each between a client and a server of its own:
#
#	plain     forwards and does nothing else
#	kernel    nftables: masquerade and a filter by ct state
#	fastpath  sluiced as it comes: a BPF program forwards what is established
#	queue     sluiced with `fastpath off`: every packet passes the daemon
#
# Sourced by tests/bench/run after tests/net/lib.sh.

GATEWAYS=${GATEWAYS:-plain kernel fastpath queue}
# All but the first translate the flood's clients to 48 addresses, the pool's to 4,096 ports of one.
FLOOD_SOURCE=10.64.0.1
POOL_SOURCE=10.128.0.1
POOL_SECOND=10.128.8.1 # 2,048 clients on
POOL_LATE=10.128.64.1
POOL_PORTS=4096

# use GATEWAY: what the following commands speak of.
use() {
	GATEWAY=$1
	NS=$PREFIX${1:0:1}
	WORK=/tmp/$NS.work
}

translation() {
	cat <<-RULES
		oifname "wan" ip saddr 10.64.0.0/10 snat ip to 198.51.100.16-198.51.100.63
		oifname "wan" ip saddr 10.128.0.0/16 meta l4proto udp snat ip to 198.51.100.64:20000-$((20000 + POOL_PORTS - 1))
		oifname "wan" ip saddr 10.0.0.0/24 masquerade
	RULES
}

rules_bench() {
	cat <<-RULES
		table inet gateway {
			chain forward {
				type filter hook forward priority filter; policy drop;
				ct state vmap { established : accept, related : accept, invalid : drop }
				iifname "lan" oifname "wan" accept
			}
			chain postrouting {
				type nat hook postrouting priority srcnat;
				$(translation)
			}
		}
	RULES
}

# sluice_start: SESSIONS of room, and no limit for the flood's few clients.
sluice_start() {
	GATEWAY_FASTPATH=$([[ $GATEWAY == queue ]] && echo off || echo auto)
	{
		gateway_block "capacity $CAPACITY" "sessions-per-source 0" "pooling arbitrary"
		rules_bench
	} >"$WORK/sluice.conf"
	gateway_launch && gateway_await
}

# kernel_start: as long-lived as sluice's sessions, so that none ends while it is measured.
kernel_start() {
	rules_bench | in_gateway nft -f - || return 1
	in_gateway sysctl -qw net.netfilter.nf_conntrack_udp_timeout=120 net.netfilter.nf_conntrack_udp_timeout_stream=300
}

raise() {
	use "$1"
	mkdir -p "$WORK"
	chmod 755 "$WORK"
	topology_up direct || return 1
	ip -n "$NS-gateway" route add 10.64.0.0/10 via 10.0.0.10
	ip -n "$NS-gateway" route add 10.128.0.0/16 via 10.0.0.10
	# What comes back to the flood's clients ends here.
	in_client nft 'table netdev sink { chain ingress { type filter hook ingress device eth0 priority 0; udp sport 9 drop; }; }'
	ip -n "$NS-server" link set eth0 xdpgeneric obj "$BUILD/tests/bench/reflect.bpf.o" sec xdp || return 1
	start iperf server iperf3 -s
	wait_for 5 eval 'in_server ss -Hltn sport = 5201 | grep -q 5201' || return 1
	MAC=$(ip -j -n "$NS-gateway" link show lan | jq -r '.[0].address')
	echo "$MAC" >"$WORK/mac"
	case $1 in
	plain) ip -n "$NS-server" route add 10.0.0.0/8 via 198.51.100.1 ;;
	kernel) kernel_start ;;
	*) sluice_start ;;
	esac
}

# forget: no session is left.
forget() {
	case $GATEWAY in
	plain) ;;
	kernel) in_gateway conntrack -F >/dev/null 2>&1 ;;
	*)
		# Ending hundreds of thousands takes its turns: a new daemon is quicker, and the same for all.
		gateway_stop && sluice_start
		;;
	esac
}

# sessions: how many the gateway holds.
sessions() {
	case $GATEWAY in
	plain) echo 0 ;;
	kernel) in_gateway sysctl -n net.netfilter.nf_conntrack_count ;;
	*) status .sessions.current ;;
	esac
}

# installed: how many of them the fast path forwards.
installed() { status .fastpath.installed; }

# memory: bytes that the sessions there occupy and what holds them. Kernel: of its slab and what
# hangs on each; sluice: the daemon's pages, and of its BPF maps what the kernel accounts for them.
memory() {
	case $GATEWAY in
	kernel) awk '/^SUnreclaim:/ { print $2 * 1024 }' /proc/meminfo ;;
	fastpath | queue)
		{
			awk '/^VmRSS:/ { print $2 * 1024 }' "/proc/$(pid_of sluiced)/status"
			cat "/proc/$(pid_of sluiced)/fdinfo/"* 2>/dev/null | awk '/^map_id:/ { map = 1 } /^memlock:/ { lock = $2 }
				/^map_id:/ && !seen[$2]++ { sum += lock } END { print sum + 0 }'
		} | awk '{ sum += $1 } END { print sum }'
		;;
	*) echo 0 ;;
	esac
}

# processor: jiffies of work since boot, all cores; and those of the daemon.
processor() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8 }' /proc/stat; }
processor_daemon() {
	[[ $GATEWAY == fastpath || $GATEWAY == queue ]] || { echo 0; return; }
	awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$(pid_of sluiced)/stat"
}

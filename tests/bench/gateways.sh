# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The gateways that the benchmark compares, side by side, each between a client and a server of its own:
#
#	plain     forwards and does nothing else
#	kernel    nftables: masquerade and a filter by ct state
#	fastpath  sluiced as it comes: a BPF program forwards what is established
#	queue     sluiced with `fastpath off`: every packet passes the daemon
#	pasta     passt's pasta, and
#	slirp     slirp4netns: sockets of a process in the place of a gateway, where they are installed
#
# Sourced by tests/bench/run after tests/net/lib.sh.

GATEWAYS=${GATEWAYS:-plain kernel fastpath queue pasta slirp}
# All but the first translate the flood's clients to 48 addresses, the pool's to 16,384 ports of one.
FLOOD_SOURCE=10.64.0.1
POOL_SOURCE=10.128.0.1
POOL_SECOND=10.128.32.1 # 8,192 clients on
POOL_LATE=10.128.128.1
POOL_PORTS=16384
POOL_PACE=100000
# Further ones of the kind `kernel`, for as long as a million sessions are measured.
CROWD="k1 k2 k3 k4"

# use GATEWAY: what the following commands speak of.
use() {
	GATEWAY=$1
	NS=$PREFIX${1:0:2}
	WORK=/tmp/$NS.work
}

is_sluice() { [[ $GATEWAY == fastpath || $GATEWAY == queue ]]; }
is_process() { [[ $GATEWAY == pasta || $GATEWAY == slirp ]]; }

# offered: those of $GATEWAYS that are installed.
offered() {
	local gateway program
	for gateway in $GATEWAYS; do
		program=${gateway/slirp/slirp4netns}
		case $gateway in
		pasta | slirp) command -v "$program" >/dev/null || { echo "bench: no $program here" >&2 && continue; } ;;
		esac
		echo "$gateway"
	done
}

# takes MEASUREMENT: a process has one client, and carries no address but its own.
takes() {
	case $1 in
	bulk | connections) return 0 ;;
	generator) [[ $GATEWAY == plain ]] ;;
	concurrent | million | pool) [[ $GATEWAY != plain ]] && ! is_process ;;
	*) ! is_process ;;
	esac
}

rules_bench() {
	rules_nat 'oifname "wan" ip saddr 10.64.0.0/10 snat ip to 198.51.100.16-198.51.100.63' \
		"oifname \"wan\" ip saddr 10.128.0.0/16 meta l4proto udp snat ip to 198.51.100.64:20000-$((20000 + POOL_PORTS - 1))" \
		'oifname "wan" ip saddr 10.0.0.0/24 masquerade'
}

# sluice_start: room for $CAPACITY sessions, and no limit for the flood's few clients.
sluice_start() {
	GATEWAY_FASTPATH=$([[ $GATEWAY == queue ]] && echo off || echo auto)
	{
		gateway_block "capacity $CAPACITY" "sessions-per-source 0" "pooling arbitrary"
		rules_bench
	} >"$WORK/sluice.conf"
	# As under its unit, before others that want the processor.
	local -x "$(unit_environment)"
	gateway_launch && renice -n -15 -p "$(pid_of sluiced)" >/dev/null && gateway_await
}

# kernel_start: as long-lived as sluice's sessions, so that none ends while it is measured.
kernel_start() {
	rules_bench | in_gateway nft -f - || return 1
	in_gateway sysctl -qw net.netfilter.nf_conntrack_udp_timeout=120 net.netfilter.nf_conntrack_udp_timeout_stream=300
}

# process_start: sockets in the gateway's namespace, a tap in the client's.
process_start() {
	ip -n "$NS-client" link del eth0
	case $GATEWAY in
	slirp) start slirp gateway slirp4netns -c -m 65520 --netns-type=path "/run/netns/$NS-client" tap0 ;;
	pasta)
		ip -n "$NS-gateway" route add default via 198.51.100.2
		start pasta gateway pasta -f -q --netns-only --runas 0 -i wan -I tap0 --config-net -m 65520 -a 10.0.2.100 \
			-n 255.255.255.0 -g 10.0.2.2 -t none -u none -T none -U none --netns "/run/netns/$NS-client"
		;;
	esac
	wait_for 5 eval 'ip -n "$NS-client" route | grep -q "default .*tap0"'
}

# sink HOST INTERFACE sport|dport: throws floods away as they come in.
sink() {
	local hook="type filter hook ingress device $2 priority 0"
	inside "$1" nft "table netdev sink { chain ingress { $hook; udp $3 9 drop; }; }"
}

iperf_start() {
	start iperf server iperf3 -s
	wait_for 5 eval 'in_server ss -Hltn sport = 5201 | grep -q 5201'
}

raise() {
	use "$1"
	mkdir -p "$WORK"
	chmod 755 "$WORK"
	topology_up direct || return 1
	iperf_start && nginx_start server || return 1
	if is_process; then
		process_start
		return
	fi
	ip -n "$NS-gateway" route add 10.64.0.0/10 via 10.0.0.10
	ip -n "$NS-gateway" route add 10.128.0.0/16 via 10.0.0.10
	# What comes back to the flood's clients ends here.
	sink client eth0 sport
	# What the generator makes needs an interface that polls, as a network card does; nothing else changes.
	in_gateway ethtool -K lan gro on >/dev/null
	ip -n "$NS-server" link set eth0 xdpgeneric obj "$BUILD/tests/bench/reflect.bpf.o" sec xdp || return 1
	ip -j -n "$NS-gateway" link show lan | jq -r '.[0].address' >"$WORK/mac"
	case $1 in
	plain) ip -n "$NS-server" route add 10.0.0.0/8 via 198.51.100.1 ;;
	kernel | k?) kernel_start ;;
	fastpath | queue) sluice_start ;;
	*) return 1 ;;
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
	kernel | k?) in_gateway sysctl -n net.netfilter.nf_conntrack_count ;;
	*) status .sessions.current ;;
	esac
}

# installed: how many of them the fast path forwards.
installed() { status .fastpath.installed; }

# memory: bytes that the sessions there occupy and what holds them. Kernel: its objects in use, since it keeps
# the pages of those it has freed; sluice: the daemon's pages, and what the kernel accounts for its BPF maps.
memory() {
	case $GATEWAY in
	kernel) awk 'NR > 2 { sum += $2 * $4 } END { printf "%.0f\n", sum }' /proc/slabinfo ;;
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
	is_sluice || { echo 0 && return; }
	awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$(pid_of sluiced)/stat"
}
# stolen: jiffies that the machine beneath this one gave to others.
stolen() { awk '/^cpu / { print $9 }' /proc/stat; }

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A path with a narrow link in the middle, beyond the gateway:
#
#   client 10.0.0.10 ── lan gateway wan ── near ──(1400)── far ── server 203.0.113.2, .3, .4
#          fd00:0:0:1::10  198.51.100.1   198.51.100.254              2001:db8:2::2
#                          2001:db8::1
#
# To 203.0.113.3 and .4 it is narrower still: 1300 and 1000. Sourced after lib.sh.

path_up() {
	: "${NS:=${NET_PREFIX:-slt$$}}"
	WORK=$(mktemp -d "/tmp/$NS.XXXXXX") && chmod 755 "$WORK"
	export NS WORK
	local host hosts="client gateway near far server"
	for host in $hosts; do
		ip netns add "$NS-$host" || return 1
		ip -n "$NS-$host" link set lo up
		inside "$host" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
			net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	done
	echo "$hosts" >"$WORK/hosts.$NS"
	cable client eth0 gateway lan
	cable gateway wan near eth0
	cable near narrow far narrow
	cable far eth0 server eth0
	ip -n "$NS-near" link set narrow mtu 1400
	ip -n "$NS-far" link set narrow mtu 1400
	client_addresses client 10
	path_address gateway lan 10.0.0.1 fd00:0:0:1::1
	path_address gateway wan 198.51.100.1 2001:db8::1
	path_address near eth0 198.51.100.254 2001:db8::fe
	path_address near narrow 192.0.2.1 2001:db8:1::1
	path_address far narrow 192.0.2.2 2001:db8:1::2
	path_address far eth0 203.0.113.1 2001:db8:2::1
	path_address server eth0 203.0.113.2 2001:db8:2::2
	ip -n "$NS-server" addr add 203.0.113.3/24 dev eth0
	ip -n "$NS-server" addr add 203.0.113.4/24 dev eth0
	path_default gateway 198.51.100.254 2001:db8::fe
	path_default near 192.0.2.2 2001:db8:1::2
	path_default far 192.0.2.1 2001:db8:1::1
	path_default server 203.0.113.1 2001:db8:2::1
	# IPv6 is filtered, not translated. No route to 10.0.0.0/8: what leaks is not answered.
	ip -n "$NS-near" -6 route add fd00:0:0:1::/64 via 2001:db8::1
	ip -n "$NS-near" route add 203.0.113.3 via 192.0.2.2 mtu lock 1300
	ip -n "$NS-near" route add 203.0.113.4 via 192.0.2.2 mtu lock 1000
}

path_address() {
	ip -n "$NS-$1" addr add "$3/24" dev "$2"
	ip -n "$NS-$1" addr add "$4/64" dev "$2" nodad
}

path_default() {
	ip -n "$NS-$1" route add default via "$2"
	ip -n "$NS-$1" -6 route add default via "$3"
}

# The routers say nothing any more about packets that are too big.
path_silent() {
	local host
	for host in near far; do
		inside "$host" nft -f - <<-'RULES'
		table inet silent {
			chain output {
				type filter hook output priority filter;
				icmp type destination-unreachable drop
				icmpv6 type packet-too-big drop
			}
		}
		RULES
	done
}

path_speaks() {
	local host
	for host in near far; do
		inside "$host" nft delete table inet silent 2>/dev/null
	done
	return 0
}

# What hosts have learned of paths is forgotten: each test begins anew.
path_forget() {
	local host
	for host in client server gateway; do
		ip -n "$NS-$host" route flush cache
		ip -n "$NS-$host" -6 route flush cache
		inside "$host" sh -c 'echo 1 >/proc/sys/net/ipv4/tcp_no_metrics_save; ip tcp_metrics flush' >/dev/null 2>&1
	done
	return 0
}

# The lan may go out, and in to port 8080 at the client's; further lines of the chain as arguments.
rules_path() {
	printf 'table inet gateway {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n'
	[[ $# -eq 0 ]] || printf '\t\t%s\n' "$@"
	cat <<-'RULES'
			ct state vmap { established : accept, related : accept, invalid : drop }
			iifname "lan" oifname "wan" accept
			iifname "wan" oifname "lan" tcp dport { 80, 5201 } accept
			iifname "wan" oifname "lan" meta l4proto udp accept
		}
		chain prerouting {
			type nat hook prerouting priority dstnat;
			iifname "wan" ip daddr 198.51.100.1 tcp dport 8080 dnat ip to 10.0.0.10:80
			iifname "wan" ip daddr 198.51.100.1 udp dport 7000-7999 dnat ip to 10.0.0.10
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname "wan" ip saddr 10.0.0.0/24 masquerade
		}
	}
	RULES
}

# path_gateway SETTING [RULE...]: sluiced anew, and nothing known of any path.
path_gateway() {
	local setting=$1
	shift
	gateway_stop
	path_forget
	{ gateway_block "$setting"; rules_path "$@"; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
}

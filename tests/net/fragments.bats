#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Fragments through the gateway (RFC 4787 section 11): put together by the kernel, judged and
# translated whole, and sent on in pieces again.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	start echo server "$PYTHON" "$NET/path_ends.py" whole 9010
	start echo-inside client "$PYTHON" "$NET/path_ends.py" whole 7010
	wait_for 5 grep -q ready "$WORK/echo.log"
	wait_for 5 grep -q ready "$WORK/echo-inside.log"
	gateway_start <<-'RULES'
	table inet gateway {
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			iifname "lan" oifname "wan" accept
			iifname "wan" oifname "lan" udp dport 7010 accept
		}
		chain prerouting {
			type nat hook prerouting priority dstnat;
			iifname "wan" ip daddr 198.51.100.1 udp dport 7010 dnat ip to 10.0.0.10
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname "wan" ip saddr 10.0.0.0/24 masquerade
		}
	}
	RULES
}

teardown_file() { topology_down; }
teardown() { explain; }

# heard LOG TEXT: the whole datagrams that arrived there so far
heard() { wait_for 2 grep -q -- "$2" "$WORK/$1.log"; }
pieces() { inside "$1" "$PYTHON" "$NET/fragments.py" "${@:2}"; }
# exchange HOST ADDRESS PORT BYTES: a datagram of that size and its answer, whole, both ways
exchange() { inside "$1" "$PYTHON" "$NET/path_ends.py" exchange "${@:2}"; }

@test "RFC4787-REQ-14a UDP up to 64 KB, there and back, IPv4 through NAT and IPv6" {
	local size
	# The longest packet that NFQUEUE's messages hold has 65,531 bytes.
	for size in 1473 4000 9000 65503; do
		exchange client 198.51.100.2 9010 $size
		exchange client 2001:db8::2 9010 $((size > 65000 ? 65483 : size))
	done
	[[ $(status .packets.truncated) -eq 0 ]]
}

@test "the same through a port forward, from the outside" {
	exchange server 198.51.100.1 7010 4000
	exchange server 198.51.100.1 7010 65503
}

@test "RFC4787-REQ-14a out of order, IPv4 and IPv6, in both directions" {
	local before
	for what in reversed shuffled; do
		before=$(grep -c '^4096 ' "$WORK/echo.log" || true)
		pieces client $what eth0 10.0.0.10 198.51.100.2 9010
		wait_for 2 eval "[[ \$(grep -c '^4096 ' '$WORK/echo.log') -gt $before ]]"
		pieces client $what eth0 fd00:0:0:1::10 2001:db8::2 9010
		wait_for 2 eval "[[ \$(grep -c '^4096 ' '$WORK/echo.log') -gt $((before + 1)) ]]"
		before=$(grep -c '^4096 ' "$WORK/echo-inside.log" || true)
		pieces server $what eth0 198.51.100.2 198.51.100.1 7010
		wait_for 2 eval "[[ \$(grep -c '^4096 ' '$WORK/echo-inside.log') -gt $before ]]"
	done
	grep -q '^4096 198.51.100.1 ' "$WORK/echo.log"
}

@test "large ping, IPv4 and IPv6: requests and replies in pieces" {
	in_client ping -q -c 3 -i 0.05 -W 2 -s 8000 198.51.100.2
	in_client ping -q -c 3 -i 0.05 -W 2 -s 60000 198.51.100.2
	in_client ping -q -c 3 -i 0.05 -W 2 -s 8000 2001:db8::2
}

@test "a DNS answer of 4 KB by UDP" {
	command -v dig >/dev/null || skip "no dig here"
	start names server "$PYTHON" "$NET/path_ends.py" names 53
	wait_for 3 grep -q ready "$WORK/names.log"
	run -0 in_client dig @198.51.100.2 +ignore +bufsize=8192 +tries=1 +time=3 big.example TXT
	[[ "$output" == *"status: NOERROR"*"MSG SIZE"* ]]
	[[ $(grep -oE 'rcvd: [0-9]+' <<<"$output" | grep -oE '[0-9]+') -gt 4000 ]]
	stop names
}

@test "overlapping, incomplete, too long: nothing goes out" {
	capture_start leaks server "host 198.51.100.1 and udp or ip[6:2] & 0x1fff != 0"
	capture_start leaks6 server "ip6 and not icmp6"
	pieces client overlapping eth0 10.0.0.10 198.51.100.2 9010
	pieces client overlapping eth0 fd00:0:0:1::10 2001:db8::2 9010
	pieces client gap eth0 10.0.0.10 198.51.100.2 9010
	pieces client beyond eth0 10.0.0.10 198.51.100.2 9010
	sleep 1
	[[ $(capture_count leaks) -eq 0 ]]
	[[ $(capture_count leaks6) -eq 0 ]]
}

@test "RFC4787-REQ-14 a flood of fragments that never become whole: bounded, and others go on" {
	local mac before after limit held
	mac=$(in_client ip -j neigh show 10.0.0.1 | jq -r '.[0].lladdr')
	in_gateway sysctl -qw net.ipv4.ipfrag_low_thresh=1500000 net.ipv4.ipfrag_high_thresh=2000000
	limit=$(in_gateway sysctl -n net.ipv4.ipfrag_high_thresh)
	before=$(status .packets.received)
	pieces client flood eth0 10.0.0.10 198.51.100.2 9010 "$mac"
	# The kernel holds no more than its limit, and the daemon heard nothing of it.
	held=$(in_gateway awk '/^FRAG:/ { print $5 }' /proc/net/sockstat)
	echo "$held bytes held"
	[[ $held -gt 100000 && $held -le $((limit + 65536)) ]]
	after=$(status .packets.received)
	[[ $((after - before)) -lt 100 ]]
	in_client ping -q -c 3 -i 0.05 -W 2 198.51.100.2
	exchange client 198.51.100.2 9010 1000
	in_client2 ping -q -c 3 -i 0.05 -W 2 -s 1400 198.51.100.2
}

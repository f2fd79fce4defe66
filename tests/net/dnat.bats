#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Port forwards, from outside and from inside (hairpin).

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	for host in client client2 server; do
		nginx_start "$host"
	done
	responder_start client
	responder_start server
	gateway_start <<-'RULES'
	table inet gateway {
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			iifname "lan" accept
			iifname "wan" ip daddr 10.0.0.10 tcp dport 80 accept
			iifname "wan" ip daddr 10.0.0.10 udp dport { 7, 9 } accept
			iifname "wan" ip daddr 10.0.0.11 tcp dport 80 accept
		}
		chain prerouting {
			type nat hook prerouting priority dstnat;
			ip daddr 198.51.100.1 tcp dport 80 dnat ip to 10.0.0.10
			iifname "wan" udp dport { 7, 9 } dnat ip to 10.0.0.10
			iifname "wan" tcp dport 8080 dnat ip to 10.0.0.11:80
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname "wan" masquerade
		}
	}
	RULES
}

teardown_file() { topology_down; }
teardown() { explain; }

@test "DNAT from outside: TCP, and the inner server sees who asks" {
	run -0 fetch server http://198.51.100.1/name
	[[ "$output" == client ]]
	run -0 fetch server http://198.51.100.1/ip
	[[ "$output" == "198.51.100.2 "* ]]
}

@test "DNAT from outside to another port" {
	run -0 fetch server http://198.51.100.1:8080/name
	[[ "$output" == client2 ]]
}

@test "DNAT from outside: UDP" {
	run -0 probe server udp 198.51.100.1 7
	[[ "$output" == "198.51.100.2 "* ]]
}

@test "a port that is not forwarded is not open inside" {
	capture_start inbound client "tcp dst port 7"
	# No input chain: the gateway itself answers that nobody listens.
	run -1 probe server tcp 198.51.100.1 7 --timeout 1
	[[ "$output" == refused ]]
	[[ $(capture_count inbound) -eq 0 ]]
}

@test "RFC4787-REQ-9 hairpin: one inner host reaches another by the external address" {
	run -0 fetch client2 http://198.51.100.1/name
	[[ "$output" == client ]]
	# REQ-9a: the inner server sees the external address.
	run -0 fetch client2 http://198.51.100.1/ip
	[[ "$output" == "198.51.100.1 "* ]]
}

@test "RFC5382-REQ-8 hairpin: an inner host reaches itself by the external address" {
	run -0 fetch client http://198.51.100.1/name
	[[ "$output" == client ]]
}

@test "outbound goes on beside the port forwards, port 80 too" {
	run -0 fetch client http://198.51.100.2/name
	[[ "$output" == server ]]
	run -0 fetch client2 http://198.51.100.2/ip
	[[ "$output" == "198.51.100.1 "* ]]
}

@test "the sessions say how they are translated" {
	start held server "$PYTHON" "$NET/probe.py" udp 198.51.100.1 7 --sport 45678 --hold 10
	wait_for 5 grep -q 198.51.100.2 "$WORK/held.log"
	run -0 --separate-stderr control -j sessions -p udp --sport 45678
	stop held
	jq -se 'length == 1 and .[0].nat == "dnat" and .[0].original.dst == "198.51.100.1"
		and .[0].reply.src == "10.0.0.10"' <<<"$output"
}

@test "RFC5508-REQ-4: an error about a forwarded port does not show the inside" {
	capture_start wire server "$INTERNAL"
	# Nobody listens on port 9 of the client: its answer quotes 10.0.0.10 until it is translated.
	run -1 probe server udp 198.51.100.1 9
	[[ "$output" == refused ]]
	[[ $(capture_count wire) -eq 0 ]]
}

@test "the gateway's own errors do not show the inside" {
	capture_start wire server icmp
	# The kernel limits its errors to one a second for each destination.
	for _ in 1 2 3; do
		run probe server udp 198.51.100.1 7 --ttl 1 --timeout 1
	done
	stop wire INT
	[[ $(tcpdump -n -r "$WORK/wire.pcap" 'icmp[0] == 11' 2>/dev/null | wc -l) -ge 1 ]]
	[[ $(tcpdump -n -r "$WORK/wire.pcap" "$INTERNAL" 2>/dev/null | wc -l) -eq 0 ]]
}

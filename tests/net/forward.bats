#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Traffic from the inside out, and what must not come in.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	responder_start server
	responder_start client
	nginx_start server
	gateway_start <<-'RULES'
	table inet gateway {
		chain input {
			type filter hook input priority filter; policy drop;
			ct state established,related accept
			iifname "lan" accept
			meta l4proto ipv6-icmp accept
		}
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			iifname "lan" tcp dport 81 reject with tcp reset
			iifname "lan" udp dport 81 reject
			iifname "lan" oifname "wan" accept
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

@test "TCP through masquerade: the server sees the external address" {
	run -0 probe client tcp 198.51.100.2 7
	[[ "$output" == "198.51.100.1 "* ]]
	run -0 fetch client http://198.51.100.2/ip
	[[ "$output" == "198.51.100.1 "* ]]
}

@test "UDP through masquerade" {
	run -0 probe client udp 198.51.100.2 7
	[[ "$output" == "198.51.100.1 "* ]]
}

@test "ICMP echo through masquerade" {
	capture_start echo server icmp
	in_client ping -q -c 5 -i 0.05 -W 2 198.51.100.2
	[[ $(capture_count echo "src host 198.51.100.1 and icmp[0] == 8") -eq 5 ]]
}

@test "RFC4787-REQ-3: the source port is kept where nobody else has it" {
	run -0 probe client udp 198.51.100.2 7 --sport 41000
	[[ "$output" == "198.51.100.1 41000" ]]
	run -0 probe client tcp 198.51.100.2 7 --sport 41001
	[[ "$output" == "198.51.100.1 41001" ]]
}

@test "two clients with the same source port to one server, TCP" {
	start held client "$PYTHON" "$NET/probe.py" tcp 198.51.100.2 7 --sport 40000 --hold 20
	wait_for 5 grep -q 198.51.100.1 "$WORK/held.log"
	run -0 probe client2 tcp 198.51.100.2 7 --sport 40000
	[[ "$output" == "198.51.100.1 "* ]]
	[[ "$output" != "$(head -1 "$WORK/held.log")" ]]
	# The first one still works, by the port it had.
	local lines
	lines=$(wc -l <"$WORK/held.log")
	wait_for 3 eval "[[ \$(wc -l <'$WORK/held.log') -gt $((lines + 2)) ]]"
	[[ $(sort -u "$WORK/held.log" | wc -l) -eq 1 ]]
	stop held
}

@test "two clients with the same source port to one server, UDP" {
	start held client "$PYTHON" "$NET/probe.py" udp 198.51.100.2 7 --sport 40000 --hold 20
	wait_for 5 grep -q 198.51.100.1 "$WORK/held.log"
	run -0 probe client2 udp 198.51.100.2 7 --sport 40000
	[[ "$output" == "198.51.100.1 "* ]]
	[[ "$output" != "$(head -1 "$WORK/held.log")" ]]
	stop held
}

@test "two clients with the same echo identifier to one server" {
	start held client ping -e 777 -i 0.1 -c 30 198.51.100.2
	wait_for 5 grep -q 'icmp_seq=3' "$WORK/held.log"
	run -0 in_client2 ping -e 777 -q -c 3 -i 0.05 -W 2 198.51.100.2
	[[ "$output" == *" 0% packet loss"* ]]
	wait_for 3 grep -q 'icmp_seq=12' "$WORK/held.log"
	stop held INT
	grep -q ' 0% packet loss' "$WORK/held.log"
}

@test "RFC5508-REQ-9: an ICMP error from outside reaches the client that caused it" {
	run -1 probe client udp 198.51.100.2 4444
	[[ "$output" == refused ]]
}

@test "a path seen by TTL: the gateway and errors from it" {
	run -2 probe client udp 198.51.100.2 7 --ttl 1 --timeout 1
	run in_client ping -t 1 -c 1 -W 2 198.51.100.2
	[[ "$output" == *"10.0.0.1 "*"Time to live exceeded"* ]]
}

@test "IPv6 is forwarded under the same filter, untranslated" {
	run -0 probe client tcp 2001:db8::2 7
	[[ "$output" == "fd00:0:0:1::10 "* ]]
	run -0 probe client udp 2001:db8::2 7
	[[ "$output" == "fd00:0:0:1::10 "* ]]
	in_client ping -q -c 3 -i 0.05 -W 2 2001:db8::2
	run -0 fetch client 'http://[2001:db8::2]/ip'
	[[ "$output" == "fd00:0:0:1::10 "* ]]
}

@test "IPv6 from outside that nothing allows is dropped by policy" {
	local before
	before=$(status .drops.policy)
	capture_start inbound client "ip6 and tcp dst port 7"
	run -2 probe server tcp fd00:0:0:1::10 7 --timeout 1
	[[ $(capture_count inbound) -eq 0 ]]
	[[ $(status .drops.policy) -gt $before ]]
}

@test "inbound to the gateway that nothing allows is dropped by policy" {
	local before
	before=$(status .drops.policy)
	run -2 probe server tcp 198.51.100.1 2222 --timeout 1
	[[ $(status .drops.policy) -gt $before ]]
	before=$(status .drops.policy)
	run -2 probe server udp 198.51.100.1 2222 --timeout 1
	[[ $(status .drops.policy) -gt $before ]]
}

@test "inbound straight to an internal address is dropped with a reason" {
	local before
	ip -n "$NS-server" route add 10.0.0.0/24 via 198.51.100.1
	before=$(status '[.drops[]] | add')
	capture_start inbound client "tcp dst port 7"
	run -2 probe server tcp 10.0.0.10 7 --timeout 1
	ip -n "$NS-server" route del 10.0.0.0/24
	[[ $(capture_count inbound) -eq 0 ]]
	[[ $(status '[.drops[]] | add') -gt $before ]]
}

@test "reject with tcp reset: refused at once" {
	local before
	before=$(status .drops.rejected)
	run -1 probe client tcp 198.51.100.2 81
	[[ "$output" == refused ]]
	run -1 probe client tcp 2001:db8::2 81
	[[ "$output" == refused ]]
	[[ $(status .drops.rejected) -ge $((before + 2)) ]]
}

@test "reject without more: port unreachable" {
	capture_start answer client icmp
	run -1 probe client udp 198.51.100.2 81
	[[ "$output" == refused ]]
	[[ $(capture_count answer "icmp[0] == 3 and icmp[1] == 3") -eq 1 ]]
	run -1 probe client udp 2001:db8::2 81
	[[ "$output" == refused ]]
}

@test "RFC4787-REQ-14: fragments both ways through masquerade" {
	capture_start wire server "$INTERNAL"
	in_client ping -q -c 3 -i 0.05 -W 2 -s 4000 198.51.100.2
	run -0 probe client udp 198.51.100.2 7 --size 8000
	[[ "$output" == same ]]
	in_client ping -q -c 3 -i 0.05 -W 2 -s 4000 2001:db8::2
	[[ $(capture_count wire) -eq 0 ]]
}

@test "the gateway itself talks to both sides" {
	in_gateway ping -q -c 2 -i 0.05 -W 2 198.51.100.2
	in_gateway ping -q -c 2 -i 0.05 -W 2 10.0.0.10
	run -0 inside gateway curl -sS --max-time 5 http://198.51.100.2/ip
	[[ "$output" == "198.51.100.1 "* ]]
	in_client ping -q -c 2 -i 0.05 -W 2 10.0.0.1
}

@test "many short connections: none fails" {
	run -0 inside client bash -c 'for i in {1..20}; do
		curl -sS --max-time 5 http://198.51.100.2/name http://198.51.100.2/ip || exit 1; done'
	[[ $(grep -c '^198.51.100.1 ' <<<"$output") -eq 20 ]]
	[[ $(status '.drops.invalid + .drops["bad-l4-checksum"] + .drops.untranslated') -eq 0 ]]
}

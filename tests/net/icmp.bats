#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# ICMP errors through the gateway, by the tools that live on them: traceroute, mtr and
# tracepath see every hop, from the inside and from the outside through a port forward.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"
source "$BATS_TEST_DIRNAME/path.sh"

setup_file() {
	path_up
	nginx_start server
	nginx_start client
	responder_start server
	path_gateway 'black-holes report'
	# Hosts answer a traceroute as often as it asks.
	local host
	for host in client gateway near far server; do
		inside "$host" sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 \
			net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=100000 2>/dev/null || true
	done
}

teardown_file() { topology_down; }
teardown() { explain; }

# hops TEXT: the addresses that answered, in order
hops() { awk '$1 ~ /^[0-9]+:?\|?$/ { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9a-f.:]+[.:][0-9a-f.:]+$/) { print $i; break } }' | uniq; }

OUT='10.0.0.1
198.51.100.254
192.0.2.2
203.0.113.2'
OUT6='fd00:0:0:1::1
2001:db8::fe
2001:db8:1::2
2001:db8:2::2'
# From the outside the server inside is the gateway's address.
IN='203.0.113.1
192.0.2.1
198.51.100.1'

@test "traceroute from the inside by UDP, ICMP and TCP: every hop" {
	local method
	for method in '-U -p 4444' -I '-T -p 80'; do
		# shellcheck disable=SC2086 # options are words
		run -0 in_client traceroute -n -q 1 -w 1 -N 1 $method 203.0.113.2
		[[ "$(hops <<<"$output")" == "$OUT" ]] || { echo "$method: $output"; false; }
	done
}

@test "traceroute over IPv6 by UDP, ICMP and TCP: every hop" {
	local method
	for method in '-U -p 4444' -I '-T -p 80'; do
		# shellcheck disable=SC2086
		run -0 in_client traceroute -6 -n -q 1 -w 1 -N 1 $method 2001:db8:2::2
		[[ "$(hops <<<"$output")" == "$OUT6" ]] || { echo "$method: $output"; false; }
	done
}

@test "mtr by ICMP, UDP and TCP: every hop, nothing lost" {
	local method
	for method in '' '--udp' '--tcp -P 80'; do
		# shellcheck disable=SC2086
		run -0 in_client mtr -4 -n -r -c 3 -i 0.2 -G 1 $method 203.0.113.2
		[[ "$(sed 's/.|--//' <<<"$output" | hops)" == "$OUT" ]] || { echo "$method: $output"; false; }
		! grep -q '33.3%\|66.7%\|100.0' <<<"$output" || { echo "$method: $output"; false; }
	done
}

@test "tracepath: every hop, and the path MTU" {
	run -0 in_client tracepath -n -m 8 203.0.113.2
	[[ "$(sed 's/: */ /' <<<"$output" | hops | grep -v localhost | uniq)" == *"198.51.100.254"*"203.0.113.2"* ]]
	[[ "$output" == *"pmtu 1400"* ]]
}

@test "from the outside through a port forward: UDP and TCP traceroute see every hop, nothing internal shows" {
	capture_start quoted server icmp
	run -0 inside server traceroute -n -q 1 -w 1 -N 1 -U -p 7001 198.51.100.1
	[[ "$(hops <<<"$output")" == "$IN" ]] || { echo "$output"; false; }
	run -0 inside server traceroute -n -q 1 -w 1 -N 1 -T -p 8080 198.51.100.1
	[[ "$(hops <<<"$output")" == "$IN" ]] || { echo "$output"; false; }
	# What died at the gateway after its destination was translated is quoted as it was sent.
	[[ $(capture_count quoted "$INTERNAL") -eq 0 ]]
	tcpdump -nr "$WORK/quoted.pcap" 2>/dev/null | grep -q '198.51.100.1 > 203.0.113.2: ICMP time exceeded'
}

@test "RFC5508-REQ-4 what the outside says about packets from the inside arrives with the error that was sent" {
	# Closed port, no route, forbidden, and a TTL that ends on the way, each as its own error.
	run -1 probe client udp 203.0.113.2 4444
	[[ "$output" == refused ]]
	inside far ip route add unreachable 203.0.113.77
	inside far ip route add prohibit 203.0.113.78
	# A router says such things about once a second.
	run in_client ping -c 3 -i 1 -W 1 203.0.113.77
	[[ "$output" == *"From 192.0.2.2 "*"Destination Host Unreachable"* ]]
	run in_client ping -c 3 -i 1 -W 1 203.0.113.78
	[[ "$output" == *"From 192.0.2.2 "*"Packet filtered"* ]]
	run in_client ping -t 3 -c 1 -W 1 203.0.113.2
	[[ "$output" == *"From 192.0.2.2 "*"Time to live exceeded"* ]]
}

@test "RFC5508-REQ-5 an error from a host inside leaves with the external address and quotes the external endpoint" {
	capture_start closed server icmp
	# Nobody listens on 7002 inside.
	run -1 inside server "$PYTHON" "$NET/probe.py" udp 198.51.100.1 7002
	[[ "$output" == refused ]]
	[[ $(capture_count closed "$INTERNAL") -eq 0 ]]
	tcpdump -nr "$WORK/closed.pcap" 2>/dev/null | grep -q '198.51.100.1 > 203.0.113.2: ICMP 198.51.100.1 udp port 7002 unreachable'
}

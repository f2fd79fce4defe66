#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A narrow link beyond the gateway whose routers say nothing: the black hole is noticed,
# named, clamped and repaired; and what only looks like one is not.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"
source "$BATS_TEST_DIRNAME/path.sh"

setup_file() {
	path_up
	mkdir -p "$WORK/www"
	head -c 10000000 /dev/urandom >"$WORK/www/big"
	nginx_start server
	nginx_start client
	path_silent
}

teardown_file() { topology_down; }
teardown() { explain; }

download() { fetch "$1" "$2" -o "$WORK/got-$1" --max-time "${3:-20}" && cmp "$WORK/www/big" "$WORK/got-$1"; }

# upload ADDRESS PORT [SECONDS]: the big file, from the client to a server that writes it down
upload() {
	start "sink$2" server sh -c "nc -l -p $2 >$WORK/sunk$2"
	wait_for 3 eval "inside server ss -ltn | grep -q :$2"
	timeout "${3:-20}" nsenter --net="/run/netns/$NS-client" -- nc -N "$1" "$2" <"$WORK/www/big"
	wait_for 3 cmp "$WORK/www/big" "$WORK/sunk$2"
}

holes() { status '[.black_holes[] | "\(.destination) \(.works) \(.fails) \(.action)"] | join("; ")'; }
no_holes() { [[ -z "$(holes)" && $(status '.alerts | map(select(.name == "black-hole")) | length') -eq 0 ]]; }
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

@test "report: the download hangs, is named within seconds, and nothing else changes" {
	path_gateway 'black-holes report'
	start hangs server curl -s --max-time 8 -o /dev/null http://198.51.100.1:8080/big
	wait_for 5 eval '[[ "$(holes)" == "203.0.113.2 "*" 1500 report" ]]'
	status .alerts | jq -e 'map(select(.name == "black-hole" and .subject == "203.0.113.2")) | length == 1'
	control status | grep -q 'black hole *203.0.113.2'
	wait_for 10 gone hangs
	[[ $(status .mss.clamped) -eq 0 && $(status .icmp.frag_needed) -eq 0 ]]
	run ! download server http://198.51.100.1:8080/big 3
	# Small requests work all the while.
	fetch server http://198.51.100.1:8080/ip
}

@test "clamp: the first download hangs, new connections work, the path MTU is found to the byte" {
	path_gateway 'black-holes clamp'
	run ! download server http://198.51.100.1:8080/big 8
	[[ "$(holes)" == "203.0.113.2 1400 1401 clamp" ]]
	download server http://198.51.100.1:8080/big
	[[ $(status .mss.clamped) -ge 2 ]]
	control -j sessions -s 203.0.113.2 | jq -se 'length > 0 and all(.path_mtu == 1400)'
	# From the inside too: nothing passes large in either direction.
	download client http://203.0.113.2/big
}

@test "repair: the hanging download through a port forward completes" {
	local begin found end
	path_gateway 'black-holes repair'
	begin=$(now_ms)
	start hangs server curl -s --max-time 20 -o "$WORK/got" http://198.51.100.1:8080/big
	wait_for 10 eval '[[ -n "$(holes)" ]]'
	found=$(now_ms)
	wait_for 15 gone hangs
	end=$(now_ms)
	cmp "$WORK/www/big" "$WORK/got"
	[[ "$(holes)" == "203.0.113.2 1400 1401 repair" ]]
	echo "# detection $((found - begin)) ms, recovery $((end - begin)) ms" >&3
	# A second one of the same sender is told nothing: its kernel knows.
	download server http://198.51.100.1:8080/big 3
}

@test "repair: an upload from the inside completes" {
	path_gateway 'black-holes repair'
	upload 203.0.113.2 9001
	[[ "$(holes)" == "203.0.113.2 1400 1401 repair" ]]
	inside client ip route get 203.0.113.2 | grep -q 'mtu 1400'
}

@test "RFC8201 repair over IPv6: a download from the inside, and an upload" {
	path_gateway 'black-holes repair'
	download server 'http://[fd00:0:0:1::10]/big'
	[[ "$(holes)" == "2001:db8:2::2 1400 1401 repair" ]]
	inside client ip -6 route get 2001:db8:2::2 | grep -q 'mtu 1400'
	path_gateway 'black-holes repair'
	start sink server sh -c "nc -6 -l -p 9002 >$WORK/sunk6"
	wait_for 3 eval "inside server ss -ltn | grep -q :9002"
	timeout 20 nsenter --net="/run/netns/$NS-client" -- nc -N 2001:db8:2::2 9002 <"$WORK/www/big"
	wait_for 3 cmp "$WORK/www/big" "$WORK/sunk6"
	[[ "$(holes)" == "2001:db8:2::2 1400 1401 repair" ]]
}

@test "repair: an upload and a download at once, iperf3 in both directions" {
	path_gateway 'black-holes repair'
	start slow server curl -s --max-time 20 -o "$WORK/got" http://198.51.100.1:8080/big
	upload 203.0.113.2 9003
	wait_for 15 gone slow
	cmp "$WORK/www/big" "$WORK/got"
	start iperf server iperf3 -s -1
	wait_for 3 eval "inside server ss -ltn | grep -q :5201"
	# The reverse direction's packets vanish before they come here: the clamp carries it.
	in_client iperf3 -c 203.0.113.2 -n 5M --bidir --connect-timeout 3000 >"$WORK/iperf.txt"
}

@test "repair: the path narrows in the middle of a transfer, whoever forwards it by then" {
	path_gateway 'black-holes repair'
	ip -n "$NS-near" link set narrow mtu 1500
	ip -n "$NS-far" link set narrow mtu 1500
	# The receiver buffers little: most of the file is still to be sent when the path narrows.
	inside server sysctl -qw net.ipv4.tcp_rmem='4096 65536 131072'
	start hangs server curl -s --max-time 20 --limit-rate 2M -o "$WORK/got" http://198.51.100.1:8080/big
	sleep 1.5
	[[ "$(status .fastpath.mode)" == off || $(status .fastpath.hits) -gt 0 ]]
	no_holes
	ip -n "$NS-near" link set narrow mtu 1400
	ip -n "$NS-far" link set narrow mtu 1400
	wait_for 20 gone hangs
	cmp "$WORK/www/big" "$WORK/got"
	[[ "$(holes)" == "203.0.113.2 1400 1401 repair" ]]
}

@test "three black holes with different MTUs" {
	path_gateway 'black-holes repair'
	upload 203.0.113.2 9004 &
	upload 203.0.113.3 9005 &
	upload 203.0.113.4 9006 &
	wait
	cmp "$WORK/www/big" "$WORK/sunk9004"
	cmp "$WORK/www/big" "$WORK/sunk9005"
	cmp "$WORK/www/big" "$WORK/sunk9006"
	status '[.black_holes[] | "\(.destination) \(.works) \(.fails)"] | sort | join("; ")' >"$WORK/three"
	[[ "$(cat "$WORK/three")" == "203.0.113.2 1400 1401; 203.0.113.3 1300 1301; 203.0.113.4 1000 1001" ]]
}

@test "1,000 connections through one: one alert, and all complete" {
	path_gateway 'black-holes repair'
	start sink server "$PYTHON" "$NET/path_ends.py" sink 9007 1000
	wait_for 5 grep -q ready "$WORK/sink.log"
	# All begin at once; one of them finds out for the others.
	in_client "$PYTHON" "$NET/path_ends.py" send 203.0.113.2 9007 1000 20000
	wait_for 10 grep -q 'all 1000' "$WORK/sink.log"
	[[ $(grep -c 'black-hole: 203.0.113.2' "$WORK/sluiced.log") -eq 1 ]]
	[[ $(status '.black_holes | length') -eq 1 ]]
}

@test "no alarm: plain loss of a tenth of all packets" {
	path_speaks
	path_gateway 'black-holes repair'
	inside near nft 'add table inet loss; add chain inet loss f { type filter hook forward priority 0; };
		add rule inet loss f numgen random mod 10 == 0 drop'
	fetch server http://198.51.100.1:8080/big -o /dev/null --max-time 15 || true
	fetch client http://203.0.113.2/big -o /dev/null --max-time 10 || true
	inside near nft delete table inet loss
	path_silent
	no_holes
}

@test "no alarm: a peer that dies in the middle" {
	path_gateway 'black-holes repair'
	start dies server curl -s --max-time 12 --limit-rate 100k -o /dev/null http://198.51.100.1:8080/ip
	start sink server sh -c "nc -l -p 9008 >/dev/null"
	wait_for 3 eval "inside server ss -ltn | grep -q :9008"
	ip -n "$NS-near" route flush cache
	start dying client sh -c "(echo hello; sleep 1; cat $WORK/www/big) | timeout 8 nc 203.0.113.2 9008"
	sleep 0.5
	ip -n "$NS-server" link set eth0 down
	sleep 8
	no_holes
	ip -n "$NS-server" link set eth0 up
	path_default server 203.0.113.1 2001:db8:2::1 2>/dev/null || true
	wait_for 5 fetch client http://203.0.113.2/ip
}

@test "no alarm: a receiver that stops reading, and an application that is quiet" {
	path_speaks
	path_gateway 'black-holes repair'
	start stuck server "$PYTHON" "$NET/path_ends.py" stuck 9009
	wait_for 5 grep -q ready "$WORK/stuck.log"
	start talker client sh -c "timeout 8 nc 203.0.113.2 9009 <$WORK/www/big"
	start quiet client "$PYTHON" "$NET/path_ends.py" quiet 203.0.113.2 80 6
	sleep 8
	path_silent
	no_holes
}

@test "UDP: large datagrams that go unanswered beside small ones that are answered are reported" {
	path_gateway 'black-holes repair'
	start echo server "$PYTHON" "$NET/path_ends.py" echo 9010
	wait_for 5 grep -q ready "$WORK/echo.log"
	in_client "$PYTHON" "$NET/path_ends.py" datagrams 203.0.113.2 9010
	[[ "$(holes)" == "203.0.113.2 128 1478 report" ]]
	# Nothing is done about it: a new TCP connection announces what it wants.
	[[ $(status .mss.clamped) -eq 0 ]]
}

# A switch inside, before the client, that drops what is longer, as switches do: without a word.
inside_narrow() {
	inside client nft -f - <<-'RULES'
	table netdev narrow {
		chain arrive {
			type filter hook ingress device "eth0" priority 0;
			meta length > 1400 drop
		}
	}
	RULES
}

# The last one: what it changes stays so.
@test "repair: the sender is outside, and the narrow link that says nothing inside" {
	path_gateway 'black-holes repair'
	# The outside is as wide as it says.
	ip -n "$NS-near" link set narrow mtu 1500
	ip -n "$NS-far" link set narrow mtu 1500
	# One packet is one packet: a switch has no large segments.
	inside server ethtool -K eth0 tso off gso off 2>/dev/null
	inside client ethtool -K eth0 gro off 2>/dev/null
	inside_narrow
	capture_start told server 'icmp[0] == 3 and icmp[1] == 4'
	stop nginx-client
	start sink client sh -c "nc -l -p 80 >$WORK/sunk-inside"
	wait_for 3 eval "inside client ss -ltn | grep -q :80"
	timeout 30 nsenter --net="/run/netns/$NS-server" -- nc -N 198.51.100.1 8080 <"$WORK/www/big"
	wait_for 5 cmp "$WORK/www/big" "$WORK/sunk-inside"
	[[ "$(holes)" == "10.0.0.10 1400 1401 repair" ]]
	# It was told by the outside address, about what it had sent; and knows nothing of the inside.
	[[ $(capture_count told "src 198.51.100.1") -ge 1 ]]
	[[ $(capture_count told "$INTERNAL") -eq 0 ]]
	inside server ip route get 198.51.100.1 | grep -q 'mtu 1400'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# RFC4787-REQ-11: one external address with 10,000 ports, used to the last one by real connections; the kernel's
# own NAT beside it under the same load.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

SOURCES=10.0.0.10,10.0.0.101,10.0.0.102,10.0.0.103,10.0.0.104
SERVERS="2 3 4 5 6"

# All anew for each test: connections that ended at one side only must not be met again.
setup() {
	topology_up direct
	for last in 101 102 103 104 105; do
		ip -n "$NS-client" addr add "10.0.0.$last/24" dev eth0
	done
	for last in 3 4 5 6; do
		ip -n "$NS-server" addr add "198.51.100.$last/24" dev eth0
	done
	ip -n "$NS-gateway" addr add 198.51.100.7/32 dev wan
	in_client sysctl -qw net.ipv4.ip_local_port_range="1024 65535"
	start crowd-server server "$PYTHON" "$NET/crowd.py" serve 9000
	wait_for 5 eval '[[ $(grep -c ready "$WORK/crowd-server.log") -eq 4 ]]'
}

teardown() {
	explain
	topology_down
}

# gateway SETTING...: a fresh one whose only address has the ports 20000-29999.
gateway() {
	{
		gateway_block "capacity 131072" "sessions-per-source 0" "$@"
		rules_nat 'oifname "wan" meta l4proto tcp snat ip to 198.51.100.7:20000-29999'
	} >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
}

# crowd LAST [OPTION...]: 10,000 connections to 198.51.100.LAST, kept until the test ends.
crowd() {
	local last=$1
	shift
	start "crowd-$last" client "$PYTHON" "$NET/crowd.py" connect --stay "$@" --from "$SOURCES" \
		"198.51.100.$last:9000=10000"
	wait_for 60 grep -q done "$WORK/crowd-$last.log"
	echo "# $(head -1 "$WORK/crowd-$last.log")" >&3
}

# works LAST: how many of these work.
works() { head -1 "$WORK/crowd-$1.log" | jq .works; }

# one_more LAST: does one connection more come to be? From a host of its own: an endpoint of the others may
# have a mapping, which serves for another destination too.
one_more() {
	in_client "$PYTHON" "$NET/crowd.py" connect --timeout 2 --from 10.0.0.105 "198.51.100.$1:9000=1" |
		head -1 | jq .connected
}

# causes: every cause for which a session was refused, every reason for which a packet was dropped.
causes() {
	status '[.refusals, .drops | to_entries[] | select(.value > 0).key] | unique | join(" ")'
}

@test "10,000 ports are 10,000 connections to one destination, and the next is refused: pool-exhausted" {
	gateway "port-overloading no"
	crowd 2
	[ "$(works 2)" -eq 10000 ]
	[ "$(status '.pools[] | select(.protocol == "tcp") | "\(.address) \(.ports) \(.used)"')" = "198.51.100.7 10000 10000" ]
	[ "$(causes)" = "" ]
	[ "$(one_more 2)" -eq 0 ]
	[ "$(one_more 3)" -eq 0 ]
	[ "$(causes)" = pool-exhausted ]
}

@test "with overloading 10,000 to each of five destinations, and the next to each is refused: destination-exhausted" {
	gateway "port-overloading yes" "mapping address-and-port-dependent" "filtering address-and-port-dependent"
	for last in $SERVERS; do
		crowd "$last"
		[ "$(works "$last")" -eq 10000 ]
	done
	[ "$(causes)" = "" ]
	[ "$(status .sessions.current)" -eq 50000 ]
	for last in $SERVERS; do
		[ "$(one_more "$last")" -eq 0 ]
	done
	[ "$(causes)" = destination-exhausted ]
	# Nothing was taken from those that are there.
	[ "$(status '"\(.sessions.current) \(.sessions.evicted)"')" = "50000 0" ]
}

@test "the kernel's NAT under the same load, for comparison" {
	rules_nat 'oifname "wan" meta l4proto tcp snat ip to 198.51.100.7:20000-29999' | in_gateway nft -f -
	crowd 2 --timeout 5
	# How many it is depends on the draw; none can be beyond the ports there are.
	[ "$(works 2)" -le 10000 ]
}

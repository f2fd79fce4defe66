#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Hostile packets on a real wire; docs/hostile.md says which other tests there are.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	# The kernel's own filters must not be what drops them.
	in_gateway sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lan.rp_filter=0 net.ipv4.conf.wan.rp_filter=0
	in_gateway sysctl -qw net.ipv4.conf.all.accept_source_route=1 net.ipv4.conf.lan.accept_source_route=1 \
		net.ipv4.conf.wan.accept_source_route=1
	gateway_start < <(rules_default)
	start echo server "$PYTHON" "$NET/path_ends.py" whole 9
	wait_for 5 grep -q ready "$WORK/echo.log"
	in_client ping -q -c 1 -W 2 198.51.100.2
	in_client ip -j neigh show 10.0.0.1 | jq -r '.[0].lladdr' >"$WORK/mac.client"
	in_server ip -j neigh show 198.51.100.1 | jq -r '.[0].lladdr' >"$WORK/mac.server"
}

teardown_file() { topology_down; }
teardown() { explain; }

# hostile HOST WHAT SOURCE [DESTINATION]: towards the server's port 9
hostile() { inside "$1" "$PYTHON" "$NET/hostile.py" "$2" eth0 "$(<"$WORK/mac.$1")" "$3" "${4:-198.51.100.2}" 9; }

# dropped REASON NUMBER: so many more than $before
dropped() { wait_for 2 eval "(( \$(status '.drops[\"$1\"] // 0') == before + $2 ))"; }

# refuses WHAT REASON NUMBER: from inside; nothing of it goes out
refuses() {
	before=$(status ".drops[\"$2\"] // 0")
	capture_start leak server "host 198.51.100.1 and not arp and not ip6"
	hostile client "$1" 10.0.0.10
	dropped "$2" "$3"
	[[ $(capture_count leak) -eq 0 ]]
}

@test "source routes are refused, other options pass" {
	refuses loose-route bad-ip-header 1
	# A strict route that names another next hop, and options that cannot be read: the kernel was quicker.
	refuses strict-route bad-ip-header 0
	refuses broken-option bad-ip-header 0
	capture_start passes server "udp dst port 9"
	hostile client record-route 10.0.0.10
	captured passes 1
	[[ $(capture_count passes) -eq 1 ]]
}

@test "zero ports, lengths and checksums that are wrong" {
	refuses zero-ports bad-l4-header 3
	refuses lengths bad-l4-header 3
	refuses checksums bad-l4-checksum 3
}

@test "a header in two fragments, and fragments one within the other: nothing goes out" {
	capture_start leak server "host 198.51.100.1 and not arp and not ip6"
	hostile client tiny 10.0.0.10
	hostile client teardrop 10.0.0.10
	sleep 1
	[[ $(capture_count leak) -eq 0 ]]
	in_client ping -q -c 1 -W 2 198.51.100.2
}

@test "land: from the gateway's own address to itself" {
	before=$(status .drops.martian)
	hostile server udp 198.51.100.1 198.51.100.1
	hostile client udp 198.51.100.1 198.51.100.1
	dropped martian 2
}

@test "martians both ways: an inside host's name from outside on its own session, an outside one's from inside" {
	# The session of the inside host, with the same endpoints.
	hostile client udp 10.0.0.10
	wait_for 2 eval "control sessions | grep "dport=9 " | grep -qv UNREPLIED"
	before=$(status .drops.martian)
	capture_start leak server "src host 198.51.100.1 and udp dst port 9"
	hostile server udp 10.0.0.10
	hostile client udp 198.51.100.77
	dropped martian 2
	[[ $(capture_count leak) -eq 0 ]]
}

@test "with martians pass the same packet reaches the session" {
	{ gateway_block "martians pass"; rules_default; } >"$WORK/sluice.conf"
	control reload
	hostile client udp 10.0.0.10
	wait_for 2 eval "control sessions | grep "dport=9 " | grep -qv UNREPLIED"
	before=$(status .drops.martian)
	capture_start passes server "src host 198.51.100.1 and udp dst port 9"
	hostile server udp 10.0.0.10
	captured passes 1
	[[ $(capture_count passes) -eq 1 ]]
	dropped martian 0
}

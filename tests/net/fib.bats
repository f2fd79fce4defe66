#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# fib expressions that only the routing table can answer.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up direct
	gateway_start <<-'RULES'
	table inet gateway {
		chain prerouting {
			type filter hook prerouting priority raw;
			fib saddr . iif oif missing drop
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname "wan" ip saddr 10.0.0.0/24 masquerade
		}
	}
	RULES
	# The kernel's own filter must not be what drops them.
	in_gateway sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lan.rp_filter=0 net.ipv4.conf.wan.rp_filter=0
}

teardown_file() {
	gateway_stop
	topology_down
}

@test "reverse path: sources that are routed where they come from pass" {
	in_client ping -c 1 -W 2 198.51.100.2
	in_client ping -c 1 -W 2 2001:db8::2
}

@test "reverse path: spoofed sources are dropped by policy" {
	before=$(status .drops.policy)
	in_client ip addr add 172.31.9.9/32 dev lo
	in_client ip -6 addr add 2001:db8:99::9/128 dev lo
	run ! in_client ping -c 1 -W 1 -I 172.31.9.9 198.51.100.2
	run ! in_client ping -c 1 -W 1 -I 2001:db8:99::9 2001:db8::2
	(($(status .drops.policy) == before + 2))
}

@test "reverse path: a route that appears counts at once" {
	in_client ip addr replace 172.31.9.9/32 dev lo
	in_gateway ip route add 172.31.9.0/24 via 10.0.0.10
	in_server ip route add 172.31.9.0/24 via 198.51.100.1
	in_client ping -c 1 -W 2 -I 172.31.9.9 198.51.100.2
}

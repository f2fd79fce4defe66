#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon's own table: what the kernel does with packets around it and without it.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up direct
	responder_start server
	nginx_start server
}

teardown_file() { topology_down; }

teardown() {
	explain
	gateway_stop
	in_gateway nft flush ruleset 2>/dev/null || true
	ip -n "$NS-gateway" addr del 198.51.100.7/24 dev wan 2>/dev/null || true
}

# launch LINE...: a gateway with these lines more in its block
launch() {
	{ gateway_block "$@"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
}

served() { fetch client --max-time 2 http://198.51.100.2/ip; }
set_has() { in_gateway nft list set inet sluice "$1" 2>/dev/null | grep -qF "$2"; }
answers() { inside "$1" ping -q -c 1 -W 1 "$2" >/dev/null; }

@test "nobody else can change the table" {
	launch
	run ! in_gateway nft delete table inet sluice
	run ! in_gateway nft flush chain inet sluice forward
	in_gateway nft flush ruleset
	in_gateway nft list table inet sluice >/dev/null
	served
}

@test "the external addresses follow the interface" {
	launch
	set_has external4 198.51.100.1
	run ! set_has external4 10.0.0.1
	run ! set_has external6 fe80
	ip -n "$NS-gateway" addr add 198.51.100.7/24 dev wan
	wait_for 2 set_has external4 198.51.100.7
	set_has local4 198.51.100.7
	ip -n "$NS-gateway" addr del 198.51.100.7/24 dev wan
	gone_from_set() { ! set_has external4 198.51.100.7; }
	wait_for 2 gone_from_set
}

@test "kernel connection tracking for others: it sees nothing of ours, and is not in the way" {
	in_gateway nft -f - <<-'RULES'
	table inet others {
		chain input {
			type filter hook input priority 10; policy accept;
			ct state established counter accept
		}
	}
	RULES
	launch
	served
	answers client 198.51.100.2
	answers gateway 198.51.100.2
	# A loopback connection is theirs.
	in_gateway ping -q -c 1 127.0.0.1 >/dev/null
	run in_gateway conntrack -L
	echo "$output"
	[[ "$output" == *127.0.0.1* ]]
	[[ "$output" != *198.51.100* ]]
}

@test "without kernel connection tracking: sluice does not wake it" {
	in_gateway conntrack -F 2>/dev/null
	launch
	served
	# Nothing has asked for the hooks of connection tracking: a loopback packet is not seen.
	in_gateway ping -q -c 1 127.0.0.1 >/dev/null
	[[ "$(in_gateway conntrack -C)" -eq 0 ]]
}

@test "killed: packets drop, except those of a management interface" {
	launch 'management { "lan" }'
	answers client 10.0.0.1
	stop sluiced KILL
	in_gateway nft list table inet sluice >/dev/null
	answers client 10.0.0.1
	run ! answers server 198.51.100.1
	# Not even from there does anything go on untranslated.
	run ! answers client 198.51.100.2
	gateway_launch
	gateway_await
	answers client 198.51.100.2
	gateway_stop
	run ! in_gateway nft list table inet sluice
}

@test "when-down bypass: packets pass without the daemon" {
	launch 'when-down bypass'
	stop sluiced KILL
	answers client 10.0.0.1
	answers server 198.51.100.1
}

@test "reload: what needs a restart is refused by name, and the rest of the file with it" {
	launch
	sed -i 's/state none/state none\n\tcapacity 4096/; s/iifname "lan" oifname "wan" accept/drop/' "$WORK/sluice.conf"
	run control reload
	echo "$output"
	[[ "$status" -eq 1 && "$output" == *capacity* ]]
	served
}

@test "single packets instead of segments: --no-gso" {
	{ gateway_block; rules_default; } >"$WORK/sluice.conf"
	gateway_launch --no-gso
	gateway_await
	head -c 3000000 /dev/urandom >"$WORK/www/blob"
	run -0 fetch client --max-time 20 http://198.51.100.2/blob -o "$WORK/got"
	cmp "$WORK/www/blob" "$WORK/got"
}

@test "bulk data arrives as it was sent" {
	launch
	head -c 50000000 /dev/urandom >"$WORK/www/blob"
	run -0 fetch client --max-time 20 http://198.51.100.2/blob -o "$WORK/got"
	cmp "$WORK/www/blob" "$WORK/got"
	[[ "$(status .queue.dropped)" -eq 0 && "$(status .queue.failed)" -eq 0 ]]
}

@test "an address range in a source NAT rule is queued before routing" {
	{ gateway_block; rules_default | sed 's/masquerade/snat ip to 198.51.100.20-198.51.100.29/'; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	set_has external4 198.51.100.20-198.51.100.29
}

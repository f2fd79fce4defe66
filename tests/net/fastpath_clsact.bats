#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What fastpath_survive.bats asks, of a kernel without tcx: there is no link that ends with its last holder, but a
# classifier, which stays where it is until somebody removes it.
bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"
source "$BATS_TEST_DIRNAME/survival.sh"

MODE=clsact
SLUICED=$BUILD/tests/net/sluiced-clsact

# The interfaces that have a classifier of ours.
classified() {
	local interface
	for interface in lan wan; do
		! in_gateway tc filter show dev "$interface" ingress | grep -q sluice_fastpath || echo "$interface"
	done | paste -sd ' '
}

@test "killed for five seconds: what is established flows on, and is known to the last packet afterwards" { case_killed; }

@test "replaced by SIGUSR1 again and again, nothing is lost; stopped, nothing is left" {
	case_replaced
	[[ -z "$(classified)" ]]
}

@test "after a reload it is taken over, after another configuration it is not" { case_configuration; }

@test "another capacity, no state file, or no fast path: nothing of before forwards" { case_other_start; }

@test "sessions that the state file has lost go from the kernel before the first packet" { case_state_lost; }

@test "a session that one of the maps has lost comes back whole" { case_element_lost; }

@test "a route that changed meanwhile is taken" { case_route; }

@test "one classifier for each interface, whoever put it there; somebody else's stays" {
	in_gateway tc qdisc replace dev lan clsact
	in_gateway tc filter add dev lan ingress protocol all prio 30000 u32 match u32 0 0 flowid 1:1
	stream_start 41100 3000
	for _ in 1 2; do
		kill_daemon
		[[ "$(classified)" == "lan wan" ]]
		go_on
		lent 41100
		[[ "$(in_gateway tc filter show dev lan ingress | grep -c 'bpf.*sluice_fastpath')" == 1 ]]
	done
	gateway_stop
	[[ -z "$(classified)" ]]
	in_gateway tc filter show dev lan ingress | grep 'pref 30000 u32'
	in_gateway tc filter del dev lan ingress protocol all prio 30000
}

@test "without a BPF file system the classifier outlives a kill all the same, and the next daemon removes it" {
	gateway_stop
	rm -f "$STATE"
	bare() {
		start sluiced gateway unshare --mount bash -c "umount -l /sys/fs/bpf 2>/dev/null; exec '$SLUICED' -f '$WORK/sluice.conf'"
		gateway_await
	}
	bare
	stream_start 41110 3000
	kill_daemon
	[[ "$(classified)" == "lan wan" ]]
	local heard=$(answers)
	wait_for 5 eval "((\$(answers) > $heard + 20))"
	configure
	sed -i '/fastpath/d; s/state "/fastpath off\n\tstate "/' "$WORK/sluice.conf"
	bare
	[[ -z "$(classified)" ]]
	[[ "$(status .fastpath.mode)" == off ]]
	[[ "$(of_session 41110 .original.packets)" -gt 0 ]]
}

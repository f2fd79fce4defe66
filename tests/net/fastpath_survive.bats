#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the kernel forwards goes on without a daemon, and the next one takes it over, or clears it.
bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"
source "$BATS_TEST_DIRNAME/survival.sh"

MODE=tcx

@test "killed for five seconds: what is established flows on, and is known to the last packet afterwards" { case_killed; }

@test "replaced by SIGUSR1 again and again, nothing is lost; stopped, nothing is left" { case_replaced; }

@test "after a reload it is taken over, after another configuration it is not" { case_configuration; }

@test "another capacity, no state file, or no fast path: nothing of before forwards" { case_other_start; }

@test "sessions that the state file has lost go from the kernel before the first packet" { case_state_lost; }

@test "a session that one of the maps has lost comes back whole" { case_element_lost; }

@test "a route that changed meanwhile is taken" { case_route; }

@test "an address that went meanwhile: cleared" {
	ip -n "$NS-gateway" addr add 198.51.100.9/24 dev wan
	stream_start 41070 3000
	kill_daemon
	ip -n "$NS-gateway" addr del 198.51.100.9/24 dev wan
	go_on
	! grep -q 'sessions went on in the kernel' "$WORK/sluiced.log"
}

@test "what others put into the directory is not believed, and what cannot be removed is left alone" {
	stream_start 41080 3000
	kill_daemon
	among gateway bash -c "rm $PINS/flows4; bpftool map create $PINS/flows4 type hash key 8 value 8 entries 8 name foreign"
	go_on
	! grep -q 'sessions went on in the kernel' "$WORK/sluiced.log"
	wait_for 10 lent 41080
	kill_daemon
	among gateway bash -c "rm $PINS/flows4; mkdir $PINS/flows4"
	go_on
	grep -q 'established sessions rest while no daemon runs: nothing can be pinned' "$WORK/sluiced.log"
	wait_for 10 lent 41080
	gateway_stop
	[[ "$(pins)" == flows4 ]]
	among gateway rmdir "$PINS/flows4"
	among gateway chmod 777 "$PINS"
	go_on
	grep -q 'established sessions rest while no daemon runs: others may write to' "$WORK/sluiced.log"
	gateway_stop
	among gateway rmdir "$PINS"
}

@test "without a BPF file system one line says so" {
	gateway_stop
	rm -f "$STATE"
	start sluiced gateway unshare --mount bash -c "umount -l /sys/fs/bpf 2>/dev/null; exec '$SLUICED' -f '$WORK/sluice.conf'"
	gateway_await
	[[ $(grep -c 'no BPF file system at /sys/fs/bpf' "$WORK/sluiced.log") == 1 ]]
	[[ $(status .fastpath.mode) == tcx ]]
}

@test "two daemons in two network namespaces keep apart" {
	stream_start 41090 3000
	sed "s|$WORK/control.sock|$WORK/other.sock|; s|$STATE|$WORK/state/other|" "$WORK/sluice.conf" >"$WORK/other.conf"
	start other client2 nsenter --mount="/proc/$(pid_of mounts)/ns/mnt" -- "$SLUICED" -f "$WORK/other.conf"
	wait_for 10 "$SLUICECTL" -s "$WORK/other.sock" status
	[[ $(among gateway ls /sys/fs/bpf/sluice | wc -l) == 2 ]]
	kill_daemon
	stop other
	[[ $(among gateway ls /sys/fs/bpf/sluice | wc -l) == 1 ]]
	go_on
	grep -q 'sessions went on in the kernel; 0' "$WORK/sluiced.log"
	lent 41090
}

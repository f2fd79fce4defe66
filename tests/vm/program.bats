#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The fast path's program and this kernel: loaded and used, or every packet takes the queue.
bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

# 6001 of Linux 6.1
VERSION=$(($(uname -r | sed 's/^\([0-9]*\)\.\([0-9]*\).*/\1 * 1000 + \2/')))

# What this kernel is to do with it: 5.12 has the atomics that it is written with, 6.6 has tcx.
expected() {
	if ((VERSION < 5012)); then
		echo off
	elif ((VERSION < 6006)); then
		echo clsact
	else
		echo tcx
	fi
}

setup_file() {
	mkdir -p "$WORK"
	systemctl start sluice
	wait_for 60 serves
}
teardown() {
	stop transfer -KILL
	explain
}

off() { [[ "$(expected)" == off ]]; }
carried() { [[ "$(status .fastpath.installed)" -ge 1 ]]; }

@test "the verifier takes the program, or one line says that this kernel does not" {
	echo "# Linux $(uname -r): fast path $(status .fastpath.mode)" >&3
	[[ "$(status .fastpath.mode)" == "$(expected)" ]]
	run journalctl -o cat "_PID=$(main_pid)" -g 'no fast path'
	if off; then
		[[ "${#lines[@]}" -eq 1 && "$output" == "no fast path, every packet takes the queue: "*"needs Linux 5.15"* ]]
	else
		[[ "$output" != *"no fast path"* ]]
	fi
}

@test "crafted packets come out of the program as they should, one by one" {
	((VERSION >= 6001)) || skip "this kernel's test run takes no interface that a packet came in by"
	[[ -x $VM/test_fastpath_program ]] || skip "built without"
	local name
	for name in program window; do
		run env LD_LIBRARY_PATH="$VM" "$VM/test_fastpath_$name"
		echo "$output"
		[[ $status -eq 0 && "$output" != *SKIPPED* ]]
	done
}

@test "traffic passes, and what is established by the fast path where there is one" {
	traffic_passes
	transfer_start
	off || wait_for 60 carried
	transfer_arrives
	if off; then
		[[ "$(status .fastpath.hits)" -eq 0 ]]
	else
		[[ "$(status .fastpath.hits)" -gt 50 ]]
	fi
}

@test "killed while a transfer runs: it arrives" {
	transfer_start
	wait_for 60 transfer_runs 100000
	kill -KILL "$(main_pid)"
	wait_for 60 serves
	off || journalctl -o cat "_PID=$(main_pid)" | grep 'sessions went on in the kernel; 0 of its entries'
	transfer_arrives
	traffic_passes
}

@test "stopped, nothing of it is left" {
	systemctl stop sluice
	run ! table_there
	[[ -z "$(classifiers)" ]]
	[[ -z "$(bpftool prog show 2>/dev/null | grep sluice_fastpath)" ]]
	[[ -z "$(ls /sys/fs/bpf/sluice 2>/dev/null)" ]]
}

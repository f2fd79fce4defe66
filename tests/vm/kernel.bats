#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What a distribution's kernel has and does that others do not.
bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() { mkdir -p "$WORK"; }
teardown() {
	stop transfer -KILL
	stop noise -KILL
	stop leak
	explain
}

carried() { [[ "$(status .fastpath.installed)" -ge 1 ]]; }

@test "the queue statement is nftables' own, and nothing is wanting in the table" {
	run -0 nft list table inet sluice
	[[ "$output" == *"queue to 0"* && "$output" != *NFQUEUE* ]]
	[[ "$output" == *notrack* && "$output" == *tproxy* ]]
}

@test "the fast path's program loads and takes established packets" {
	sluicectl -j status | jq -c .fastpath
	journalctl -u sluice -o cat | grep 'no fast path' || true
	# tcx came with Linux 6.6.
	[[ "$(status .fastpath.mode)" == clsact ]]
	fetch client http://198.51.100.2/slow --max-time 4 -o /dev/null || true
	[[ "$(status .fastpath.hits)" -gt 0 ]]
	[[ "$(classifiers | wc -l)" -eq 2 ]]
}

@test "a killed daemon's classifier goes on with what is established, and the next one clears it" {
	fetch client http://198.51.100.2/slow --max-time 3 -o /dev/null || true
	[[ -n "$(classifiers)" ]]
	sed -i 's/^gateway {/gateway {\n\tfastpath off/' /etc/sluice/sluice.conf
	kill -KILL "$(main_pid)"
	wait_for 60 serves
	[[ "$(status .fastpath.mode)" == off ]]
	[[ -z "$(classifiers)" ]]
	traffic_passes
	sed -i '/^\tfastpath off/d' /etc/sluice/sluice.conf
	systemctl restart sluice
}

@test "the table has no owner here: when another firewall is loaded and flushes it, it is put back" {
	local before
	run -0 nft list table inet sluice
	[[ "$output" != *"flags owner"* ]]
	before=$(nft list chain inet sluice forward)
	[[ "$before" == *goto* ]]
	transfer_start
	wait_for 60 transfer_runs
	# What is not in the fast path may be answered by the machine itself, with a reset, until the table is back.
	wait_for 60 carried
	nft flush ruleset
	wait_for 60 table_there
	nft flush chain inet sluice forward
	wait_for 60 bash -c '[[ "$(nft list chain inet sluice forward)" == "$0" ]]' "$before"
	transfer_goes_on
	traffic_passes
	stop transfer
	# Our own changes are no reason.
	systemctl reload sluice
	ip addr add 198.51.100.9/24 dev wan
	wait_for 60 bash -c 'nft list set inet sluice external4 | grep -q 198.51.100.9'
	ip addr del 198.51.100.9/24 dev wan
	[[ "$(journalctl -o cat "_PID=$(main_pid)" | grep -c 'another process has changed table inet sluice: put back')" -eq 2 ]]
}

@test "killed while the fast path carries a transfer: the next daemon takes that over" {
	transfer_start
	wait_for 60 carried
	kill -KILL "$(main_pid)"
	transfer_goes_on
	wait_for 60 serves
	carried
	journalctl -o cat "_PID=$(main_pid)" | grep 'sessions went on in the kernel'
	transfer_arrives
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# After a reboot: everything is as it was, without a hand.
bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() { mkdir -p "$WORK"; }
teardown() { explain; }

@test "the unit is up, and was before the network" {
	systemctl is-active sluice
	[[ $(systemctl show -P ActiveEnterTimestampMonotonic sluice) -le $(systemctl show -P ExecMainStartTimestampMonotonic network) ]]
	[[ -z "$(journalctl -b -u sluice -p err -o cat)" ]]
}

@test "traffic passes both ways" {
	wait_for 90 fetch client http://127.0.0.1/name
	wait_for 90 fetch server http://127.0.0.1/name
	traffic_passes
}

@test "nothing failed at this boot" {
	run -0 systemctl --failed --plain --no-legend
	[[ -z "$output" ]]
}

@test "purged, nothing of it stays" {
	dpkg --purge sluice
	run ! table_there
	[[ -z "$(classifiers)" ]]
	[[ ! -e /run/sluice && ! -e /etc/sluice && ! -e /var/lib/sluice ]]
}

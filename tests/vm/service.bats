#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The unit under systemd: start, reload, restart, a kill, stop, while traffic passes.
bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() { mkdir -p "$WORK"; }
teardown() {
	stop transfer -KILL
	stop noise -KILL
	stop leak
	explain
}

@test "systemctl enable --now: it is ready when the command returns, and traffic passes" {
	systemctl enable --now sluice
	serves
	traffic_passes
}

@test "as its own user, with the capabilities it needs and no other, behind the filter of system calls" {
	local proc
	proc=/proc/$(main_pid)/status
	[[ "$(stat -c %U "/proc/$(main_pid)")" == sluice ]]
	# CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF
	[[ "$(awk '/^CapEff/ { print $2 }' "$proc")" == 0000008000003000 ]]
	[[ "$(awk '/^CapBnd/ { print $2 }' "$proc")" == 0000000000000000 ]]
	[[ "$(awk '/^NoNewPrivs/ { print $2 }' "$proc")" == 1 ]]
	[[ "$(awk '/^Seccomp:/ { print $2 }' "$proc")" == 2 ]]
}

@test "its tables lie in large pages" {
	[[ "$(awk '/^AnonHugePages/ { print $2 }' "/proc/$(main_pid)/smaps_rollup")" -ge 2048 ]]
}

@test "systemd-analyze security: the running unit's exposure" {
	local score
	score=$(systemd-analyze security --no-pager sluice | sed -n 's/.*Overall exposure level[^:]*: \([0-9.]*\) .*/\1/p')
	echo "# exposure $score" >&3
	[[ -n "$score" ]]
	awk -v score="$score" 'BEGIN { exit !(score <= 2.9) }'
}

@test "systemctl reload: a changed file is in force" {
	local pid
	pid=$(main_pid)
	sed -i 's/dport { 80, 443 }/dport { 80, 443, 8443 }/' /etc/sluice/sluice.conf
	systemctl reload sluice
	wait_for 60 bash -c 'sluicectl rules | grep -q 8443'
	[[ "$(main_pid)" == "$pid" ]]
	traffic_passes
}

@test "systemctl reload with a broken file fails: the old one stays in force, and the journal says where" {
	cp /etc/sluice/sluice.conf "$WORK/good.conf"
	echo 'nonsense' >>/etc/sluice/sluice.conf
	run ! systemctl reload sluice
	wait_for 60 bash -c 'journalctl -u sluice -n 20 -o cat | grep -q "sluice.conf:[0-9]*:[0-9]*: error"'
	cp "$WORK/good.conf" /etc/sluice/sluice.conf
	traffic_passes
	sluicectl reload
}

@test "systemctl restart: a transfer goes on, and nothing leaves untranslated" {
	local old
	transfer_start
	wait_for 60 transfer_runs
	leak_start
	old=$(main_pid)
	for _ in 1 2; do
		systemctl restart sluice
		transfer_goes_on
	done
	[[ "$(main_pid)" != "$old" ]]
	[[ "$(leaked)" -eq 0 ]]
	transfer_arrives
	traffic_passes
}

@test "kill -9: systemd starts it again, a transfer goes on, and nothing leaves untranslated" {
	local old restarts
	transfer_start
	wait_for 60 transfer_runs
	leak_start
	restarts=$(systemctl show -P NRestarts sluice)
	for _ in 1 2; do
		old=$(main_pid)
		kill -KILL "$old"
		wait_for 60 bash -c "[[ \$(systemctl show -P MainPID sluice) != $old ]] && systemctl is-active sluice"
		wait_for 60 serves
		transfer_goes_on
	done
	[[ "$(systemctl show -P NRestarts sluice)" -eq $((restarts + 2)) ]]
	[[ "$(leaked)" -eq 0 ]]
	transfer_arrives
	traffic_passes
}

@test "a daemon that stands still is killed by the watchdog and comes back" {
	local old
	old=$(main_pid)
	kill -STOP "$old"
	wait_for 90 bash -c "[[ \$(systemctl show -P MainPID sluice) != $old ]] && systemctl is-active sluice"
	wait_for 60 serves
	traffic_passes
}

@test "the journal has the fields that programs ask for" {
	cp /etc/sluice/sluice.conf "$WORK/good.conf"
	sed -i 's/^\t*iifname $lan oifname $wan accept/\t\ttcp dport 24 log prefix "telnet: " level info drop\n&/' /etc/sluice/sluice.conf
	systemctl reload sluice
	wait_for 60 bash -c 'sluicectl rules | grep -q telnet'
	run ! fetch client --connect-timeout 2 http://198.51.100.2:24/
	cp "$WORK/good.conf" /etc/sluice/sluice.conf
	systemctl reload sluice
	logged() { [[ -n "$(journalctl -u sluice -o json SLUICE_EVENT=packet)" ]]; }
	wait_for 60 logged
	run -0 journalctl -u sluice -n 1 -o json SLUICE_EVENT=packet
	echo "$output"
	jq -e '.SLUICE_PREFIX == "telnet: " and .SLUICE_IN == "lan" and .SLUICE_OUT == "wan" and .SLUICE_SRC == "10.0.0.10" and
		.PRIORITY == "6" and .SYSLOG_IDENTIFIER == "sluiced" and ._SYSTEMD_UNIT == "sluice.service"' <<<"$output"
}

@test "systemctl stop: no table, no program, no socket; and start brings traffic back" {
	systemctl stop sluice
	run ! table_there
	[[ -z "$(classifiers)" ]]
	[[ ! -e /run/sluice/control.sock ]]
	run ! passes_in
	systemctl start sluice
	traffic_passes
}

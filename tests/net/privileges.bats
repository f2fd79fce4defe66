#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the daemon may still do once it serves, and that it can do its work with that.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	nginx_start server
	mkdir -p "$WORK/rules.d"
	chmod 755 "$WORK/rules.d"
}

teardown_file() { topology_down; }

setup() {
	{
		gateway_block "metrics 127.0.0.1:9743"
		rules_default
		echo "include \"$WORK/rules.d/*.conf\""
	} >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
}

teardown() {
	explain
	gateway_stop
	rm -f "$WORK/rules.d"/*
}

# in_status FIELD: what the kernel says of the process.
in_status() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid_of sluiced)/status"; }

# capabilities FIELD NAME...: exactly these are set.
capabilities() {
	local set
	set=$(capsh --decode="$(in_status "$1")")
	shift
	[[ "${set#*=}" == "$(IFS=, && echo "$*")" ]]
}

@test "privileges: two capabilities, and one for the fast path; nothing can be gained" {
	local wanted="cap_net_admin,cap_net_raw"
	[[ $(status .fastpath.mode) == off ]] || wanted+=",cap_bpf"
	echo "effective $(in_status CapEff), bounding $(in_status CapBnd), wanted $wanted"
	[[ "$(capsh --decode="$(in_status CapEff)")" == *"=$wanted" ]]
	[[ "$(in_status CapPrm)" == "$(in_status CapEff)" ]]
	[[ "$(in_status CapInh)" =~ ^0+$ && "$(in_status CapAmb)" =~ ^0+$ ]]
	[[ "$(in_status NoNewPrivs)" -eq 1 ]]
	if getent passwd sluice; then
		[[ "$(in_status CapBnd)" =~ ^0+$ ]]
		[[ "$(in_status Uid | cut -f 1)" == "$(id -u sluice)" ]]
	fi
}

@test "privileges: a filter of system calls is in force" {
	[[ "$(in_status Seccomp)" -eq 2 ]] || skip "no seccomp filter in this kernel or build"
}

@test "privileges: behind the filter it still reloads with includes, answers, and forwards" {
	local generation
	generation=$(status .generation)
	echo 'table inet more { chain forward { type filter hook forward priority 10; tcp dport 81 reject; } }' \
		>"$WORK/rules.d/more.conf"
	control reload
	[[ $(status .generation) -gt $generation ]]
	control rules | grep -q 81
	control check
	kill -HUP "$(pid_of sluiced)"
	wait_for 3 eval "[[ \$(status .generation) -gt $((generation + 1)) ]]"
	in_gateway curl -s --max-time 5 http://127.0.0.1:9743/metrics | grep -q sluice_sessions
	control why tcp 10.0.0.10:4000 198.51.100.2:80
	control diagnose
	control events -t >/dev/null & sleep 0.3; kill $!
	ip -n "$NS-gateway" addr add 198.51.100.7/24 dev wan
	ip -n "$NS-gateway" addr del 198.51.100.7/24 dev wan
	dd if=/dev/zero of="$WORK/www/page" bs=1M count=8 status=none
	fetch client -o /dev/null http://198.51.100.2/page
	fetch client -o /dev/null "http://[2001:db8::2]/page"
	control delete -p tcp
	running sluiced
}

@test "privileges: without root, with the two capabilities that systemd would give" {
	gateway_stop
	command -v capsh setpriv || skip "no capsh"
	chmod 644 "$WORK/sluice.conf"
	mkdir -p "$WORK/run"
	chown 65534 "$WORK/run"
	sed -i "s|$WORK/control.sock|$WORK/run/control.sock|" "$WORK/sluice.conf"
	start sluiced gateway setpriv --reuid=65534 --regid=65534 --clear-groups \
		--inh-caps=-all,+net_admin,+net_raw --ambient-caps=-all,+net_admin,+net_raw \
		--bounding-set=-all,+net_admin,+net_raw "$SLUICED" -f "$WORK/sluice.conf"
	wait_for 10 "$SLUICECTL" -s "$WORK/run/control.sock" status
	[[ "$(in_status Uid | cut -f 1)" -eq 65534 ]]
	fetch client http://198.51.100.2/ip
}

@test "privileges: the unit's exposure is low" {
	local score
	command -v systemd-analyze || skip "no systemd-analyze"
	score=$(systemd-analyze security --offline=true "$ROOT/systemd/sluice.service" |
		sed -n 's/.*Overall exposure level.*: \([0-9.]*\) .*/\1/p')
	echo "exposure $score"
	[[ -n "$score" ]]
	awk -v s="$score" 'BEGIN { exit !(s <= 2.9) }'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The package on a fresh Debian system, step by step as README.md tells the admin.
bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() { mkdir -p "$WORK"; }
teardown() { explain; }

@test "the package installs; the unit is neither enabled nor started" {
	dpkg -i "$VM/sluice.deb"
	run systemctl is-enabled sluice
	[[ "$output" == disabled ]]
	run ! systemctl is-active sluice
	[[ "$(systemd-analyze verify --man=no /lib/systemd/system/sluice.service 2>&1)" == "" ]]
}

@test "the package has made its user and its directory" {
	[[ "$(getent passwd sluice)" == *nologin ]]
	[[ "$(stat -c '%U %a' /run/sluice)" == "sluice 755" ]]
}

@test "the shipped configuration, with this machine's interfaces and its port forward" {
	sed -i -e 's/define wan = "eth0"/define wan = "wan"/; s/define lan = "eth1"/define lan = "lan"/' \
		-e 's/^\(\t*\)# \(iifname $wan .*10\.0\.0\.10.*\)$/\1\2/' /etc/sluice/sluice.conf
	[[ "$(grep -c '^[^#]*10\.0\.0\.10' /etc/sluice/sluice.conf)" -eq 2 ]]
	run -0 sluiced -c
	[[ -z "$output" ]]
	echo 'net.ipv4.ip_forward = 1' >/etc/sysctl.d/50-router.conf
	sysctl --system >/dev/null
}

@test "the machine's network" {
	cat >/etc/systemd/system/network.service <<-UNIT
	[Unit]
	Wants=network-pre.target
	After=network-pre.target
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=$VM/network
	[Install]
	WantedBy=multi-user.target
	UNIT
	systemctl daemon-reload
	systemctl enable --now network
	wait_for 90 fetch client http://127.0.0.1/name
	wait_for 90 fetch server http://127.0.0.1/name
	# Without sluice what comes in has nowhere to go: the tests below see nothing but sluice's work.
	run ! fetch server --connect-timeout 2 http://198.51.100.1/name
}

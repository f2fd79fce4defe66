#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Large transfers arrive as they were sent, with segmentation offload on the queue and without.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

SIZE=${BULK_BYTES:-1000000000}

setup_file() {
	topology_up
	mkdir -p "$WORK/www"
	# Nowhere does it repeat, so a piece lost, doubled or moved shows.
	head -c "$SIZE" /dev/urandom | tee "$WORK/www/big" | sha256sum >"$WORK/big.sum"
	nginx_start server
}

teardown_file() { topology_down; }

teardown() {
	explain
	gateway_stop
}

download() {
	inside client bash -o pipefail -c "curl -sS --max-time 60 http://198.51.100.2/big | sha256sum"
}

@test "a 1 GB download is intact, with GSO" {
	rules_default | gateway_start
	run -0 download
	[[ "$output" == "$(cat "$WORK/big.sum")" ]]
	[[ $(status .packets.truncated) -eq 0 ]]
}

@test "a 1 GB download is intact, without GSO" {
	rules_default | gateway_start --no-gso
	run -0 download
	[[ "$output" == "$(cat "$WORK/big.sum")" ]]
	[[ $(status .packets.truncated) -eq 0 ]]
}

@test "a 1 GB upload is intact, with GSO" {
	rules_default | gateway_start
	start sink server bash -c 'nc -l -N 198.51.100.2 9000 | sha256sum'
	wait_for 5 eval "in_server ss -Hltn sport = 9000 | grep -q 9000"
	in_client timeout 60 nc -N 198.51.100.2 9000 <"$WORK/www/big"
	wait_for 30 gone sink
	[[ "$(cat "$WORK/sink.log")" == "$(cat "$WORK/big.sum")" ]]
}

@test "IPv6: a 1 GB download is intact, with GSO" {
	rules_default | gateway_start
	run -0 inside client bash -o pipefail -c "curl -sS -g --max-time 60 'http://[2001:db8::2]/big' | sha256sum"
	[[ "$output" == "$(cat "$WORK/big.sum")" ]]
}

@test "interfaces without offloads: a 1 GB download is intact" {
	local host
	for host in client server; do
		in_"$host" ethtool -K eth0 tso off gso off gro off tx off >/dev/null 2>&1
	done
	rules_default | gateway_start
	run download
	for host in client server; do
		in_"$host" ethtool -K eth0 tx on tso on gso on gro on >/dev/null 2>&1
	done
	[[ "$status" -eq 0 ]]
	[[ "$output" == "$(cat "$WORK/big.sum")" ]]
}

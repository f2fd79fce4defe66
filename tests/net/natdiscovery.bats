#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What another program's NAT behaviour discovery (RFC 5780, coturn's) says of the gateway: each mapping with
# each filtering behaviour.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	# Discovery needs a server with two addresses and two ports.
	ip -n "$NS-server" addr add 198.51.100.3/24 dev eth0
	start stun server turnserver -n --no-auth --no-cli --no-tls --no-dtls -L 198.51.100.2 -L 198.51.100.3 \
		--listening-port 3478 --alt-listening-port 3479 --log-file stdout --simple-log --pidfile "$WORK/turn.pid" \
		--userdb "$WORK/turn.db" --no-stdout-log
	stun_ready() { inside server ss -Huln "sport = :3479" | grep -q 198.51.100.3; }
	wait_for 10 stun_ready
}

teardown_file() { topology_down; }
teardown() { explain; gateway_stop; }

# behaves MAPPING FILTERING: configured so, and found so.
behaves() {
	{ gateway_block "mapping $1" "filtering $2"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	run -0 timeout 40 nsenter --net="/run/netns/$NS-client" turnutils_natdiscovery -m -L 10.0.0.10 198.51.100.2
	echo "$output"
	grep -qi "NAT with ${1//-/.} mapping" <<<"$output"
	run -0 timeout 40 nsenter --net="/run/netns/$NS-client" turnutils_natdiscovery -f -L 10.0.0.10 198.51.100.2
	echo "$output"
	grep -qi "NAT with ${2//-/.} filtering" <<<"$output"
}

@test "RFC4787-REQ-1 RFC4787-REQ-8 discovered: endpoint-independent mapping, endpoint-independent filtering" { behaves endpoint-independent endpoint-independent; }
@test "RFC4787-REQ-1 RFC4787-REQ-8 discovered: endpoint-independent mapping, address-dependent filtering" { behaves endpoint-independent address-dependent; }
@test "RFC4787-REQ-1 RFC4787-REQ-8 discovered: endpoint-independent mapping, address-and-port-dependent filtering" { behaves endpoint-independent address-and-port-dependent; }
@test "RFC4787-REQ-1 RFC4787-REQ-8 discovered: address-dependent mapping, endpoint-independent filtering" { behaves address-dependent endpoint-independent; }
@test "RFC4787-REQ-1 RFC4787-REQ-8 discovered: address-dependent mapping, address-dependent filtering" { behaves address-dependent address-dependent; }
@test "RFC4787-REQ-1 RFC4787-REQ-8 discovered: address-dependent mapping, address-and-port-dependent filtering" { behaves address-dependent address-and-port-dependent; }
@test "RFC4787-REQ-1 RFC4787-REQ-8 discovered: address-and-port-dependent mapping, endpoint-independent filtering" { behaves address-and-port-dependent endpoint-independent; }
@test "RFC4787-REQ-1 RFC4787-REQ-8 discovered: address-and-port-dependent mapping, address-dependent filtering" { behaves address-and-port-dependent address-dependent; }
@test "RFC4787-REQ-1 RFC4787-REQ-8 discovered: address-and-port-dependent mapping, address-and-port-dependent filtering" { behaves address-and-port-dependent address-and-port-dependent; }

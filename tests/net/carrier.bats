#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# RFC6888-REQ-12: who had which port can be looked up, in the log and in the stream of events.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup() {
	topology_up
	responder_start server
}

teardown() {
	explain
	topology_down
}

# gateway SETTING...
gateway() {
	{ gateway_block "timeout udp unreplied 1s" "timeout udp stream 1s" "$@"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
}

@test "RFC6888-REQ-12 mappings are told of to who asks, and to nobody else" {
	gateway
	start mappings gateway "$SLUICECTL" -s "$WORK/control.sock" events --mappings
	start events gateway "$SLUICECTL" -s "$WORK/control.sock" events
	start json gateway "$SLUICECTL" -s "$WORK/control.sock" -j events -m
	sleep 0.5 # nothing says that they listen
	probe client udp 198.51.100.2 7 --sport 4001
	wait_for 5 grep -qx 'mapping add udp 10.0.0.10 4001 198.51.100.1 4001' "$WORK/mappings.log"
	wait_for 10 grep -qx 'mapping del udp 10.0.0.10 4001 198.51.100.1 4001' "$WORK/mappings.log"
	[ "$(grep -c . "$WORK/mappings.log")" -eq 2 ]
	jq -se 'map(select(.event == "mapping")) | map(.change) == ["add", "del"] and
		.[0].external == { address: "198.51.100.1", port: 4001 } and
		(.[0] | has("destination") or has("peer") | not)' "$WORK/json.log"
	wait_for 5 grep -q DESTROY "$WORK/events.log"
	run ! grep -q mapping "$WORK/events.log"
	run ! grep -q mapping "$WORK/sluiced.log"
}

@test "RFC6888-REQ-12 log-mappings: a line for each" {
	gateway "log-mappings yes"
	probe client udp 198.51.100.2 7 --sport 4002
	wait_for 10 grep -q 'mapping del udp 10.0.0.10 4002 198.51.100.1 4002' "$WORK/sluiced.log"
	[ "$(grep -c 'mapping add udp' "$WORK/sluiced.log")" -eq 1 ]
	run ! grep 'mapping .* 198.51.100.2' "$WORK/sluiced.log"
}

@test "RFC6888-REQ-12 port-block: a line for each block, however many mappings" {
	gateway "log-mappings yes" "port-block 64"
	for port in 5000 5001 5002; do
		probe client udp 198.51.100.2 7 --sport $port
		probe client2 udp 198.51.100.2 7 --sport $port
	done
	wait_for 10 eval '[[ $(grep -c "ports del udp" "$WORK/sluiced.log") -eq 2 ]]'
	[ "$(grep -c 'ports add udp' "$WORK/sluiced.log")" -eq 2 ]
	# 5000 lies in 4992-5055: the first to come has that block, the other another one.
	grep -q 'ports add udp 10.0.0.10 198.51.100.1 4992-5055' "$WORK/sluiced.log"
	grep -q 'ports add udp 10.0.0.11 198.51.100.1' "$WORK/sluiced.log"
	run ! grep -q 'mapping' "$WORK/sluiced.log"
}

@test "an unknown kind of event is refused with the kinds there are" {
	gateway
	run inside gateway "$PYTHON" - "$WORK/control.sock" <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	s.sendall(b'{"command":"events","kinds":["weather"]}\n')
	print(s.recv(4096).decode())
	END
	[[ "$output" == *'no kind of event: weather (session, alert or mapping)'* ]]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Two gateways in a row, each with a host behind it:
#
#   client - gateway ---- server (routes) ---- gateway2 - inner 10.9.0.10
#           198.51.100.1                      203.0.113.1

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	for host in gateway2 inner; do
		ip netns add "$NS-$host"
		ip -n "$NS-$host" link set lo up
		echo "$(cat "$WORK/hosts.$NS") $host" >"$WORK/hosts.$NS"
	done
	cable server eth1 gateway2 wan
	cable gateway2 lan inner eth0
	ip -n "$NS-server" addr add 203.0.113.2/24 dev eth1
	ip -n "$NS-gateway2" addr add 203.0.113.1/24 dev wan
	ip -n "$NS-gateway2" addr add 10.9.0.1/24 dev lan
	ip -n "$NS-inner" addr add 10.9.0.10/24 dev eth0
	ip -n "$NS-inner" route add default via 10.9.0.1
	ip -n "$NS-gateway2" route add default via 203.0.113.2
	ip -n "$NS-gateway" route add default via 198.51.100.2
	for host in server gateway2; do
		inside "$host" sysctl -qw net.ipv4.ip_forward=1
	done
	responder_start server
	rules_default | gateway_start
	{
		printf 'gateway {\n\tsocket "%s"\n\tstate none\n}\n' "$WORK/control2.sock"
		rules_default | sed 's|10.0.0.0/24|10.9.0.0/24|'
	} >"$WORK/sluice2.conf"
	start sluiced2 gateway2 "$SLUICED" -f "$WORK/sluice2.conf"
	wait_for 10 "$SLUICECTL" -s "$WORK/control2.sock" status
	# connect.py OWN-PORT ADDRESS PORT DELAY SECONDS: opens a connection, both ways known.
	cat >"$WORK/connect.py" <<-'PYTHON'
	import socket, sys, time
	own, address, port, delay, patience = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *map(float, sys.argv[4:6])
	def fresh():
	    s = socket.socket()
	    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	    s.bind(("", own))
	    s.settimeout(patience)
	    return s
	# A first connection, with the server, takes the mapping and shows it.
	first = fresh()
	first.connect(("198.51.100.2", 7))
	first.sendall(b"who\n")
	print(first.recv(100).decode().strip(), flush=True)
	time.sleep(delay)
	s = fresh()
	begin = time.monotonic()
	try:
	    s.connect((address, port))
	except OSError as error:
	    print("failed", type(error).__name__, round(time.monotonic() - begin), flush=True)
	    sys.exit(1)
	s.sendall(b"hello")
	print("got", s.recv(100).decode(), flush=True)
	PYTHON
}

teardown_file() { topology_down; }
teardown() {
	explain
	[[ -n "${BATS_TEST_COMPLETED:-}" ]] || tail -n 15 "$WORK/sluiced2.log"
}

@test "RFC5382-REQ-2a RFC5382-REQ-4 simultaneous open through two gateways in a row" {
	capture_start errors client "icmp"
	start inner inner "$PYTHON" "$WORK/connect.py" 6000 198.51.100.1 4000 1 10
	run -0 inside client "$PYTHON" "$WORK/connect.py" 4000 203.0.113.1 6000 0.3 10
	[[ "$output" == *"198.51.100.1 4000"*"got hello" ]]
	wait_for 5 gone inner
	grep -q "203.0.113.1 6000" "$WORK/inner.log"
	grep -q "got hello" "$WORK/inner.log"
	# The first request met a mapping that did not admit it: held, and never answered.
	run -0 capture_count errors
	[[ "$output" == 0 ]]
}

@test "RFC5382-REQ-4 nobody asks for the same: the request is refused after six seconds" {
	start inner inner "$PYTHON" "$WORK/connect.py" 6001 198.51.100.2 7 8 10
	wait_for 5 grep -q "203.0.113.1 6001" "$WORK/inner.log"
	capture_start refusal client "icmp[0] = 3 and icmp[1] = 3"
	run -1 inside client "$PYTHON" "$WORK/connect.py" 4001 203.0.113.1 6001 0 20
	[[ "$output" =~ "failed ConnectionRefusedError "(6|7)$ ]]
	run -0 capture_count refusal "src host 203.0.113.1"
	((output == 1))
	stop inner
}

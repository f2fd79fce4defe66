#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The same traffic with the fast path and without: what is known of each session in the end must not differ.
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/lib.sh"
	topology_up
	nginx_start server
	responder_start server
	head -c 3000000 /dev/urandom >"$WORK/www/file"
	head -c 100 /dev/urandom >"$WORK/www/small"
	# The way to the server loses some of the one connection that will be left idle.
	in_server nft -f - <<-'RULES'
	table inet loss {
		chain input {
			type filter hook input priority 0;
			tcp sport { 44005, 45005 } numgen random mod 40 == 0 drop
		}
		chain output {
			type filter hook output priority 0;
			tcp dport { 44005, 45005 } numgen random mod 40 == 0 drop
		}
	}
	RULES
	rules_default >"$WORK/rules"
	local mode began
	local -A first_port=([auto]=44000 [off]=45000)
	for mode in auto off; do
		{ gateway_block "fastpath $mode"; cat "$WORK/rules"; } >"$WORK/sluice.conf"
		gateway_launch
		gateway_await
		status .fastpath.mode >"$WORK/mode.$mode"
		began=${EPOCHREALTIME/./}
		traffic "${first_port[$mode]}"
		control -j sessions | jq -s 'if length == 1 and (.[0] | type) == "array" then .[0] else . end' >"$WORK/sessions.$mode"
		echo $(((${EPOCHREALTIME/./} - began) / 1000000)) >"$WORK/took.$mode"
		status .fastpath.hits >"$WORK/hits.$mode"
		gateway_stop
	done
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/lib.sh"
	topology_down
}

setup() {
	source "$BATS_TEST_DIRNAME/lib.sh"
	[[ $(cat "$WORK/mode.auto") != off ]] || skip "no fast path here"
}

# traffic PORT: its flows are told apart by their source ports, from that one on.
traffic() {
	inside client timeout 60 "$PYTHON" - "$1" 3>&- <<-'PYTHON'
	import os, socket, sys, time

	first = int(sys.argv[1])

	def datagrams(host, port, count):
	    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
	    s.bind(('', port))
	    s.settimeout(2)
	    for number in range(count):
	        s.sendto(b'x' * (10 + number % 700), (host, 7))
	        s.recv(1000)

	def connect(port):
	    s = socket.socket()
	    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
	    s.bind(('', port))
	    s.settimeout(20)
	    s.connect(('198.51.100.2', 80))
	    return s

	def ask(s, path, last=False):
	    s.sendall(b'GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n' % (path, b'Connection: close\r\n' if last else b''))
	    head = b''
	    while b'\r\n\r\n' not in head:
	        head += s.recv(65536)
	    length = int(head.lower().split(b'content-length:')[1].split()[0])
	    got = len(head.split(b'\r\n\r\n', 1)[1])
	    while got < length:
	        got += len(s.recv(65536))

	datagrams('198.51.100.2', first + 1, 200)
	datagrams('2001:db8::2', first + 2, 150)
	closed, reset, idle = connect(first + 3), connect(first + 4), connect(first + 5)
	for s in closed, reset, idle:
	    for number in range(20):
	        ask(s, b'/small')
	        time.sleep(0.01)
	ask(closed, b'/file', True)
	closed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\0\0\0\0\0\0\0\0')
	closed.recv(1)
	closed.close()
	ask(idle, b'/file')
	ask(reset, b'/small')
	reset.close()
	time.sleep(2)
	datagrams('198.51.100.2', first + 6, 60)
	# Looked at while both ends still hold the idle one.
	if os.fork():
	    os._exit(0)
	time.sleep(3)
	os._exit(0)
	PYTHON
}

# of MODE FLOW JQ
of() {
	local -A first_port=([auto]=44000 [off]=45000)
	jq -r --argjson port "$((first_port[$1] + $2))" ".[] | select(.original.sport == \$port) | $3" "$WORK/sessions.$1"
}

# same FLOW JQ: not empty, and equal.
same() {
	local with without
	with=$(of auto "$1" "$2") without=$(of off "$1" "$2")
	echo "$1 $2: with '$with', without '$without'"
	[[ -n "$with" && "$with" == "$without" ]]
}

# near FLOW JQ: not further apart than a second, and what one of them took longer: what is lost is sent again.
near() {
	local with without longer
	with=$(of auto "$1" "$2") without=$(of off "$1" "$2")
	longer=$(($(cat "$WORK/took.auto") - $(cat "$WORK/took.off")))
	echo "$1 $2: with '$with', without '$without'; with it $longer s longer"
	((with - without <= 1 + ${longer#-} && without - with <= 1 + ${longer#-}))
}

@test "the fast path had its part, and only where it may" {
	(($(cat "$WORK/hits.auto") > 500))
	[[ $(cat "$WORK/hits.off") == 0 ]]
}

@test "UDP through IPv4 and IPv6: packets and bytes are the same to the last one" {
	local flow
	for flow in 1 2 6; do
		same "$flow" .original.packets
		same "$flow" .original.bytes
		same "$flow" .reply.packets
		same "$flow" .reply.bytes
		same "$flow" .state
		near "$flow" .timeout_s
	done
}

@test "TCP that was closed, reset, or fell silent after losses: the same states and timeouts" {
	local flow
	for flow in 3 4 5; do
		same "$flow" .state
		near "$flow" .timeout_s
	done
	[[ $(of auto 3 .state) == TIME_WAIT ]]
	[[ $(of auto 4 .state) == CLOSE || $(of auto 4 .state) == FIN_WAIT ]]
	[[ $(of auto 5 .state) == ESTABLISHED ]]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# GRE tunnels of two hosts to one server behind one external address, through the kernel's hooks.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	cat >"$WORK/gre.py" <<-'PYTHON'
	# gre.py echo: every packet back to where it came from, key included.
	# gre.py call PEER KEY SIZE [SECONDS]: until the answer comes. Exit 1: none in time; 2: one with another key.
	import os, socket, struct, sys, time
	s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
	if sys.argv[1] == "echo":
	    s.settimeout(300)
	    print("ready", flush=True)
	    while True:
	        data, peer = s.recvfrom(65535)
	        s.sendto(data[(data[0] & 15) * 4:], (peer[0], 0))
	peer, key, size = sys.argv[2], sys.argv[3], int(sys.argv[4])
	head = struct.pack("!HHI", 0x2000, 0x6558, int(key))
	body = head + os.urandom(size)
	end = time.monotonic() + float(sys.argv[5] if len(sys.argv) > 5 else 20)
	s.settimeout(0.3)
	while time.monotonic() < end:
	    s.sendto(body, (peer, 0))
	    wait = time.monotonic() + 0.3
	    while time.monotonic() < wait:
	        try:
	            data, source = s.recvfrom(65535)
	        except OSError:
	            break
	        data = data[(data[0] & 15) * 4:]
	        if source[0] == peer and data == body:
	            print("answered")
	            sys.exit(0)
	        # An answer to an earlier call may be late.
	        if data[:8] != head:
	            print("another's", data.hex()[:80])
	            sys.exit(2)
	sys.exit(1)
	PYTHON
	start echo server "$PYTHON" "$WORK/gre.py" echo
	wait_for 5 grep -q ready "$WORK/echo.log"
	gateway_start < <(rules_default)
}

teardown_file() { topology_down; }
teardown() { explain; }

# call HOST KEY SIZE [SECONDS]
call() { inside "$1" "$PYTHON" "$WORK/gre.py" call 198.51.100.2 "$2" "$3" ${4:+"$4"}; }

@test "RFC2890-2.1 two hosts with tunnels of different keys to one server" {
	run -0 call client 5 100
	run -0 call client2 7 100
	run -0 call client 5 100
	run -0 call client2 7 100
	run -0 --separate-stderr control sessions -p gre
	[[ "$output" == *"src=10.0.0.10 dst=198.51.100.2 srckey=0x0 dstkey=0x0"* ]]
	[[ "$output" == *"src=10.0.0.11 dst=198.51.100.2 srckey=0x7 dstkey=0x7"* ]]
	[[ "$(control -j sessions -p gre -s 10.0.0.11 | jq -s '.[0].key')" == 7 ]]
	[[ "$(control -j why gre 10.0.0.11 198.51.100.2 key 7 | jq .session.key)" == 7 ]]
	[[ "$(control -j sessions -p gre | jq -s 'map(.original.sport, .reply.dport) | add')" == 0 ]]
}

@test "RFC2784-2.1 fragments of tunnels of both" {
	run -0 call client 5 4000
	run -0 call client2 7 4000
}

@test "RFC2890-2.1 the same key has one host" {
	run -0 call client 5 100
	run -1 call client2 5 100 1
	run -0 control why gre 10.0.0.11 198.51.100.2 key 5
	[[ "$output" == *destination-exhausted* ]]
	[[ "$(control -j why gre 10.0.0.11 198.51.100.2 key 5 | jq -r .reason)" == destination-exhausted ]]
	[[ "$(control -j why gre 10.0.0.11 198.51.100.2 key 0x9 | jq -r .verdict)" == accept ]]
	run -0 control diagnose
	[[ "$output" == *port-exhausted*198.51.100.2* ]]
	run -2 control why gre 10.0.0.11 198.51.100.2 key 4294967296
}

@test "an error about a tunnel's packet comes to its host" {
	run -0 call client 5 100
	run -0 call client2 7 100
	capture_start errors client2 "icmp[0] == 3 and src host 198.51.100.2"
	cat >"$WORK/error.py" <<-'PYTHON'
	import socket, struct
	from scapy.all import IP, ICMP, Raw, send
	quoted = bytes(IP(src="198.51.100.1", dst="198.51.100.2", proto=47, len=48) / Raw(struct.pack("!HHI", 0x2000, 0x6558, 7)))
	send(IP(src="198.51.100.2", dst="198.51.100.1") / ICMP(type=3, code=1) / Raw(quoted), verbose=0)
	PYTHON
	run -0 inside server "$PYTHON" "$WORK/error.py"
	captured errors 1
}

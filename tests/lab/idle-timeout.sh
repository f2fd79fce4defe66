#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
source "$(dirname "$0")/lib.sh"
scenario idle-timeout "A quiet connection that outlives its session"
topology <<'PICTURE'
    client              gateway (sluiced)               server
    10.0.0.10 ───── lan 10.0.0.1 │ 198.51.100.1 wan ───── 198.51.100.2:7
                    forgets after 2 s of silence          (echo)
PICTURE
topology_up direct
responder_start server

# What some boxes do: forget soon, and take nothing that begins in the middle.
configure() { { gateway_block "timeout tcp established $1" "timeout tcp unacknowledged $1" "tcp-loose no"; rules_default; } >"$WORK/sluice.conf"; }
established() { control -j sessions -p tcp --dport 7 2>/dev/null | jq -s 'length'; }

# talk PAUSE KEEPALIVE: one question, a pause, another one; 0 when both are answered
talk() {
	inside client timeout 20 "$PYTHON" - "$1" "$2" <<-'PYTHON'
	import socket, sys, time
	pause, keepalive = float(sys.argv[1]), int(sys.argv[2])
	s = socket.create_connection(("198.51.100.2", 7), 3)
	if keepalive:
	    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
	    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keepalive)
	    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, keepalive)
	def ask():
	    s.settimeout(3)
	    s.sendall(b"hello\n")
	    return s.recv(1000)
	print("first:", ask().decode().strip(), flush=True)
	time.sleep(pause)
	print("second:", ask().decode().strip(), flush=True)
	PYTHON
}

configure 2s
gateway_launch
gateway_await
watch_series "sessions of the connection" 0.2 established

say "A question, an answer, five seconds of silence, another question"
check "without the silence it works" talk 0.5 0
check_not "after five seconds it does not" talk 5 0
moment failure "the second question is lost"
note "Neither end closed anything. Both believe in the connection; the gateway does not."

say "What the gateway says"
check "it is named" finds idle-expired
show control diagnose

say "First cure, at the client: a keepalive every second"
check "the same silence, and an answer" talk 5 1
moment cure "keepalives keep the session"

say "Second cure, at the gateway: a longer timeout, without a restart"
configure 2h4m
show control reload
check "the same silence, no keepalive, and an answer" talk 5 0
moment cure "two hours instead of two seconds"

lesson "RFC 5382 asks a NAT to remember an established TCP connection for two hours and four minutes, since that is just longer than keepalives' default. Where a box forgets sooner, keepalives must come sooner, too."
scenario_end

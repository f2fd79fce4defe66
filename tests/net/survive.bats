#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What is under way goes on when the daemon is killed, restarted, reloaded or replaced.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	responder_start server
	nginx_start server
	dd if=/dev/urandom of="$WORK/www/page" bs=1M count=40 status=none
	mkdir "$WORK/state"
	! getent passwd sluice >/dev/null || chown sluice "$WORK/state"
}

teardown_file() { topology_down; }

# configure [LINE...]: a gateway whose sessions outlive it.
configure() {
	{
		gateway_block "capacity 65536" "$@" | sed "s|state none|state \"$STATE\"|"
		rules_default
	} >"$WORK/sluice.conf"
}

setup() {
	STATE=$WORK/state/sessions
	rm -rf "$STATE"
	configure
	gateway_launch
	gateway_await
}

teardown() {
	explain
	stop held
	stop download
	stop noise
	gateway_stop
	in_gateway nft flush ruleset 2>/dev/null || true
}

# A download at a pace that outlasts what is done to the gateway.
download_start() {
	start download client curl -sS --max-time 60 --limit-rate 8M -o "$WORK/copy" http://198.51.100.2/page
	wait_for 5 eval '[[ $(stat -c %s "$WORK/copy" 2>/dev/null || echo 0) -gt 2000000 ]]'
}

download_arrives() {
	wait_for 40 gone download
	cmp "$WORK/copy" "$WORK/www/page"
	[[ ! -s "$WORK/download.log" ]]
}

kill_daemon() {
	kill -KILL "$(pid_of sluiced)"
	wait_for 2 gone sluiced
}

go_on() {
	gateway_launch
	gateway_await
}

@test "kill -9 and a new start: connections go on with the same ports, a download arrives whole" {
	held_start
	download_start
	for _ in 1 2 3; do
		kill_daemon
		go_on
		grep -qE '[1-9][0-9]* sessions go on, 0 are lost' "$WORK/sluiced.log"
		sleep 0.5
	done
	held_goes_on
	download_arrives
}

@test "kill -9 with every packet in the queue: windows are still exact" {
	gateway_stop
	rm -f "$STATE"
	configure "fastpath off"
	go_on
	held_start
	download_start
	kill_daemon
	go_on
	held_goes_on
	download_arrives
	[[ $(status '.drops["out-of-window"]') -eq 0 ]]
}

@test "the sessions are listed as they were, and each has the time that was left" {
	held_start
	probe client udp 198.51.100.2 7
	control sessions 2>/dev/null | sed 's/packets=.*//; s/ \[\(ASSURED\|OFFLOAD\)\].*//' | awk '{ $3 = ""; print }' | sort >"$WORK/before"
	control -j sessions | jq -r 'select(.protocol == "tcp") | .id' >"$WORK/ids"
	kill_daemon
	go_on
	control sessions 2>/dev/null | sed 's/packets=.*//; s/ \[\(ASSURED\|OFFLOAD\)\].*//' | awk '{ $3 = ""; print }' | sort >"$WORK/after"
	diff "$WORK/before" "$WORK/after"
	control -j sessions | jq -r 'select(.protocol == "tcp") | .id' | diff - "$WORK/ids"
	control -j sessions | jq -se 'map(select(.protocol == "tcp")) | length > 0 and all(.rule.line > 0)'
}

@test "a port that a survivor has is not handed out again" {
	local port
	gateway_stop
	rm -f "$STATE"
	configure "port-range 40000-40001" "port-overloading no"
	go_on
	held_start
	port=$(awk '{ print $2; exit }' "$WORK/held.log")
	kill_daemon
	go_on
	# One port is left: one more connection gets it, and it is the other one.
	run -0 probe client2 tcp 198.51.100.2 7
	[[ "$output" != *" $port" ]]
	held_goes_on
}

@test "SIGTERM and a new start: the sessions were in the file" {
	held_start
	# Nobody sends meanwhile: the bare router would answer with a reset.
	kill -STOP "$(pid_of held)"
	sleep 0.2
	gateway_stop
	[[ -z "$(in_gateway nft list ruleset)" ]]
	go_on
	kill -CONT "$(pid_of held)"
	held_goes_on
}

@test "SIGUSR1, as systemctl restart sends it: nothing leaves untranslated, nothing is lost" {
	local pid
	held_start
	download_start
	start noise client bash -c 'while :; do echo x >/dev/udp/198.51.100.2/20001; sleep 0.005; done'
	capture_start leak server "$INTERNAL"
	for _ in 1 2 3; do
		stop sluiced USR1
		[[ -n "$(in_gateway nft list ruleset)" ]]
		sleep 0.2
		go_on
	done
	stop noise KILL
	[[ $(capture_count leak) -eq 0 ]]
	held_goes_on
	download_arrives
	grep -q '^RestartKillSignal=SIGUSR1' "$ROOT/systemd/sluice.service"
}

@test "reload under load loses nothing" {
	held_start
	download_start
	for _ in {1..10}; do
		kill -HUP "$(pid_of sluiced)"
		sleep 0.1
	done
	held_goes_on
	download_arrives
}

@test "iperf3 goes on over kill -9" {
	start iperf-server server iperf3 -s -1
	wait_for 5 inside server ss -Hltn 'sport = 5201'
	start iperf client iperf3 -c 198.51.100.2 -t 5 -J
	sleep 1.5
	kill_daemon
	go_on
	wait_for 15 gone iperf
	jq -e '.error == null and .end.sum_received.bytes > 1000000' "$WORK/iperf.log"
	# The last interval was not a silent one.
	jq -e '.intervals[-1].sum.bytes > 0' "$WORK/iperf.log"
	stop iperf-server
}

@test "a file of another capacity is not taken, and the log says why" {
	held_start
	kill_daemon
	configure "capacity 32768"
	sed -i '0,/capacity 65536/{/capacity 65536/d}' "$WORK/sluice.conf"
	go_on
	grep -q 'sessions of before are gone: .*capacity' "$WORK/sluiced.log"
	[[ $(status .sessions.capacity) -eq 32768 ]]
}

# damaged PATTERN: it starts all the same, says so, and serves.
damaged() {
	go_on
	grep -qE "$1" "$WORK/sluiced.log"
	fetch client http://198.51.100.2/ip
}

@test "a file of another layout or byte order, a truncated, an oversized one: begun anew" {
	held_start
	kill_daemon
	cp "$STATE" "$WORK/good"
	printf '\x01' | dd of="$STATE" bs=1 seek=8 conv=notrunc status=none
	damaged 'sessions of before are gone: .*another version'
	kill_daemon
	printf '\x01' | dd of="$STATE" bs=1 seek=0 conv=notrunc status=none
	damaged 'sessions of before are gone: .*damaged'
	kill_daemon
	truncate -s 100000 "$STATE"
	damaged 'sessions of before are gone: .*size'
	kill_daemon
	truncate -s 17 "$STATE"
	damaged 'sessions of before are gone: .*damaged'
	kill_daemon
	truncate -s +1M "$STATE"
	damaged 'sessions of before are gone: .*size'
	kill_daemon
	printf 'x' | dd of="$STATE" bs=1 seek=28 conv=notrunc status=none
	damaged 'sessions of before are gone: .*before the machine was started'
}

@test "a file full of noise: only sessions are lost" {
	local size
	for _ in 1 2 3; do
		held_start
		kill_daemon
		stop held
		size=$(stat -c %s "$STATE")
		# Behind the header, in blocks here and there.
		for at in {1..60}; do
			dd if=/dev/urandom of="$STATE" bs=4096 seek=$((1 + RANDOM * RANDOM % (size / 4096 - 2))) count=1 \
				conv=notrunc status=none
		done
		dd if=/dev/urandom of="$STATE" bs=4096 seek=5 count=300 conv=notrunc status=none
		go_on
		fetch client http://198.51.100.2/ip
	done
}

@test "torn slots: each one by itself" {
	held_start
	for port in {20001..20040}; do echo x; done >/dev/null
	in_client bash -c 'for port in {20001..20040}; do echo x >/dev/udp/198.51.100.2/$port; done'
	wait_for 3 eval '[[ $(status .sessions.current) -ge 41 ]]'
	kill_daemon
	"$PYTHON" - "$STATE" <<-'END'
		import sys
		from ipaddress import ip_address
		inside = b"\0" * 10 + b"\xff\xff" + ip_address("10.0.0.10").packed
		with open(sys.argv[1], "r+b") as f:
		    data = bytearray(f.read())
		    at = data.find(inside)
		    torn = 0
		    while at >= 0 and torn < 5:
		        data[at + 12:at + 16] = b"\x7f\0\0\1"
		        torn += 1
		        at = data.find(inside, at + 16)
		    f.seek(0)
		    f.write(data)
		sys.exit(torn != 5)
	END
	go_on
	grep -qE '3[0-9] sessions go on' "$WORK/sluiced.log"
}

@test "hostile files: a link, a pipe, another owner's, one that others may write: left alone" {
	gateway_stop
	local victim=$WORK/state/victim
	echo precious >"$victim"
	rm -f "$STATE"
	ln -s "$victim" "$STATE"
	damaged 'sessions will end with the process: .*symbolic link'
	gateway_stop
	[[ "$(cat "$victim")" == precious && -L "$STATE" ]]
	rm "$STATE"
	mkfifo "$STATE"
	damaged 'sessions will end with the process: .*no plain file'
	gateway_stop
	rm "$STATE"
	cp "$victim" "$STATE"
	chown 65534 "$STATE"
	damaged "sessions will end with the process: .*somebody else's"
	gateway_stop
	chown 0 "$STATE"
	chmod 666 "$STATE"
	damaged 'sessions will end with the process: .*others may write'
	gateway_stop
	chmod 600 "$STATE"
	rm "$STATE"
	ln "$victim" "$STATE"
	damaged 'sessions will end with the process: .*others may write'
	[[ "$(cat "$victim")" == precious ]]
}

@test "a directory that is not there" {
	gateway_stop
	STATE=$WORK/nowhere/deep/sessions
	configure
	damaged 'sessions will end with the process: .*nowhere'
}

@test "two daemons do not share a file" {
	sed "s|control.sock|other.sock|" "$WORK/sluice.conf" >"$WORK/other.conf"
	run inside gateway timeout 10 "$SLUICED" -f "$WORK/other.conf"
	[[ "$status" -eq 1 && "$output" == *"another process uses it"* ]]
	held_start
	held_goes_on
}

# Opens 200 connections a second, each answered over its own port; says at the end how many were not, and how
# long the slowest took.
opener='
import selectors, socket, sys, time
selector = selectors.DefaultSelector()
begin = time.monotonic()
end = begin + float(sys.argv[1])
number = failed = answered = 0
slowest = 0
waiting = {}
while time.monotonic() < end + 20 and (time.monotonic() < end or waiting):
    while time.monotonic() < end and number < (time.monotonic() - begin) * 200:
        talk = socket.socket()
        talk.setblocking(False)
        talk.connect_ex(("198.51.100.2", 7))
        waiting[talk] = time.monotonic()
        selector.register(talk, selectors.EVENT_WRITE)
        number += 1
    for key, events in selector.select(0.005):
        talk = key.fileobj
        try:
            if events & selectors.EVENT_WRITE:
                talk.send(b"x\n")
                selector.modify(talk, selectors.EVENT_READ)
                continue
            answered += bool(talk.recv(100))
        except OSError:
            failed += 1
        slowest = max(slowest, time.monotonic() - waiting.pop(talk))
        selector.unregister(talk)
        talk.close()
print(number, "opened", answered, "answered", failed, "failed", "%.1f" % slowest, "s the slowest")
sys.exit(answered != number)
'

@test "restarts, kills and reloads while 200 connections a second are opened: late ones, none refused, no port lost" {
	held_start
	download_start
	start opener client "$PYTHON" -c "$opener" 8
	for signal in USR1 KILL HUP USR1 HUP KILL HUP; do
		sleep 1
		if [[ $signal == HUP ]]; then
			kill -HUP "$(pid_of sluiced)"
		else
			stop sluiced "$signal"
			go_on
			grep -qE '[1-9][0-9]* sessions go on, 0 are lost' "$WORK/sluiced.log"
		fi
	done
	wait_for 40 gone opener
	cat "$WORK/opener.log"
	[[ $(cat "$WORK/opener.log") == *" 0 failed "* ]]
	[[ $(awk '{ print $1 - $3 }' "$WORK/opener.log") -eq 0 ]]
	held_goes_on
	download_arrives
	# Each port that is in use is one mapping's, and each mapping is somebody's.
	[[ $(status '[.pools[] | select(.protocol == "tcp") | .used] | add') -eq \
		$(control -j mappings | jq -s '[.[] | select(.protocol == "tcp")] | length') ]]
	[[ $(control -j mappings | jq -s '[.[] | select(.sessions < 1)] | length') -eq 0 ]]
}

@test "what arrives while the daemon looks through the sessions of before waits, and is not lost" {
	kill_daemon
	# Long enough to be seen: it is stopped as soon as the last of its queues copies packets.
	start sluiced gateway "$PYTHON" -c '
import os, re, signal, sys, time
child = os.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    with open("/proc/net/netfilter/nfnetlink_queue") as queues:
        if re.search(r"^ *16 +\d+ +\d+ +2 ", queues.read(), re.M):
            os.kill(child, signal.SIGSTOP)
            break
print("holds", flush=True)
time.sleep(1)
os.kill(child, signal.SIGCONT)
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
os.waitpid(child, 0)
' "$SLUICED" -f "$WORK/sluice.conf"
	wait_for 5 grep -q holds "$WORK/sluiced.log"
	if grep -q started "$WORK/sluiced.log"; then skip "it was too quick"; fi
	run -0 probe client udp 198.51.100.2 7 --timeout 8
	gateway_await
}

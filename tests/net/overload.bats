#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# More than there is room for: of packets, clients, log lines, disk, memory. It is counted and
# told, others go on, and afterwards all is as before.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	responder_start server
	nginx_start server
	mkdir "$WORK/small"
}

teardown_file() {
	umount -l "$WORK/small" 2>/dev/null || true
	topology_down
}

teardown() {
	explain
	stop held
	stop noise
	stop flood
	gateway_stop
	ip -n "$NS-gateway" link del extra 2>/dev/null || true
	[[ ! -f "$WORK/changes" ]] || addresses_restore
	umount -l "$WORK/small" 2>/dev/null || true
}

served() { fetch client --max-time 2 http://198.51.100.2/ip; }

# noise_start PACKETS: so many datagrams at once, again and again.
noise_start() {
	start noise client "$PYTHON" -c '
import socket, sys, time
talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + 20
while time.monotonic() < end:
    for i in range(int(sys.argv[1])):
        try:
            talk.sendto(b"x", ("198.51.100.2", 20000 + i % 1000))
        except OSError:
            pass
    time.sleep(0.02)
' "$1"
}

@test "queue overrun: counted, one alert, one line; over after ten seconds" {
	{ gateway_block "queue-length 64"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	noise_start 400
	kill -STOP "$(pid_of sluiced)"
	sleep 1
	kill -CONT "$(pid_of sluiced)"
	stop noise KILL
	wait_for 3 eval '[[ $(status .queue.dropped) -gt 0 ]]'
	wait_for 3 eval '[[ "$(status ".alerts[].name")" == *queue-overrun* ]]'
	[[ $(status '.alerts[] | select(.name == "queue-overrun") | .text') == *"the queue was full"* ]]
	served
	wait_for 14 eval '[[ "$(status ".alerts[].name")" != *queue-overrun* ]]'
	[[ $(grep -c 'queue-overrun' "$WORK/sluiced.log") -eq 2 ]]
}

alerts() { status '.alerts[].name'; }

# burst ADDRESS PORT COUNT SIZE: datagrams from the client, as fast as they go.
burst() {
	in_client "$PYTHON" -c '
import socket, sys
talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(int(sys.argv[3])):
    talk.sendto(b"x" * int(sys.argv[4]), (sys.argv[1], int(sys.argv[2])))
' "$@"
}

# waiting NUMBER: so many packets, in the kernel, for a daemon that does not run.
waiting() {
	(($(in_gateway awk '{ n += $3 } END { print n + 0 }' /proc/net/netfilter/nfnetlink_queue) >= $1))
}

@test "the socket overruns before the queue does: counted, told, and nothing else is lost" {
	{ gateway_block "queue-length 1048576" "fastpath off"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	served
	kill -STOP "$(pid_of sluiced)"
	# One source's queue may hold 131,072 packets; 64 MiB do not hold that many large ones.
	burst 198.51.100.2 20001 60000 1400
	kill -CONT "$(pid_of sluiced)"
	wait_for 5 eval '[[ $(status .queue.failed) -gt 0 ]]'
	[[ $(status .queue.dropped) -eq 0 && $(status .queue.refused) -eq 0 ]]
	wait_for 5 eval '[[ "$(alerts)" == queue-overrun ]]'
	[[ $(status '.alerts[0].text') == *"0 packets dropped since the queue was full, "[1-9]*" since the socket was" ]]
	wait_for 5 served
	[[ $(control metrics | awk '$1 == "sluice_queue_dropped_total" { print $2 }') -eq $(status .queue.failed) ]]
	# What was handed over is judged, all of it, and nothing waits without a verdict.
	wait_for 10 eval '[[ $(status .queue.length) -eq 0 ]]'
}

# A second way in, which can be taken away.
extra_up() {
	cable client extra gateway extra
	ip -n "$NS-client" addr add 10.0.7.10/24 dev extra
	ip -n "$NS-gateway" addr add 10.0.7.1/24 dev extra
	ip -n "$NS-client" route replace 198.51.100.99 via 10.0.7.1
}

@test "an interface goes while its packets wait: verdicts come too late, which is counted and told once" {
	extra_up
	{
		gateway_block "fastpath off"
		rules_default | sed 's/iifname "lan" oifname/iifname { "lan", "extra" } oifname/; s|10.0.0.0/24 masq|10.0.0.0/16 masq|'
	} >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	held_start
	capture_start leak server "$INTERNAL or net 10.0.7.0/24"
	# What is refused in the first second may have waited at the hooks of the table of before.
	wait_for 5 eval '[[ $(status .uptime_s) -ge 3 ]]'
	kill -STOP "$(pid_of sluiced)"
	burst 198.51.100.99 20001 300 10
	burst 198.51.100.2 20002 50 10
	wait_for 5 waiting 350
	ip -n "$NS-gateway" link del extra
	run ! waiting 300
	kill -CONT "$(pid_of sluiced)"
	wait_for 5 eval '[[ $(status .queue.refused) -gt 0 ]]'
	wait_for 5 eval '[[ "$(alerts)" == verdict-failure ]]'
	[[ $(control metrics | awk '$1 == "sluice_verdicts_refused_total" { print $2 }') -eq $(status .queue.refused) ]]
	control status | grep -qE 'queue .*refused [1-9]'
	# The others' packets have their verdicts, and new ones, too.
	wait_for 5 eval '[[ $(status .queue.length) -eq 0 ]]'
	[[ $(status .queue.dropped) -eq 0 ]]
	served
	held_goes_on
	wait_for 14 eval '[[ -z "$(alerts)" ]]'
	[[ $(grep -c verdict-failure "$WORK/sluiced.log") -eq 2 ]]
	[[ $(capture_count leak) -eq 0 ]]
}

# As the daemon, but the kernel takes only some of its verdicts: see failing_send.c.
failing_launch() { SLUICED=$BUILD/tests/net/sluiced-failing gateway_launch; }

@test "verdicts that cannot be sent: for lack of memory they wait, else their packets are dropped" {
	{ gateway_block "fastpath off"; rules_default; } >"$WORK/sluice.conf"
	dd if=/dev/urandom of="$WORK/www/page" bs=1M count=8 status=none
	failing_launch
	gateway_await
	capture_start leak server "$INTERNAL"
	held_start
	noise_start 20
	fetch client --max-time 60 -o "$WORK/copy" http://198.51.100.2/page
	cmp "$WORK/copy" "$WORK/www/page"
	wait_for 10 eval '[[ $(status .queue.refused) -gt 0 ]]'
	wait_for 5 eval '[[ "$(alerts)" == verdict-failure ]]'
	stop noise KILL
	held_goes_on
	grep -q 'queue: verdicts wait: No buffer space available' "$WORK/sluiced.log"
	wait_for 5 eval '[[ $(status .queue.length) -eq 0 ]]'
	[[ $(capture_count leak) -eq 0 ]]
	rm "$WORK/www/page" "$WORK/copy"
}

addresses_restore() {
	rm "$WORK/changes"
	ip -n "$NS-gateway" addr flush dev wan
	ip -n "$NS-gateway" addr add 198.51.100.1/24 dev wan
	ip -n "$NS-gateway" addr add 2001:db8::1/64 dev wan nodad
	ip -n "$NS-gateway" addr del 192.0.2.1/32 dev lan 2>/dev/null || true
	ip -n "$NS-gateway" route del 203.0.113.0/24 2>/dev/null || true
}

# lost_news GROUP-BIT: by the sockets that listen to it. Without a fast path none does to routes.
lost_news() {
	in_gateway cat /proc/net/netlink | "$PYTHON" -c '
import sys
rows = [line.split() for line in sys.stdin][1:]
print(sum(int(row[8]) for row in rows if row[1] == "0" and int(row[3], 16) & int(sys.argv[1], 0)))
' "$1"
}

@test "news of addresses and routes that are lost: it knows how things are in the end" {
	rules_default | gateway_start
	[[ "$(served)" == "198.51.100.1 "* ]]
	kill -STOP "$(pid_of sluiced)"
	{
		for _ in {1..3000}; do
			echo "addr add 192.0.2.1/32 dev wan"
			echo "route add 203.0.113.0/24 via 198.51.100.2"
			echo "addr del 192.0.2.1/32 dev wan"
			echo "route del 203.0.113.0/24"
		done
		# What is left is told last of all, when there is no room for it.
		echo "addr del 198.51.100.1/24 dev wan"
		echo "addr add 198.51.100.7/24 dev wan"
		echo "route add 203.0.113.0/24 via 198.51.100.2"
	} >"$WORK/changes"
	ip -n "$NS-gateway" -batch "$WORK/changes"
	wait_for 2 eval '[[ $(lost_news 0x10) -gt 0 ]]'
	[[ "${GATEWAY_FASTPATH:-}" == off ]] || wait_for 2 eval '[[ $(lost_news 0x40) -gt 0 ]]'
	kill -CONT "$(pid_of sluiced)"
	wait_for 5 eval '[[ "$(served)" == "198.51.100.7 "* ]]'
	control -j pools | jq -se 'map(.address) | index("198.51.100.7") != null'
}

@test "news that do not end: it does not wait for the end of them" {
	local urgently=()
	! chrt -f 10 true 2>/dev/null || urgently=(chrt -f 10)
	rules_default | gateway_start
	: >"$WORK/changes"
	# Each time the kernel tells of the link (SIOCSIFTXQLEN); and it is not to pause, however busy the machine is.
	start noise gateway "${urgently[@]}" "$PYTHON" -c '
import fcntl, itertools, socket, struct, time
talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for length in itertools.cycle((1000, 1001)):
    fcntl.ioctl(talk, 0x8943, struct.pack("16si20x", b"lan", length))
    time.sleep(0.001)
'
	sleep 0.3
	ip -n "$NS-gateway" addr del 198.51.100.1/24 dev wan
	ip -n "$NS-gateway" addr add 198.51.100.7/24 dev wan
	wait_for 3 eval '[[ "$(served)" == "198.51.100.7 "* ]]'
	# Meanwhile, not afterwards.
	running noise
	stop noise KILL
}

@test "suspended for five seconds: nothing leaves untranslated, connections go on" {
	{ gateway_block "fastpath off"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	held_start
	capture_start leak server "$INTERNAL"
	noise_start 20
	kill -STOP "$(pid_of sluiced)"
	sleep 5
	kill -CONT "$(pid_of sluiced)"
	wait_for 2 served
	stop noise KILL
	held_goes_on
	[[ $(capture_count leak) -eq 0 ]]
}

@test "clients that ask without end and never read: packets and other clients do not wait" {
	rules_default | gateway_start
	start flood gateway "$PYTHON" -c '
import socket, sys, time
clients = []
end = time.monotonic() + 6
while time.monotonic() < end:
    while len(clients) < 30:
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        try:
            client.connect(sys.argv[1])
        except OSError:
            break
        clients.append(client)
    for client in list(clients):
        try:
            client.send(b"{\"command\":\"status\"}\n{\"command\":\"sessions\"}\n" * 40)
        except BlockingIOError:
            pass
        except OSError:
            clients.remove(client)
    time.sleep(0.001)
' "$WORK/control.sock"
	sleep 0.5
	in_client ping -q -c 40 -i 0.05 -W 2 198.51.100.2 | tee "$WORK/ping.log"
	grep -q ' 0% packet loss' "$WORK/ping.log"
	served
	wait_for 15 gone flood
	control status
	running sluiced
}

@test "a rule that logs each packet of a flood: some lines a second, and how many are missing" {
	local lines
	gateway_block "fastpath off" >"$WORK/sluice.conf"
	rules_default | sed '/oifname "wan" accept/i iifname "lan" udp dport 20000-20999 log prefix "noise: "' \
		>>"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	noise_start 400
	sleep 3
	stop noise KILL
	lines=$(grep -c 'noise: ' "$WORK/sluiced.log")
	echo "$lines lines"
	((lines > 100 && lines <= 1200))
	grep -q 'packets more should have been logged' "$WORK/sluiced.log"
	served
}

@test "a full disk: it says so, serves, and leaves no half file" {
	mount -t tmpfs -o size=1M none "$WORK/small"
	chmod 777 "$WORK/small"
	{ gateway_block | sed "s|state none|state \"$WORK/small/sessions\"|"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	grep -qE 'sessions will end with the process: .*/small/sessions: No space left' "$WORK/sluiced.log"
	served
	[[ $(stat -c %s "$WORK/small/sessions") -eq 0 ]]
}

@test "a disk that fills up later: the file has its room already" {
	mount -t tmpfs -o size=24M none "$WORK/small"
	chmod 777 "$WORK/small"
	{
		gateway_block "capacity 65536" | sed "s|state none|state \"$WORK/small/sessions\"|"
		rules_default
	} >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	run ! grep -q 'will end with the process' "$WORK/sluiced.log"
	run ! dd if=/dev/zero of="$WORK/small/filler" bs=64K status=none
	noise_start 1000
	wait_for 10 eval '[[ $(status .sessions.current) -ge 1000 ]]'
	stop noise KILL
	served
	stop sluiced KILL
	gateway_launch
	gateway_await
	grep -qE '[0-9]{4} sessions go on, 0 are lost' "$WORK/sluiced.log"
}

@test "no memory at the start: one clear line" {
	[[ -z "${ASAN_OPTIONS:-}" ]] || skip "the address sanitizer alone takes more"
	{ gateway_block "capacity 4194304"; rules_default; } >"$WORK/sluice.conf"
	run inside gateway prlimit --as=400000000 "$SLUICED" -f "$WORK/sluice.conf"
	echo "$output"
	[[ "$status" -eq 1 && "${#lines[@]}" -eq 1 ]]
	[[ "$output" == *"cannot start: session table of that capacity: Cannot allocate memory"* ]]
	[[ -z "$(kernel_state)" ]]
}

@test "clock jumps: nothing but the time shown with an event is from the clock that can be set" {
	run ! grep -rnE 'CLOCK_REALTIME|gettimeofday *\(|[^a-z_]time *\((NULL|0|&)' \
		"$ROOT/daemon" "$ROOT/conntrack" "$ROOT/rules" "$ROOT/include" --include=*.c --include=*.h \
		--exclude=events.c
}

@test "after fifty days: milliseconds in 32 bits begin again" {
	unshare --time true 2>/dev/null || skip "no time namespaces"
	{ gateway_block "port-hold 1s"; rules_default; } >"$WORK/sluice.conf"
	start sluiced gateway unshare --time --monotonic $((4294967 - $(cut -d. -f1 /proc/uptime) + 4)) --fork --kill-child \
		"$SLUICED" -f "$WORK/sluice.conf"
	wait_for 10 control status
	for _ in {1..16}; do
		served >/dev/null
		sleep 0.5
	done
	control -j sources >/dev/null
}

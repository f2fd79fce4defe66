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
	! grep -q 'will end with the process' "$WORK/sluiced.log"
	! dd if=/dev/zero of="$WORK/small/filler" bs=64K status=none
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

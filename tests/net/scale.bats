#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A gateway with very many sessions: SCALE of them (4000000 for the whole: 1.2 GB, two minutes), what they
# cost, questions about them, new ones, and their end all at once; GATEWAY_FASTPATH=auto: with the fast path.
# The packets come through the gateway like all others; nothing is put into its table.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

SCALE=${SCALE:-100000}
PART=80000  # datagrams of the load between two looks at what has become of them
PORTS=40000 # of a source, tests/bench/order.h
export PYTHONPATH=$NET PYTHONDONTWRITEBYTECODE=1

# Twice the wanted ports for four million, on 128 external addresses.
rules() {
	rules_nat 'oifname "wan" ip saddr 10.64.0.0/10 snat ip to 198.51.100.16-198.51.100.143' \
		'oifname "wan" masquerade'
}

# configure DURATION: how long a session is kept that nobody answers
configure() {
	{
		GATEWAY_FASTPATH=${GATEWAY_FASTPATH:-off} gateway_block "capacity $((SCALE + SCALE / 4))" \
			"timeout udp unreplied $1" "sessions-per-source 0" "pooling arbitrary"
		rules
	} >"$WORK/sluice.conf"
}

sessions() { status .sessions.current; }
# In KiB.
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$(pid_of sluiced)/status"; }
# Nothing waits for the daemon.
drained() { [[ $(status .queue.length) -eq 0 ]]; }

# flood_flows FIRST COUNT RATE: the first packet of each of these flows
flood_flows() {
	local host=$(($1 / PORTS)) mac
	mac=$(ip -n "$NS-gateway" -j link show lan | jq -r '.[0].address')
	in_client "$BUILD/tests/bench/flood" -n "$2" eth0 "$mac" "10.64.$((host / 250)).$((host % 250 + 1))" 20000 \
		198.51.100.2 9 60 "$3" 18 "$2" >/dev/null
}

# Part after part, each as often as it takes: who is there already is refreshed, who is not gets
# another chance, at a slower pace.
load() {
	local first=0 wanted tries rate=100000
	while ((first < SCALE)); do
		wanted=$((SCALE - first < PART ? SCALE - first : PART))
		for tries in {1..20}; do
			flood_flows "$first" "$wanted" "$rate"
			wait_for 10 drained
			(($(sessions) < first + wanted)) || break
			((rate = rate * 3 / 4 + 2000))
		done
		((tries < 20)) || return 1
		((first += wanted))
	done
}

setup_file() {
	make -s -C "$ROOT" BUILD="$BUILD" "$BUILD/tests/bench/flood" >/dev/null
	topology_up direct
	ip -n "$NS-gateway" route add 10.64.0.0/10 via 10.0.0.10
	# What nobody asked for is not answered; 198.51.100.16 and up are the gateway's.
	in_server nft -f - <<-'QUIET'
	table inet quiet { chain input { type filter hook input priority 0; udp dport 9 drop; }; }
	QUIET
	responder_start server
	configure 1h
	gateway_launch
	gateway_await
	resident >"$WORK/empty"
	load
}

teardown_file() { topology_down; }
teardown() { explain; }

@test "all of them are there, and cost what the gateway says" {
	local held full empty each
	held=$(sessions)
	each=$(status .sessions.bytes_each)
	full=$(resident)
	empty=$(<"$WORK/empty")
	echo "# $held sessions of $each bytes; resident $((full / 1024)) MiB, without them $((empty / 1024)) MiB" >&3
	((held >= SCALE && each <= 256))
	# Pages touched for a few of theirs are the rest. Sanitizers have memory of their own.
	grep -q libasan "/proc/$(pid_of sluiced)/maps" || (((full - empty) * 1024 / held < 320))
}

@test "status and sources answer within 50 ms" {
	[[ $(sessions) -ge $SCALE ]]
	run -0 "$PYTHON" - "$WORK/control.sock" <<-'ASK'
	import json, socket, sys, time
	def ask(request):
	    begin = time.monotonic()
	    with socket.socket(socket.AF_UNIX) as s:
	        s.connect(sys.argv[1]); s.sendall(request); lines = s.makefile()
	        first = json.loads(lines.readline())
	        while "stream" in first and '"end":' not in lines.readline(): pass
	    return (time.monotonic() - begin) * 1000
	for verb in "status", "sources", "destinations":
	    taken = sorted(ask(b'{"command":"%s"}\n' % verb.encode()) for _ in range(21))
	    print(f"{verb}: median {taken[10]:.2f} ms, worst {taken[-1]:.2f} ms")
	    # Other processes share these processors: the median is the daemon's doing.
	    assert taken[10] < 50
	ASK
	printf "# %s\n" "${lines[@]}" >&3
}

@test "a listing of everything while packets go on: none lost, a few milliseconds later at most" {
	run -0 in_client "$PYTHON" - "$WORK/control.sock" "$SCALE" <<-'LIST'
	import os, socket, sys, time
	from pace import late, middle, pace
	end = time.monotonic() + 2
	quiet = pace(lambda: time.monotonic() > end)
	# In a process of its own: two threads would wait for each other, not for the gateway.
	reading, writing = os.pipe(); began = time.monotonic(); reader = os.fork()
	if not reader:
	    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'{"command":"sessions"}\n')
	    tail, lines = b"", -2
	    while b'"end":' not in tail:
	        data = s.recv(1 << 20)
	        if not data: lines = 0; break
	        lines += data.count(b"\n"); tail = (tail + data)[-200:]
	    os.write(writing, str(lines).encode()); os._exit(0)
	busy = pace(lambda: os.waitpid(reader, os.WNOHANG)[0] or time.monotonic() > began + 300)
	taken = time.monotonic() - began; lines = int(os.read(reading, 100))
	lost = sum(v is None for v in quiet + busy)
	busy = [v for v in busy if v is not None]; quiet = [v for v in quiet if v is not None]
	print(f"{lines} lines in {taken:.1f} s; median {middle(quiet):.2f} ms quiet, {middle(busy):.2f} ms listing;"
	      f" 99 % {late(quiet):.2f}, {late(busy):.2f}, worst {max(quiet):.2f}, {max(busy):.2f}; lost {lost} of {len(busy)}")
	assert lines >= int(sys.argv[2]) and lost == 0
	# Of the last hundredth others have their part, who share these processors: a second is the daemon's own.
	assert middle(busy) - middle(quiet) < 20 and late(busy) < late(quiet) + 1000
	LIST
	printf "# %s\n" "${lines[@]}" >&3
}

@test "200 clients at once, half never read: the others get all, packets pass, memory stays bounded" {
	local dropped
	dropped=$(status '.queue.dropped + .queue.failed')
	run -0 in_client "$PYTHON" - "$WORK/control.sock" "$(pid_of sluiced)" <<-'CROWD'
	import json, os, socket, sys, time
	def connect(request):
	    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(30); s.sendall(request); return s
	def memory():
	    return next(int(l.split()[1]) for l in open(f"/proc/{sys.argv[2]}/status") if l.startswith("VmRSS"))
	def served(): return len(os.listdir(f"/proc/{sys.argv[2]}/fd"))
	before = memory(); others = served()
	rude = [connect(b'{"command":"sessions"}\n' if i % 2 else b'{"command":"events"}\n') for i in range(100)]
	echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	echo.connect(("198.51.100.2", 7)); echo.settimeout(2)
	verbs = b"status", b"pools", b"sources", b"destinations", b"diagnose"
	polite = [connect(b'{"command":"%s"}\n' % verbs[i % 5]) for i in range(100)]
	slowest = 0; began = time.monotonic()
	while (most := served() - others) < 200 and time.monotonic() < began + 10: pass
	for s in polite:
	    lines = s.makefile(); first = json.loads(lines.readline()); assert first["ok"], first
	    while "stream" in first and '"end":' not in lines.readline(): pass
	    asked = time.monotonic(); echo.send(b"x"); echo.recv(100)
	    slowest = max(slowest, time.monotonic() - asked)
	    s.close()
	taken = time.monotonic() - began
	grown = memory() - before
	print(f"{most} clients at once, 100 answers in {taken:.2f} s, slowest of 100 echoes {slowest * 1000:.1f} ms,"
	      f" {grown} KiB more")
	sanitized = "libasan" in open(f"/proc/{sys.argv[2]}/maps").read()
	assert most >= 200 and taken < 30 and slowest < 1 and (grown < 128 * 1024 or sanitized)
	# Who has not read is still there, as long as his patience and the daemon's last; and gets it all.
	late = rude[1].makefile(); assert json.loads(late.readline())["ok"]
	for _ in range(1000): assert json.loads(late.readline())["id"]
	CROWD
	printf "# %s\n" "${lines[@]}" >&3
	[[ $(status '.queue.dropped + .queue.failed') -eq $dropped ]]
}

@test "new sessions a second beside so many: told, not judged" {
	local before began=${EPOCHREALTIME/./} took
	before=$(status .sessions.created)
	began=${EPOCHREALTIME/./}
	# More than it can: some are lost.
	flood_flows "$((SCALE / PORTS * PORTS + PORTS))" "$((SCALE / 5))" 0
	wait_for 10 drained
	took=$(((${EPOCHREALTIME/./} - began) / 1000))
	echo "# $(($(status .sessions.created) - before)) of $((SCALE / 5)) in $took ms, $(sessions) sessions" >&3
	(($(status .sessions.created) > before))
}

@test "all end at once, packets go on: none lost, a few milliseconds later at most" {
	configure 1s
	run -0 in_client "$PYTHON" - "$WORK/control.sock" <<-'END'
	import json, os, socket, sys, time
	from pace import late, middle, pace
	def ask(request):
	    with socket.socket(socket.AF_UNIX) as s:
	        s.connect(sys.argv[1]); s.sendall(request); return json.loads(s.makefile().readline())
	end = time.monotonic() + 1
	quiet = pace(lambda: time.monotonic() > end)
	held = ask(b'{"command":"status"}\n')["sessions"]["current"]
	began = time.monotonic(); child = os.fork()
	if not child:
	    answer = ask(b'{"command":"reload"}\n')
	    assert answer["ok"], answer
	    while ask(b'{"command":"status"}\n')["sessions"]["current"] > 100: time.sleep(0.05)
	    os._exit(0)
	busy = pace(lambda: os.waitpid(child, os.WNOHANG)[0] or time.monotonic() > began + 300)
	taken = time.monotonic() - began
	left = ask(b'{"command":"status"}\n')["sessions"]["current"]
	lost = sum(v is None for v in quiet + busy)
	busy = [v for v in busy if v is not None]; quiet = [v for v in quiet if v is not None]
	print(f"{held - left} sessions ended in {taken:.1f} s; median {middle(quiet):.2f} ms quiet, {middle(busy):.2f} ms"
	      f" then; 99 % {late(quiet):.2f}, {late(busy):.2f}, worst {max(quiet):.2f}, {max(busy):.2f}; lost {lost} of {len(busy)}")
	assert left <= 100 and lost == 0
	assert middle(busy) - middle(quiet) < 20 and late(busy) < late(quiet) + 1000
	END
	printf "# %s\n" "${lines[@]}" >&3
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The control socket: who may do what, readers that do not read, counters that begin anew, and a
# socket that a dead daemon left.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up direct
	responder_start server
	{
		gateway_block 'metrics 127.0.0.1:9743'
		cat <<-'RULES'
		table inet gateway {
			chain forward {
				type filter hook forward priority filter; policy drop;
				ct state established,related accept
				iifname "lan" udp dport 7 counter accept
				iifname "lan" oifname "wan" accept
			}
			chain postrouting {
				type nat hook postrouting priority srcnat;
				oifname "wan" masquerade
			}
		}
		RULES
	} >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
}

teardown_file() { topology_down; }
teardown() { explain; }

# as USER GROUP VERB...: sluicectl without root's rights
as() {
	setpriv --reuid="$1" --regid="$2" --clear-groups "$SLUICECTL" -s "$WORK/control.sock" "${@:3}"
}

# open_sessions N FIRST-PORT: as many UDP sessions of the client
open_sessions() {
	in_client "$PYTHON" - "$1" "$2" <<-'SEND'
	import socket, sys, time
	for port in range(int(sys.argv[2]), int(sys.argv[2]) + int(sys.argv[1])):
	    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
	        s.bind(("10.0.0.10", port))
	        s.sendto(b"x", ("198.51.100.2", 9))
	    if port % 100 == 0: time.sleep(0.005)
	SEND
}

@test "the group may read, and may not change" {
	[[ $(stat -c %G "$WORK/control.sock") == adm ]]
	run -0 as nobody adm status
	run -0 as nobody adm check
	for verb in reload reset "delete -p udp"; do
		# shellcheck disable=SC2086 # a verb and its words
		run -1 as nobody adm $verb
		[[ "$output" == *"needs root"* ]]
	done
	run -1 as nobody nogroup status
	[[ "${#lines[@]}" -eq 1 ]]
}

@test "rules: each with its line, its chain and what it counted" {
	probe client udp 198.51.100.2 7 --sport 41000
	local line
	line=$(grep -n 'udp dport 7' "$WORK/sluice.conf" | cut -d: -f1)
	control -j rules >"$WORK/rules.json"
	jq -se --argjson line "$line" 'map(select(.line == $line)) | length == 1 and .[0].chain == "forward" and
		.[0].family == "inet" and .[0].packets == 1 and .[0].bytes >= 29' "$WORK/rules.json"
	# Each of the four rules has its place, and the text is whole without it.
	jq -se 'map(select(has("line"))) | length == 4' "$WORK/rules.json"
	control rules | grep -qE "udp dport 7 counter accept # .*sluice.conf:$line packets 1 bytes [0-9]+$"
	jq -r .text "$WORK/rules.json" | in_gateway nft -c -f -
}

@test "reset: status and rules begin at zero, metrics go on, sessions stay" {
	open_sessions 50 19000
	local created
	created=$(in_gateway curl -s http://127.0.0.1:9743/metrics | awk '$1 == "sluice_sessions_created_total" { print $2 }')
	[[ $created -ge 50 && $(status .sessions.created) -ge 50 && $(status .packets.received) -ge 50 ]]
	run -0 control reset
	[[ $(status .sessions.created) -le 2 && $(status .packets.received) -le 10 ]] # the network is never silent
	[[ $(control -j rules | jq -s 'map(.packets // 0) | add') -eq 0 ]]
	[[ $(in_gateway curl -s http://127.0.0.1:9743/metrics | awk '$1 == "sluice_sessions_created_total" { print $2 }') -ge $created ]]
	[[ $(status .sessions.current) -ge 1 ]]
}

@test "the metrics listener serves one page and refuses the rest" {
	run -0 in_gateway curl -sf http://127.0.0.1:9743/metrics
	grep -qx 'sluice_sessions_limit 262144' <<<"$output"
	[[ $(in_gateway curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:9743/) == 404 ]]
	[[ $(in_gateway curl -s -o /dev/null -w '%{http_code}' -X POST http://127.0.0.1:9743/metrics) == 405 ]]
}

@test "readers that do not read hold up nobody, and memory stays bounded" {
	open_sessions 4000 20000
	wait_for 5 eval '[[ $(status .sessions.current) -ge 3900 ]]'
	run -0 "$PYTHON" - "$WORK/control.sock" "$(pid_of sluiced)" <<-'TRY'
	import json, socket, sys, time
	def connect():
	    s = socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1]); return s
	def memory():
	    return next(int(l.split()[1]) for l in open(f"/proc/{sys.argv[2]}/status") if l.startswith("VmRSS"))
	def ask():
	    begin = time.monotonic(); s = connect(); s.sendall(b'{"command":"status"}\n')
	    assert json.loads(s.makefile().readline())["ok"]; return time.monotonic() - begin
	before = memory()
	idle = []
	for _ in range(50):
	    s = connect(); s.sendall(b'{"command":"sessions"}\n{"command":"sessions"}\n'); idle.append(s)
	flood = connect(); flood.setblocking(False)
	try:
	    while True: flood.send(b'{"command":"status"}\n' * 50)
	except BlockingIOError: pass
	time.sleep(2)
	slowest = max(ask() for _ in range(20))
	grown = memory() - before
	print("memory", grown, "KiB, slowest answer", slowest)
	# A sanitizer keeps what was freed.
	assert slowest < 0.5 and (grown < 32 * 1024 or "libasan" in open(f"/proc/{sys.argv[2]}/maps").read())
	# Who reads after all gets every line, of both listings.
	whole = idle[0].makefile(); ends = lines = 0
	while ends < 2:
	    line = json.loads(whole.readline())
	    if "end" in line: assert line["count"] == lines; ends += 1; lines = 0
	    elif "ok" not in line: lines += 1
	TRY
	probe client udp 198.51.100.2 7 --sport 41002
}

@test "places are limited, and a few are kept for root" {
	run -0 "$PYTHON" - "$WORK/control.sock" <<-'TRY'
	import os, grp, json, socket, sys, time
	child = os.fork()
	if child == 0:
	    os.setgroups([]); os.setgid(grp.getgrnam("adm").gr_gid); os.setuid(65534)
	    held = []
	    for _ in range(400):
	        s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1]); held.append(s)
	        if len(held) % 40 == 0: time.sleep(0.05)
	    time.sleep(0.5)
	    refused = 0
	    for s in held:
	        s.settimeout(0)
	        try: refused += b"too many clients" in s.recv(4096)
	        except BlockingIOError: pass
	    assert 140 <= refused <= 160, refused
	    time.sleep(1)
	    os._exit(0)
	time.sleep(1.4)
	s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
	s.sendall(b'{"command":"status"}\n')
	assert json.loads(s.makefile().readline())["ok"]
	assert os.waitpid(child, 0)[1] == 0
	TRY
	control status
}

@test "delete ends many sessions, and every end is told" {
	start told gateway "$SLUICECTL" -s "$WORK/control.sock" events -j
	sleep 0.3
	local before
	before=$(control -j sessions -p udp --dport 9 2>/dev/null | wc -l)
	[[ $before -ge 3900 ]]
	run -0 control delete -p udp --dport 9
	[[ "$output" == "$before "* ]]
	[[ $(control -j sessions -p udp --dport 9 2>/dev/null | wc -l) -eq 0 ]]
	wait_for 5 eval '[[ $(grep -c "\"destroy\"" "$WORK/told.log") -ge '"$before"' ]]'
	stop told
	[[ $(status .effects_lost) -eq 0 ]]
}

@test "an external address goes: every end is told, and the next packet leaves by the new one" {
	local before
	start told gateway "$SLUICECTL" -s "$WORK/control.sock" events -j
	# It listens once it tells of what begins.
	wait_for 5 eval 'probe client udp 198.51.100.2 7 --sport 41005; grep -q "\"new\"" "$WORK/told.log"'
	open_sessions 4000 30000
	wait_for 5 eval '[[ $(status .sessions.current) -ge 3900 ]]'
	before=$(control -j sessions -p udp --dport 9 2>/dev/null | wc -l)
	ip -n "$NS-gateway" addr del 198.51.100.1/24 dev wan
	ip -n "$NS-gateway" addr add 198.51.100.9/24 dev wan
	wait_for 10 eval '[[ $(grep -c "\"destroy\"" "$WORK/told.log") -ge '"$before"' ]]'
	[[ $(control -j sessions -p udp --dport 9 2>/dev/null | wc -l) -eq 0 ]]
	wait_for 3 eval '[[ "$(probe client udp 198.51.100.2 7 --sport 41002)" == *198.51.100.9* ]]'
	stop told
	run ! grep -q '"lost"' "$WORK/told.log"
	[[ $(status .effects_lost) -eq 0 ]]
	ip -n "$NS-gateway" addr del 198.51.100.9/24 dev wan
	ip -n "$NS-gateway" addr add 198.51.100.1/24 dev wan
	wait_for 3 eval '[[ "$(probe client udp 198.51.100.2 7 --sport 41002)" == *198.51.100.1* ]]'
}

@test "events end with a summary when interrupted" {
	start told gateway "$SLUICECTL" -s "$WORK/control.sock" events -t
	sleep 0.3
	probe client udp 198.51.100.2 7 --sport 41003
	wait_for 3 grep -q 'sport=41003' "$WORK/told.log"
	stop told INT
	grep -qE $'^\[[0-9]+\.[0-9]{6}\]\t    \[NEW\] udp      17 [0-9]+ src=10\.0\.0\.10 ' "$WORK/told.log"
	grep -qE '[0-9]+ flow events have been shown' "$WORK/told.log"
}

@test "the socket of a killed daemon is replaced; that of a live one is not" {
	kill -KILL "$(pid_of sluiced)"
	wait_for 5 gone sluiced
	[[ -S "$WORK/control.sock" ]]
	run -3 control status
	gateway_launch
	gateway_await
	start second gateway "$SLUICED" -f "$WORK/sluice.conf"
	wait_for 5 gone second
	control status
	gateway_stop
	[[ ! -e "$WORK/control.sock" ]]
}

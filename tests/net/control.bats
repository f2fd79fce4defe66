#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# sluicectl and the control socket of a gateway with traffic.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	responder_start server
	nginx_start server
	rules_default | gateway_start
	start tcp client "$PYTHON" "$NET/probe.py" tcp 198.51.100.2 7 --sport 40000 --hold 300 --every 0.5
	start udp client2 "$PYTHON" "$NET/probe.py" udp 198.51.100.2 7 --sport 40001 --hold 300 --every 0.5
	start icmp client ping -q -i 0.5 -e 4242 198.51.100.2
	wait_for 5 grep -q 198 "$WORK/tcp.log"
	wait_for 5 grep -q 198 "$WORK/udp.log"
	wait_for 5 eval 'control sessions -p icmp 2>/dev/null | grep -q icmp'
	sleep 0.6 # the third packet of the UDP session makes it assured
}

teardown_file() { topology_down; }
teardown() { explain; }

@test "status -j has every field of the contract" {
	control -j status >"$WORK/status.json"
	jq -e '
		(.version | type == "string") and (.uptime_s | type == "number") and (.generation >= 1) and
		([.sessions | .current, .capacity, .peak, .created, .expired, .evicted | numbers] | length == 6) and
		(.sessions.by_protocol | type == "object") and (.sessions.by_state | type == "object") and
		(.pressure.level | IN("normal", "elevated", "high", "full")) and
		(.pressure | has("fill") and has("rate") and has("seconds_to_full")) and
		(.pools | type == "array") and
		(.refusals | has("pool-exhausted") and has("destination-exhausted") and has("source-quota") and
			has("hold-down") and has("table-full")) and
		([.packets | .received, .accepted, .dropped, .rewritten, .truncated | numbers] | length == 5) and
		([.queue | .length, .dropped, .failed | numbers] | length == 3) and
		([.icmp | .translated, .unmatched, .invalid, .frag_needed | numbers] | length == 4) and
		(.mss.clamped | type == "number") and (.black_holes | type == "array") and
		(.fastpath | has("mode") and has("installed") and has("hits") and has("failed") and has("postponed")) and
		(.alerts | type == "array")' "$WORK/status.json"
}

@test "status -j: the numbers are those of the traffic" {
	jq -e '.sessions.current >= 3 and .sessions.created >= 3 and .sessions.peak >= 3 and
		.sessions.capacity == 262144 and .packets.received > 10 and .packets.rewritten > 10 and
		.packets.truncated == 0 and .queue.dropped == 0' <(control -j status)
}

@test "status -j: drops names every reason, zeros too" {
	local reason
	control -j status | jq -r '.drops | keys[]' >"$WORK/reasons"
	for reason in policy rejected invalid table-full pool-exhausted martian bad-l4-checksum untranslated; do
		grep -qx -- "$reason" "$WORK/reasons"
	done
}

@test "status -j: the pool of the external address" {
	jq -e '.pools | map(select(.address == "198.51.100.1" and .protocol == "tcp")) |
		length == 1 and .[0].used >= 1 and .[0].ports > 60000 and .[0].level == "normal"' <(control -j status)
}

@test "status for people fits one screen" {
	run -0 control status
	[[ "${#lines[@]}" -le 40 ]]
	[[ "$output" == *sessions* ]]
}

@test "colour only on a terminal, and not where it is not wanted" {
	local verb
	coloured() { TERM=xterm script -qec "$SLUICECTL -s $WORK/control.sock $1" /dev/null </dev/null | grep -q $'\033\\['; }
	for verb in status pools sources; do
		coloured "$verb"
		NO_COLOR=1 run ! coloured "$verb"
		[[ "$(control "$verb")" != *$'\033'* ]]
	done
	run ! coloured "-j status"
}

@test "sessions: lines in the format of conntrack -L" {
	control sessions >"$WORK/list" 2>"$WORK/summary"
	local tcp='^tcp      6 [0-9]+ ESTABLISHED src=10\.0\.0\.10 dst=198\.51\.100\.2 sport=40000 dport=7'
	tcp+=' src=198\.51\.100\.2 dst=198\.51\.100\.1 sport=7 dport=40000 \[(ASSURED|OFFLOAD)\] mark=0 (secctx=[^ ]+ )?use=[0-9]+ *$'
	grep -E "$tcp" "$WORK/list"
	local udp='^udp      17 [0-9]+ src=10\.0\.0\.11 dst=198\.51\.100\.2 sport=40001 dport=7'
	udp+=' src=198\.51\.100\.2 dst=198\.51\.100\.1 sport=7 dport=40001 (\[(ASSURED|OFFLOAD)\] )?mark=0 use=[0-9]+ *$'
	grep -E "$udp" "$WORK/list"
	local icmp='^icmp     1 [0-9]+ src=10\.0\.0\.10 dst=198\.51\.100\.2 type=8 code=0 id=4242'
	icmp+=' src=198\.51\.100\.2 dst=198\.51\.100\.1 type=0 code=0 id=[0-9]+ mark=0 use=[0-9]+ *$'
	grep -E "$icmp" "$WORK/list"
	grep -qE '[0-9]+ flow entries' "$WORK/summary"
}

@test "sessions -j: one object a line, with the fields of the contract" {
	run -0 --separate-stderr control -j sessions
	[[ $(jq -s length <<<"$output") -eq $(wc -l <<<"$output") ]]
	jq -se 'all(has("id") and has("protocol") and has("state") and has("timeout_s") and has("assured") and
		has("nat") and has("rule") and has("fastpath") and has("path_mtu") and
		(.original | has("src") and has("dst") and has("packets") and has("bytes")) and
		(.reply | has("src") and has("dst")))' <<<"$output"
	jq -se 'map(select(.protocol == "tcp" and .original.sport == 40000)) | length == 1 and
		.[0].nat == "snat" and .[0].reply.dst == "198.51.100.1" and .[0].original.packets > 2' <<<"$output"
	jq -se 'map(select(.protocol == "icmp")) | .[0].original | .type == 8 and .code == 0 and .id == 4242' <<<"$output"
}

@test "sessions: filters in conntrack's words" {
	run -0 --separate-stderr control sessions -p tcp --sport 40000
	[[ "${#lines[@]}" -eq 1 ]]
	run -0 --separate-stderr control sessions -s 10.0.0.11
	[[ "$output" == *src=10.0.0.11* && "$output" != *src=10.0.0.10* ]]
	run -0 --separate-stderr control sessions -s 10.0.0.0/24 -p udp
	[[ "$output" == *sport=40001* ]]
	run -0 --separate-stderr control sessions -d 203.0.113.1
	[[ -z "$output" ]]
}

@test "mappings and pools" {
	run -0 --separate-stderr control -j mappings
	jq -se 'length >= 2' <<<"$output"
	run -0 --separate-stderr control -j pools
	jq -se 'length >= 1' <<<"$output"
}

@test "rules prints the ruleset in force" {
	run -0 control rules
	[[ "$output" == *masquerade* ]]
	[[ "$output" == *forward* ]]
}

@test "metrics in Prometheus text" {
	run -0 control metrics
	grep -qE '^sluice_sessions [0-9]+' <<<"$output"
	grep -qE '^sluice_drops_total\{reason="policy"\} [0-9]+' <<<"$output"
	grep -qE '^sluice_pool_ports_used\{address="198.51.100.1",protocol="tcp"\} [0-9]+' <<<"$output"
}

@test "delete ends a session, and it cannot go on unless a rule lets it" {
	start doomed client "$PYTHON" "$NET/probe.py" udp 198.51.100.2 7 --sport 40009 --hold 30 --every 30
	wait_for 3 grep -q 198 "$WORK/doomed.log"
	run -0 control delete -p udp --sport 40009
	[[ "$output" == *1* ]]
	run -0 --separate-stderr control sessions -p udp --sport 40009
	[[ -z "$output" ]]
	stop doomed
}

@test "events: a new session is told" {
	start events gateway "$SLUICECTL" -s "$WORK/control.sock" events
	sleep 0.3
	probe client udp 198.51.100.2 7 --sport 40010
	wait_for 3 grep -qE '\[NEW\] udp .*src=10\.0\.0\.10 .*sport=40010' "$WORK/events.log"
	stop events
}

@test "reload by sluicectl; a broken configuration is refused with its place" {
	local generation
	generation=$(status .generation)
	run -0 control reload
	[[ $(status .generation) -gt $generation ]]
	generation=$(status .generation)
	cp "$WORK/sluice.conf" "$WORK/good.conf"
	echo 'nonsense' >>"$WORK/sluice.conf"
	run -1 control reload
	[[ "$output" == *"sluice.conf:"*error* ]]
	run -1 control check
	cp "$WORK/good.conf" "$WORK/sluice.conf"
	run -0 control check
	[[ $(status .generation) -eq $generation ]]
	fetch client http://198.51.100.2/ip
}

@test "usage: exit 2" {
	run -2 "$SLUICECTL" -s "$WORK/control.sock"
	run -2 "$SLUICECTL" -s "$WORK/control.sock" no-such-verb
	run -2 "$SLUICECTL" --no-such-option
	run -2 control sessions --sport nonsense
}

@test "no daemon: exit 3" {
	run -3 "$SLUICECTL" -s "$WORK/absent.sock" status
	[[ "${#lines[@]}" -eq 1 ]]
}

@test "clients that misbehave lose their connection and nothing else" {
	run -0 "$PYTHON" - "$WORK/control.sock" <<-'TRY'
	import socket, sys
	def talk(data, finish=True):
	    s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
	    try:
	        s.sendall(data)
	        if finish: s.shutdown(socket.SHUT_WR)
	    except (BrokenPipeError, ConnectionResetError):
	        return b""
	    got = b""
	    try:
	        while (piece := s.recv(65536)): got += piece
	    except ConnectionResetError:
	        pass
	    return got
	assert b'"ok":false' in talk(b'{"command":"nonsense"}\n', False).replace(b" ", b"")
	assert b'"ok":true' not in talk(b'{"command":\n', False).replace(b" ", b"")
	assert b'"ok":true' not in talk(b"\0\xff\xfe\n", False).replace(b" ", b"")
	assert b'"ok":true' not in talk(b"x" * 200000, False).replace(b" ", b"")
	assert b'"ok":true' not in talk(b"[" * 60000 + b"\n", False).replace(b" ", b"")
	assert b'"ok":true' not in talk(b'{"command":"sta').replace(b" ", b"")
	silent = [socket.socket(socket.AF_UNIX) for _ in range(40)]
	for s in silent: s.connect(sys.argv[1]); s.sendall(b'{"command":"status"}\n' * 50)
	print("done")
	TRY
	[[ "$output" == done ]]
	control status
	fetch client http://198.51.100.2/ip
}

@test "reading is for the socket's group, changing for root" {
	[[ $(stat -c %a "$WORK/control.sock") == 660 ]]
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$SLUICECTL" -s "$WORK/control.sock" status
	[[ "$status" -eq 3 || "$status" -eq 1 ]]
	[[ "$output" != *'"sessions"'* ]]
}

@test "stopped and continued while it waits, sluicectl still has its answer" {
	kill -STOP "$(pid_of sluiced)"
	start waiting gateway "$SLUICECTL" -s "$WORK/control.sock" -j status
	waits() { [[ $(ps -o stat= -p "$(pid_of waiting)") == S* ]]; }
	halted() { [[ $(ps -o stat= -p "$(pid_of waiting)") == T* ]]; }
	wait_for 5 waits
	kill -STOP "$(pid_of waiting)"
	wait_for 5 halted
	kill -CONT "$(pid_of waiting)"
	wait_for 5 waits
	kill -CONT "$(pid_of sluiced)"
	wait_for 5 gone waiting
	[[ "$(jq -r .sessions.capacity "$WORK/waiting.log")" -gt 0 ]]
}

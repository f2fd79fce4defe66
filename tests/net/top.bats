#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Who holds sessions, by listing and on the live screen, which is seen through tmux.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	responder_start server
	rules_default | gateway_start
	local port
	for port in 40001 40002 40003; do
		probe client udp 198.51.100.2 7 --sport "$port"
	done
	probe client2 udp 198.51.100.2 7 --sport 40001
	# Nobody answers there.
	inside client "$PYTHON" -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 40003)); s.sendto(b"x", ("198.51.100.77", 9))'
	start icmp client ping -q -i 0.2 198.51.100.2
	wait_for 5 eval 'control sessions -p icmp 2>/dev/null | grep -q icmp'
}

teardown_file() {
	terminal kill-server 2>/dev/null
	topology_down
}
teardown() {
	explain
	terminal kill-server 2>/dev/null || true
}

terminal() { tmux -S "$WORK/tmux.sock" -f /dev/null "$@"; }
seen() { terminal capture-pane -p -t 0 | grep -qE -- "$1"; }
type_key() { terminal send-keys -t 0 "$@"; }
# A shell in a terminal of 80 by 24, with sluicectl top running in it.
top_start() {
	terminal new-session -d -x "${1:-80}" -y "${2:-24}" "env PS1=prompt: TERM=screen bash --norc --noprofile -i" 3>&-
	wait_for 5 seen '^prompt:'
	type_key "$SLUICECTL -s $WORK/control.sock top" Enter
	wait_for 5 seen 'q quit'
}
line_of() { terminal capture-pane -p -t 0 | grep -nE -- "$1" | head -1 | cut -d: -f1; }

@test "sources -j: who holds most, with external ports" {
	run -0 --separate-stderr control -j sources
	jq -se 'map(.address) | .[0] == "10.0.0.10" and index("10.0.0.11") == 1' <<<"$output"
	# Three answered UDP sessions, one unanswered, one ping; the last two of port 40003 share it.
	jq -se '.[0] | .sessions == 5 and .expendable == 2 and .ports == 4' <<<"$output"
	jq -se '.[1] | .sessions == 1 and .expendable == 0 and .ports == 1' <<<"$output"
}

@test "destinations -j: where they go" {
	run -0 --separate-stderr control -j destinations
	jq -se '.[0] | .address == "198.51.100.2" and .sessions == 5 and .expendable == 1' <<<"$output"
	jq -se '.[1] | .address == "198.51.100.77" and .sessions == 1 and .expendable == 1 and (has("ports") | not)' <<<"$output"
}

@test "sources and destinations: so many lines as asked for, and no more than sense" {
	run -0 --separate-stderr control sources -n 1
	[[ "${#lines[@]}" -eq 2 && "${lines[0]}" == SOURCE* && "${lines[1]}" == 10.0.0.10* ]]
	run -0 --separate-stderr control -j destinations -n 1
	[[ "${#lines[@]}" -eq 1 ]]
	run -2 control sources -n 0
	run -2 control sources -n 5x
	run -2 control sources -n 100000
	run -2 control pools -n 5
}

@test "events: flags and final counters are the session's own" {
	start events gateway "$SLUICECTL" -j -s "$WORK/control.sock" events
	sleep 0.3
	probe client udp 198.51.100.2 7 --sport 40020
	control delete -p udp --sport 40020
	wait_for 3 grep -q destroy "$WORK/events.log"
	stop events INT
	grep '^{' "$WORK/events.log" | jq -se 'map(select(.original.sport == 40020)) |
		(map(select(.event == "new"))[0] | .seen_reply == false and .assured == false and
			(.original | has("packets") | not)) and
		(map(select(.event == "destroy"))[0] | .seen_reply and .assured == false and
			.original.packets == 1 and .reply.packets == 1 and .original.bytes > 28)'
}

@test "top: fits 80 by 24 and shows everything" {
	top_start
	wait_for 5 seen 'received [0-9.]+/s'
	terminal capture-pane -p -t 0 >"$WORK/screen"
	grep -qE '^sluice .* by sessions' "$WORK/screen"
	grep -qE '^sessions +[0-9]+ of 262144 .* normal' "$WORK/screen"
	grep -qE '^protocols +tcp 0  udp [0-9]+  icmp 1' "$WORK/screen"
	grep -qE '^rates +new [0-9.]+/s' "$WORK/screen"
	grep -qE '^pools +198\.51\.100\.1 ' "$WORK/screen"
	grep -qE '^alerts +none' "$WORK/screen"
	grep -qE '^10\.0\.0\.10 +5 +2 +4 *$' "$WORK/screen"
	grep -qE '^198\.51\.100\.77 +1 +1 *$' "$WORK/screen"
	grep -qE '^q quit' <(tail -n 1 "$WORK/screen")
}

@test "top: rates are those of the traffic" {
	top_start
	# Five pings a second and their answers.
	wait_for 6 seen 'received (9\.[0-9]|1[01])(\.[0-9])?/s'
}

@test "top: sort, reverse, filter, views, help" {
	top_start
	[[ $(line_of '^10\.0\.0\.10 ') -lt $(line_of '^10\.0\.0\.11 ') ]]
	type_key r
	wait_for 3 seen 'by sessions, reversed'
	[[ $(line_of '^10\.0\.0\.10 ') -gt $(line_of '^10\.0\.0\.11 ') ]]
	type_key r
	type_key s
	wait_for 3 seen 'by expendable'
	type_key /
	type_key 0.11 Enter
	wait_for 3 seen '/0\.11'
	run -1 seen '^10\.0\.0\.10 '
	seen '^10\.0\.0\.11 '
	type_key Escape
	wait_for 3 seen '^10\.0\.0\.10 '
	type_key Tab
	wait_for 3 eval '! seen "^DESTINATION"'
	seen '^SOURCE'
	type_key Tab
	wait_for 3 seen '^DESTINATION'
	type_key Tab
	wait_for 3 seen 'POOL +PROTOCOL'
	seen '198\.51\.100\.1 +udp'
	type_key h
	wait_for 3 seen 'next order'
	type_key x
	wait_for 3 eval '! seen "next order"'
}

@test "top: follows the terminal's size" {
	top_start
	terminal resize-window -t 0 -x 120 -y 40
	wait_for 3 eval '[[ $(line_of "^q quit") -eq 40 ]]'
	terminal resize-window -t 0 -x 40 -y 10
	wait_for 3 eval '[[ $(line_of "^q quit") -eq 10 ]]'
	terminal resize-window -t 0 -x 80 -y 24
	wait_for 3 eval '[[ $(line_of "^q quit") -eq 24 ]]'
	seen '^SOURCE'
}

# The shell's prompt and echo are back, and so is its screen.
restored() {
	wait_for 3 seen "^prompt:"
	type_key 'echo and $((40 + 2)); stty -a | grep -o " echo "' Enter
	wait_for 3 seen '^and 42'
	wait_for 3 seen '^ echo'
}

@test "top: q gives the terminal back" {
	top_start
	type_key q
	restored
}

@test "top: Ctrl-C and signals give the terminal back" {
	local signal pid
	top_start
	type_key C-c
	restored
	for signal in TERM HUP; do
		type_key "clear; $SLUICECTL -s $WORK/control.sock top" Enter
		wait_for 5 seen 'q quit'
		pid=$(pgrep -f "^$SLUICECTL -s $WORK/control.sock top")
		kill -"$signal" "$pid"
		restored
	done
}

@test "top: waits for a daemon that went away" {
	top_start
	gateway_stop
	wait_for 5 seen 'no daemon at'
	gateway_launch
	gateway_await
	wait_for 5 seen '^sessions +[0-9]+ of'
	type_key q
	restored
}

@test "top: no terminal, no daemon, no JSON" {
	run -1 control top </dev/null
	[[ "$output" == *terminal* ]]
	run -3 "$SLUICECTL" -s "$WORK/absent.sock" top
	run -2 control -j top
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Under systemd the log goes to the journal, with fields that programs can ask for.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up direct
	responder_start server
	{
		gateway_block "capacity 64" "table-full refuse"
		rules_default | sed '/iifname "lan" oifname "wan" accept/i\		tcp dport 24 log prefix "telnet: " level info drop'
	} >"$WORK/sluice.conf"
	# shellcheck disable=SC2016 # expanded by the shell within
	start sluiced gateway unshare --mount --propagation private sh -c \
		'mount -t tmpfs none /run && exec "$0" "$@"' "$PYTHON" "$NET/journal.py" "$SLUICED" -f "$WORK/sluice.conf"
	wait_for 10 control status
}

teardown_file() { topology_down; }
teardown() { [[ -n "${BATS_TEST_COMPLETED:-}" ]] || tail -n 20 "$WORK/sluiced.log"; }

entry() { jq -s -e "$1" "$WORK/sluiced.log" >/dev/null; }

@test "every line is an entry with its priority; nothing goes to stderr" {
	wait_for 5 entry 'map(select(.MESSAGE? // "" | test("started with"))) |
		length == 1 and .[0].PRIORITY == "5" and .[0].SYSLOG_IDENTIFIER == "sluiced"'
	entry 'map(select(has("stderr"))) | length == 0'
}

@test "a packet that a rule logs has its addresses as fields" {
	run ! probe client tcp 198.51.100.2 24 --timeout 0.2
	wait_for 5 entry 'map(select(.SLUICE_EVENT == "packet")) | .[0] |
		.SLUICE_PREFIX == "telnet: " and .SLUICE_IN == "lan" and .SLUICE_OUT == "wan" and .PRIORITY == "6" and
		.SLUICE_SRC == "10.0.0.10" and .SLUICE_DST == "198.51.100.2" and (.MESSAGE | startswith("telnet: IN=lan"))'
}

@test "an alert is one entry when it rises and one when it is over, in the words of the events" {
	start events client "$SLUICECTL" -s "$WORK/control.sock" -j events
	sleep 0.3
	in_client "$PYTHON" - <<-'FILL'
	import socket
	for port in range(21000, 21062):
	    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
	        s.bind(("10.0.0.10", port)); s.sendto(b"x", ("198.51.100.2", 9))
	FILL
	wait_for 10 entry 'map(select(.SLUICE_ALERT == "table-pressure" and .SLUICE_RAISED == "1" and .PRIORITY == "4")) |
		length >= 1'
	control delete -p udp
	wait_for 10 entry 'map(select(.SLUICE_ALERT == "table-pressure" and .SLUICE_RAISED == "0" and .PRIORITY == "5")) |
		length == 1'
	wait_for 5 eval 'grep -q "\"raised\":false" "$WORK/events.log"'
	stop events
	# Each alert of the event stream is in the journal, word by word.
	cmp <(jq -r 'select(.event == "alert") | .text' "$WORK/events.log") \
		<(jq -r 'select(.SLUICE_EVENT == "alert") | .MESSAGE | sub("^(over: )?[a-z-]+: [a-z]+: "; "")' "$WORK/sluiced.log")
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Starts that must fail: one clear line, the right exit code, nothing left in the kernel.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() { topology_up direct; }
teardown_file() { topology_down; }

setup() {
	{ gateway_block; rules_default; } >"$WORK/sluice.conf"
	rm -rf "$WORK/control.sock"
}

teardown() {
	stop holder
	gateway_stop
	# What a test failed to prevent must not fail the next one.
	in_gateway nft flush ruleset 2>/dev/null || true
}

# refuses CODE PATTERN COMMAND...: ends within 10 s with that code and one line that matches.
refuses() {
	local code=$1 pattern=$2
	shift 2
	run inside gateway timeout 10 "$@"
	echo "exit $status: $output"
	[[ "$status" -eq "$code" ]]
	[[ "${#lines[@]}" -eq 1 ]]
	grep -qiE "$pattern" <<<"$output"
}

@test "without root" {
	chmod 644 "$WORK/sluice.conf"
	refuses 1 'permi|root|CAP_NET_ADMIN|privileg' \
		setpriv --reuid=65534 --regid=65534 --clear-groups "$SLUICED" -f "$WORK/sluice.conf"
	[[ -z "$(kernel_state)" ]]
}

@test "root, but without CAP_NET_ADMIN" {
	refuses 1 'permi|CAP_NET_ADMIN|capabilit' \
		setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$SLUICED" -f "$WORK/sluice.conf"
	[[ -z "$(kernel_state)" ]]
	[[ ! -e "$WORK/control.sock" ]]
}

@test "the queue is already taken" {
	start holder gateway "$PYTHON" "$NET/hold_queue.py" 0
	wait_for 5 grep -q holding "$WORK/holder.log"
	refuses 1 'queue' "$SLUICED" -f "$WORK/sluice.conf"
	[[ -z "$(in_gateway nft list ruleset)" ]]
	[[ ! -e "$WORK/control.sock" ]]
	# The holder keeps what it had.
	[[ $(in_gateway cat /proc/net/netfilter/nfnetlink_queue | wc -l) -eq 1 ]]
}

@test "a later queue of the row is already taken: it says which" {
	start holder gateway "$PYTHON" "$NET/hold_queue.py" 5
	wait_for 5 grep -q holding "$WORK/holder.log"
	refuses 1 'queue 5: another program' "$SLUICED" -f "$WORK/sluice.conf"
	[[ -z "$(in_gateway nft list ruleset)" ]]
	[[ $(in_gateway cat /proc/net/netfilter/nfnetlink_queue | wc -l) -eq 1 ]]
}

@test "a second sluiced: the first one goes on" {
	local before
	gateway_launch
	gateway_await
	before=$(in_gateway nft list ruleset)
	refuses 1 'running|already|in use|taken|another' "$SLUICED" -f "$WORK/sluice.conf"
	[[ "$(in_gateway nft list ruleset)" == "$before" ]]
	control status
	in_client ping -q -c 2 -i 0.05 -W 2 198.51.100.2
}

@test "a second sluiced with another socket and queue: the first one goes on" {
	local before
	gateway_launch
	gateway_await
	before=$(in_gateway nft list ruleset)
	sed "s|control.sock|other.sock|; s|state none|&\n\tqueue 7|" "$WORK/sluice.conf" >"$WORK/other.conf"
	refuses 1 'running|already|in use|taken|another|own' "$SLUICED" -f "$WORK/other.conf"
	[[ "$(in_gateway nft list ruleset)" == "$before" ]]
	[[ ! -e "$WORK/other.sock" ]]
	in_client ping -q -c 2 -i 0.05 -W 2 198.51.100.2
}

@test "a broken configuration: file, line and column, the line itself and a caret" {
	printf 'table inet x {\n\tchain y {\n\t\ttcp dport nonsense accept\n\t}\n}\n' >"$WORK/sluice.conf"
	run -1 --separate-stderr inside gateway "$SLUICED" -f "$WORK/sluice.conf"
	grep -qE "^$WORK/sluice.conf:3:[0-9]+: error: " <<<"$stderr"
	grep -qF 'tcp dport nonsense accept' <<<"$stderr"
	grep -qE '^[[:space:]]*\^' <<<"$stderr"
	[[ -z "$(kernel_state)" ]]
	[[ ! -e "$WORK/control.sock" ]]
}

@test "-c tells good from broken and needs no root" {
	chmod 644 "$WORK/sluice.conf"
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups "$SLUICED")
	run -0 "${nobody[@]}" -c -f "$WORK/sluice.conf"
	[[ -z "$output" ]]
	echo 'nonsense' >>"$WORK/sluice.conf"
	run -1 "${nobody[@]}" -c -f "$WORK/sluice.conf"
	[[ "$output" == "$WORK/sluice.conf:"*": error: "* ]]
	run -1 "${nobody[@]}" -c -f "$WORK/absent.conf"
	[[ "$output" == *"$WORK/absent.conf"* ]]
}

@test "-p prints what prints the same again" {
	"$SLUICED" -p -f "$WORK/sluice.conf" >"$WORK/once.conf"
	"$SLUICED" -p -f "$WORK/once.conf" >"$WORK/twice.conf"
	[[ -s "$WORK/once.conf" ]]
	diff "$WORK/once.conf" "$WORK/twice.conf"
}

@test "the example configuration is good" {
	run -0 "$SLUICED" -c -f "$ROOT/systemd/sluice.conf"
}

@test "the configuration file is absent" {
	refuses 1 'absent.conf' "$SLUICED" -f "$WORK/absent.conf"
	[[ -z "$(kernel_state)" ]]
}

@test "usage: exit 2" {
	run -2 "$SLUICED" --no-such-option
	run -2 "$SLUICED" -f
	run -2 "$SLUICED" surplus
	[[ -z "$(kernel_state)" ]]
}

@test "--help and --version" {
	run -0 "$SLUICED" --help
	[[ "$output" == *--config* ]]
	run -0 "$SLUICED" --version
	[[ "$output" == *[0-9].[0-9]* ]]
}

@test "the socket path is a directory" {
	mkdir "$WORK/control.sock"
	refuses 1 "$WORK/control.sock" "$SLUICED" -f "$WORK/sluice.conf"
	[[ -z "$(kernel_state)" ]]
	[[ -d "$WORK/control.sock" ]]
}

@test "the socket path is a file: it stays" {
	echo precious >"$WORK/control.sock"
	refuses 1 "$WORK/control.sock" "$SLUICED" -f "$WORK/sluice.conf"
	[[ -z "$(kernel_state)" ]]
	[[ "$(cat "$WORK/control.sock")" == precious ]]
}

@test "the socket path cannot be made" {
	sed -i "s|$WORK/control.sock|/proc/nowhere/control.sock|" "$WORK/sluice.conf"
	refuses 1 '/proc/nowhere' "$SLUICED" -f "$WORK/sluice.conf"
	[[ -z "$(kernel_state)" ]]
}

@test "the socket of a daemon that died is replaced" {
	gateway_launch
	gateway_await
	stop sluiced KILL
	[[ -S "$WORK/control.sock" ]]
	gateway_launch
	gateway_await
}

@test "readiness and stopping are told by sd_notify" {
	start notified gateway "$PYTHON" -c '
import os, socket, subprocess, sys
path = sys.argv[1]
waiting = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
waiting.bind(path)
waiting.settimeout(8)
daemon = subprocess.Popen(sys.argv[2:], env=dict(os.environ, NOTIFY_SOCKET=path))
text = ""
try:
    while "READY=1" not in text:
        text += waiting.recv(4096).decode() + "\n"
    print("told ready", flush=True)
    daemon.terminate()
    while "STOPPING=1" not in text:
        text += waiting.recv(4096).decode() + "\n"
    print("told stopping", flush=True)
finally:
    daemon.terminate()
    print("exit", daemon.wait(), flush=True)
' "$WORK/notify.sock" "$SLUICED" -f "$WORK/sluice.conf"
	wait_for 20 gone notified
	cat "$WORK/notified.log"
	grep -q 'told ready' "$WORK/notified.log"
	grep -q 'told stopping' "$WORK/notified.log"
	grep -q 'exit 0' "$WORK/notified.log"
}

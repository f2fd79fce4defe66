# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# In the virtual machine: the gateway is the machine itself.
#
#   client 10.0.0.10 ── lan 10.0.0.1  machine  198.51.100.1 wan ── server 198.51.100.2

WORK=/run/vm
VM=/opt/vm

inside() {
	local host=$1
	shift
	ip netns exec "$host" "$@"
}

# wait_for SECONDS COMMAND...: until it succeeds; 1 when it does not in time.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# start NAME HOST COMMAND...: in the background, output in $WORK/NAME.log
start() {
	local name=$1 host=$2
	shift 2
	ip netns exec "$host" "$@" </dev/null >"$WORK/$name.log" 2>&1 3>&- &
	echo $! >"$WORK/$name.pid"
	disown
}
stop() {
	local pid
	pid=$(cat "$WORK/$1.pid" 2>/dev/null) || return 0
	kill "${2:--TERM}" "$pid" 2>/dev/null
	wait_for 10 bash -c "! kill -0 $pid" || true
	rm -f "$WORK/$1.pid"
}

fetch() {
	local host=$1
	shift
	inside "$host" curl -sS --max-time 40 --connect-timeout 30 "$@"
}

main_pid() { systemctl show -P MainPID sluice; }
status() { sluicectl -j status | jq -r "$1"; }
table_there() { nft list table inet sluice >/dev/null 2>&1; }
classifiers() { bpftool net show 2>/dev/null | grep sluice_fastpath; }
serves() { sluicectl status; }

# Who asks a server of the other side is seen as the machine, and the port forward leads inside.
passes_out() { [[ "$(fetch client http://198.51.100.2/ip)" == 198.51.100.1 ]]; }
passes_in() { [[ "$(fetch server http://198.51.100.1/name)" == client ]]; }
traffic_passes() { passes_out && passes_in; }

# A transfer of half a minute, and what it must have brought.
transfer_start() { start transfer client curl -sS --max-time 240 -o "$WORK/transfer" http://198.51.100.2/slow; }
transfer_runs() { [[ "$(stat -c %s "$WORK/transfer" 2>/dev/null || echo 0)" -gt "${1:-0}" ]]; }
transfer_ended() { ! kill -0 "$(cat "$WORK/transfer.pid")" 2>/dev/null; }
# It grows again from now on.
transfer_goes_on() { wait_for 90 transfer_runs "$(stat -c %s "$WORK/transfer")"; }
transfer_arrives() {
	wait_for 200 transfer_ended
	[[ ! -s $WORK/transfer.log && "$(stat -c %s "$WORK/transfer")" -eq 600000 ]]
}

# Everything that an inside address shows itself with outside.
leak_start() {
	start leak server tcpdump -n -U --immediate-mode -i eth0 -w "$WORK/leak.pcap" net 10.0.0.0/24
	wait_for 60 grep -q 'listening on' "$WORK/leak.log"
	start noise client python3 "$VM/ends.py" noise
}
leaked() {
	stop noise -KILL
	stop leak
	tcpdump -n -r "$WORK/leak.pcap" 2>/dev/null | wc -l
}

explain() {
	[[ -n "${BATS_TEST_COMPLETED:-}" ]] || { journalctl -u sluice -n 12 --no-pager -o cat; nft list table inet sluice 2>&1 | head -n 90; }
}

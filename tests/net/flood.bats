#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# One source opens all it can, at the highest rate the machine makes, and the table is full: others go on.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

CAPACITY=8192
SECONDS_FLOODED=150 # stopped when all is shown

setup_file() {
	make -s -C "$ROOT" BUILD="$BUILD" "$BUILD/tests/bench/synflood" >/dev/null
	topology_up
	mkdir -p "$WORK/www"
	head -c 60000000 /dev/urandom >"$WORK/www/big"
	nginx_start server
	# A port that says nothing: neither SYN-ACK nor RST.
	in_server nft 'table inet quiet { chain input { type filter hook input priority 0; tcp dport 9 drop; }; }'
}

teardown_file() { topology_down; }

teardown() {
	explain
	stop flood
	stop download
	gateway_stop
}

# connect_1000 [SECONDS]: 1000 connections, 100 at a time, each given up after 20 s or so many; prints how
# many there were, the median's and the slowest's seconds.
connect_1000() {
	in_client "$PYTHON" - "${1:-20}" <<-'CONNECT'
	import socket, sys, time
	from concurrent.futures import ThreadPoolExecutor
	def connect(_):
	    begin = time.monotonic()
	    try:
	        socket.create_connection(("198.51.100.2", 80), timeout=float(sys.argv[1])).close()
	    except OSError:
	        return None
	    return time.monotonic() - begin
	with ThreadPoolExecutor(100) as pool:
	    taken = list(pool.map(connect, range(1000)))
	good = sorted(t for t in taken if t is not None)
	print(len(good), f"{good[len(good) // 2]:.3f} {good[-1]:.3f}" if good else "- -")
	CONNECT
}

# flood_start SOURCE PORT [SOURCES]
flood_start() {
	local mac
	mac=$(ip -n "$NS-gateway" -j link show lan | jq -r '.[0].address')
	start flood client2 "$BUILD/tests/bench/synflood" eth0 "$mac" "$1" 198.51.100.2 "$2" "$SECONDS_FLOODED" "${3:-1}"
}

# launch LINE...: a gateway with these lines more in its block
launch() {
	{ gateway_block "capacity $CAPACITY" "$@"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
}

table_full() { [[ $(status .sessions.current) -ge $((CAPACITY - CAPACITY / 100 - 64)) ]]; }
download_start() { start download client curl -sS --max-time 60 --limit-rate 3M -o "$WORK/copy" http://198.51.100.2/big; }
# The flood is faster than the daemon: else nothing is shown.
overrun() { [[ $(status .queue.dropped) -gt 0 ]]; }

# status_prompt: within a second.
status_prompt() {
	local began=${EPOCHREALTIME/./} took
	control status >/dev/null
	took=$(((${EPOCHREALTIME/./} - began) / 1000))
	echo "# status took $took ms" >&3
	((took < 1000))
}

# others_go_on NAME: 1,000 connections of another source, all of them.
others_go_on() {
	local counted
	run -0 connect_1000
	echo "# $1: connections, median and slowest in seconds: $output" >&3
	counted=$(status '"received \(.packets.received), evicted \(.sessions.evicted), lost by the queues \(.queue.dropped)"')
	echo "# $1: $counted" >&3
	running flood
	((${output%% *} == 1000))
}

@test "a SYN flood from one source, the table full: 1,000 connections of another all succeed, transfers go on" {
	launch "sessions-per-source 0" "table-full evict"
	download_start
	sleep 0.5
	flood_start 10.0.0.11 9
	wait_for 20 table_full
	wait_for 20 overrun
	status_prompt
	others_go_on evict
	status_prompt
	[[ $(status .sessions.evicted) -gt 0 ]]
	stop flood
	wait_for 60 gone download
	cmp "$WORK/copy" "$WORK/www/big"
}

@test "every packet in the queues: the same, and the transfer that shares them arrives" {
	launch "sessions-per-source 0" "table-full evict" "fastpath off"
	download_start
	sleep 0.5
	flood_start 10.0.0.11 9
	wait_for 20 overrun
	others_go_on "fastpath off"
	stop flood
	wait_for 60 gone download
	cmp "$WORK/copy" "$WORK/www/big"
}

@test "a flood that is answered, by the server that the others want: 1,000 connections of another all succeed" {
	launch "sessions-per-source 0" "table-full evict"
	flood_start 10.0.0.11 80
	wait_for 20 table_full
	wait_for 20 overrun
	others_go_on answered
	status_prompt
}

@test "refuse instead of evict, and a source's own limit: 1,000 connections of another all succeed" {
	launch "sessions-per-source $((CAPACITY / 2))" "table-full refuse"
	flood_start 10.0.0.11 9
	wait_for 20 eval '[[ $(status ".refusals[\"source-quota\"]") -gt 1000 ]]'
	wait_for 20 overrun
	others_go_on refuse
	status_prompt
	[[ $(status .sessions.evicted) -eq 0 ]]
}

# opened HOST PORT: 20 connections of the client: how many were made, and how many refused as unreachable at once
opened() {
	in_client "$PYTHON" - "$1" "$2" <<-'OPEN'
	import errno, socket, sys
	made = refused = 0
	for _ in range(20):
	    try:
	        socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10).close()
	        made += 1
	    except OSError as error:
	        refused += error.errno == errno.EHOSTUNREACH
	print(made, refused)
	OPEN
}

# refusing SYN-SENT: a gateway that refuses and says so; it may be managed by an interface of its own
refusing() {
	{
		gateway_block "capacity $CAPACITY" "sessions-per-source 0" "table-full refuse" "refuse-with host-unreachable" \
			'management { "adm" }' "timeout tcp syn-sent $1"
		rules_default | sed 's/iifname "lan" accept/iifname { "lan", "adm" } accept/'
	} >"$WORK/sluice.conf"
}

pressure_told() { grep -c 'table-pressure' "$WORK/sluiced.log"; }

@test "refuse and no limit for anybody: polite, told once, nobody loses what he has, management comes in, room again" {
	local told
	cable client adm gateway adm
	ip -n "$NS-client" addr add 10.9.9.2/24 dev adm
	ip -n "$NS-gateway" addr add 10.9.9.1/24 dev adm
	responder_start gateway
	refusing 10m
	gateway_launch
	gateway_await
	download_start
	wait_for 10 test -s "$WORK/copy"
	flood_start 10.0.0.11 9
	wait_for 20 table_full
	wait_for 20 eval '[[ $(status ".refusals[\"table-full\"]") -gt 1000 ]]'
	wait_for 5 eval '[[ $(status .pressure.level) == full ]] && pressure_told'
	told=$(pressure_told)
	# A packet that a queue loses is sent again.
	run -0 opened 198.51.100.2 80
	((${output#* } >= 15 && ${output% *} + ${output#* } == 20))
	run -0 opened 10.9.9.1 7
	[[ "$output" == "20 0" ]]
	status_prompt
	control status | grep -qE "^sessions +[0-9]+ of $CAPACITY \\((98|99)\\.[0-9]%\\)  reserve 81  "
	wait_for 60 gone download
	cmp "$WORK/copy" "$WORK/www/big"
	running flood
	[[ $(status .sessions.evicted) -eq 0 ]]
	# One line for each level on the way up, none for each who was refused.
	((told >= 1 && told <= 3 && $(pressure_told) == told))
	stop flood
	refusing 1s
	control reload
	wait_for 10 eval '[[ $(status .pressure.level) == normal ]]'
	run -0 opened 198.51.100.2 80
	[[ "$output" == "20 0" ]]
	stop responder-gateway
	ip -n "$NS-gateway" link del adm
}

@test "a flood from 200 sources at once: what is lost is sent again; the fast path's transfers go on, status answers" {
	launch "sessions-per-source 0" "table-full evict"
	[[ "$(status .fastpath.mode)" == off ]] || download_start
	sleep 0.5
	flood_start 10.0.0.20 9 200
	wait_for 20 table_full
	wait_for 20 overrun
	status_prompt
	run -0 connect_1000 8
	echo "# 200 sources: connections in 8 seconds each, median and slowest: $output" >&3
	running flood
	status_prompt
	stop flood
	[[ -n "$(pid_of download)" ]] || return 0
	wait_for 60 gone download
	cmp "$WORK/copy" "$WORK/www/big"
}

@test "beside it, the kernel under the same flood: how it fares is told, not judged" {
	gateway_kernel
	flood_start 10.0.0.11 9
	# Its limit is the machine's, and not ours to change: the flood fills that.
	wait_for 20 eval '(($(in_gateway cat /proc/sys/net/netfilter/nf_conntrack_count) * 10 >= $(cat /proc/sys/net/netfilter/nf_conntrack_max) * 9))' || true
	echo "# kernel: $(in_gateway cat /proc/sys/net/netfilter/nf_conntrack_count) of $(cat /proc/sys/net/netfilter/nf_conntrack_max) entries" >&3
	run -0 connect_1000 4
	echo "# kernel: connections, median and slowest in seconds: $output" >&3
	echo "# kernel: $(in_gateway conntrack -S | awk '{ for (i = 2; i <= NF; i++) { split($i, f, "="); sum[f[1]] += f[2] } } END { print "dropped " sum["drop"] ", evicted early " sum["early_drop"] ", not inserted " sum["insert_failed"] }')" >&3
	stop flood
	gateway_kernel_stop
	in_gateway conntrack -F >/dev/null 2>&1
}

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
	# What is flooded is a port that says nothing: neither SYN-ACK nor RST.
	in_server nft 'table inet quiet { chain input { type filter hook input priority 0; tcp dport 9 drop; }; }'
}

teardown_file() { topology_down; }

teardown() {
	explain
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

flood_start() {
	local mac
	mac=$(ip -n "$NS-gateway" -j link show lan | jq -r '.[0].address')
	start flood client2 "$BUILD/tests/bench/synflood" eth0 "$mac" 10.0.0.11 198.51.100.2 9 "$SECONDS_FLOODED"
}

@test "a SYN flood from one source fills the table: most of another source's 1,000 connections succeed" {
	local begin
	{
		gateway_block "capacity $CAPACITY" "sessions-per-source 0" "table-full evict"
		rules_default
	} >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	start download client curl -sS --max-time 60 --limit-rate 3M -o "$WORK/copy" http://198.51.100.2/big
	sleep 0.5
	flood_start
	wait_for 5 eval '[[ $(status .sessions.current) -ge $((CAPACITY - CAPACITY / 100 - 64)) ]]'
	begin=$(date +%s%N)
	control status >/dev/null
	echo "# status took $((($(date +%s%N) - begin) / 1000000)) ms" >&3
	[[ $(($(date +%s%N) - begin)) -lt 1000000000 ]]
	run -0 connect_1000
	echo "# connections, median and slowest in seconds: $output" >&3
	running flood
	stop flood
	# The queue overflows before the daemon judges: what is lost there hits everybody alike.
	((${output%% *} >= 500))
	echo "# $(status '"received \(.packets.received), evicted \(.sessions.evicted), lost by the queue \(.queue.dropped)"')" >&3
	[[ $(status .sessions.evicted) -gt 0 ]]
	wait_for 40 gone download
	cmp "$WORK/copy" "$WORK/www/big"
}

@test "beside it, the kernel under the same flood: how it fares is told, not judged" {
	gateway_kernel
	flood_start
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

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the benchmark measures. Each function speaks of the gateway in use and calls `value FIGURE AT NUMBER`
# for what it found; AT is the place on the figure's axis. Sourced by tests/bench/run.
#
# A sender works on core 0, a receiver on core 1: left alone, the scheduler moves both about, and bulk
# transfers differ threefold from one second to the next.

# ------------------------------------------------------------------ floods

# Frames as RFC 2544 section 9.1 counts them, with the 4 bytes of the check sequence: payloads of UDP.
payload() { # SIZE
	case $1 in
	IMIX) echo 18,18,18,18,548,18,18,548,548,18,548,1472 ;; # 7 of 64, 4 of 594, 1 of 1518 bytes
	*) echo $(($1 - 46)) ;;
	esac
}

# choose_generator: live frames of the kernel's BPF test run where it has them (5.18), else a packet socket.
choose_generator() {
	GENERATOR=${GENERATOR:-generate}
	flood "$FLOOD_SOURCE" -e -n 20 -- 5 1000 18 1
	((CAME == 0)) || return 0
	echo "bench: the kernel's generator does not work here, a packet socket takes its place" >&2
	GENERATOR=flood
}

# flood SOURCE [OPTION...] -- SECONDS RATE [PAYLOAD [FLOWS]]: sets SENT, CAME, TOOK in us until the last
# came, and PACE, what came in a second. What waited in a queue counts, and so does the time it took.
flood() {
	local source=$1 options=()
	shift
	while [[ $1 != -- ]]; do options+=("$1") && shift; done
	shift
	SENT=0 CAME=0 TOOK=1
	read -r SENT CAME TOOK < <(in_client timeout -k 2 $((${1%.*} + 30)) taskset -c 0 "$BUILD/tests/bench/$GENERATOR" \
		-w "/run/netns/$NS-server" "${options[@]}" eth0 "$(cat "$WORK/mac")" "$source" 20000 198.51.100.2 9 "$@")
	PACE=$((CAME * 1000000 / TOOK))
	echo "$(date +%T) $GATEWAY ${options[*]} $* sent $SENT arrived $CAME us $TOOK" >>"$OUT/floods.log"
}

# paces RATE...: what to offer this gateway. Where the sender's own core does the forwarding, it cannot
# be outrun: only what passes a queue is best at a pace below the highest.
paces() {
	if is_sluice; then echo "$*"; else echo 0; fi
}

# What the generator alone reaches: the gateway's interface throws all away.
measure_generator() {
	local size
	sink gateway lan dport
	for size in $SIZES; do
		flood "$FLOOD_SOURCE" -- "$SHORT" 0 "$(payload "$size")" 1
		value generator "$size" $((SENT * 1000000 / TOOK))
	done
	in_gateway nft delete table netdev sink
}

# ------------------------------------------------------------- throughput

# transfer SECONDS PATH [OPTION...]: what jq finds at that path of iperf3's report. 0, and a new server, when it hangs.
transfer() {
	local seconds=$1 path=$2
	shift 2
	in_client timeout -k 1 $((seconds + 6)) iperf3 -c 198.51.100.2 -t "$seconds" -A 0,1 -J "$@" | jq -e "$path" && return
	stop iperf
	iperf_start
	echo 0
}

# One stream and eight, both ways.
measure_bulk() {
	local streams way reverse
	for streams in 1 8; do
		for way in up down; do
			[[ $way == up ]] && reverse=() || reverse=(-R)
			value bulk "$streams $way" \
				"$(transfer "$EACH" '.end.sum_received.bits_per_second // empty | floor' -O 0.3 -P "$streams" "${reverse[@]}")"
		done
	done
}

# Processor time for a gigabit, at a rate all can carry: everything the machine did, ends
# included; what it does when idle is not taken off. And the daemon's own.
measure_processor() {
	local busy daemon carried ticks seconds=$(quick 2 3)
	ticks=$(getconf CLK_TCK)
	busy=$(processor)
	daemon=$(processor_daemon)
	carried=$(transfer "$seconds" '.end.sum_received.bytes // empty | . * 8 / 1e9' -b 1G)
	busy=$(($(processor) - busy))
	daemon=$(($(processor_daemon) - daemon))
	[[ $carried != 0 ]] || return 1
	value processor all "$(jq -n "$busy * 1000 / $ticks / $carried")"
	! is_sluice || value processor daemon "$(jq -n "$daemon * 1000 / $ticks / $carried")"
}

# Connections of a page each, 32 at a time, closed after it.
measure_connections() {
	local seconds=$(quick 1 2) report=$WORK/connections
	in_client timeout -k 2 $((seconds + 10)) taskset -c 0 ab -q -r -s 5 -c 32 -t "$seconds" -n 1000000 \
		http://198.51.100.2/name >"$report" 2>&1
	value connections "a second" "$(awk '/^Requests per second:/ { n = $4 } END { print n + 0 }' "$report")"
	value connections_failed failed "$(awk '/^Failed requests:/ { n = $3 } END { print n + 0 }' "$report")"
}

# establish FLOWS: with answers, slowly enough that none is lost. The fast path takes a session over at its
# 16th packet, the eighth with its answer.
establish() {
	local pass end=$((SECONDS + 30 + $1 / 4000))
	if (($1 == 1)); then
		flood "$FLOOD_SOURCE" -e -n 40 -- 60 1000 18 1
		return
	fi
	for ((pass = 1; pass <= 16; pass++)); do
		flood "$FLOOD_SOURCE" -e -n "$1" -- 90 60000 18 "$1"
		((pass >= 2)) || continue
		[[ $GATEWAY == fastpath ]] && ((SECONDS < end && $(installed) < $1 * 95 / 100)) || return 0
	done
}

# Established datagrams of one flow by size, at the best pace offered: RFC 2285's maximum forwarding rate.
measure_rate() {
	local size pace best
	forget
	establish 1
	for size in $SIZES; do
		best=0
		for pace in $(paces $PACES); do
			flood "$FLOOD_SOURCE" -- "$SHORT" "$pace" "$(payload "$size")" 1
			((PACE <= best)) || best=$PACE
		done
		value rate "$size" "$best"
		[[ $size != 64 ]] || echo "$best" >"$WORK/best"
	done
}

# --------------------------------------------------------------- sessions

# New sessions a second: each datagram opens one. Fresh: ports of few clients, none used twice.
# Colliding: the same port of ever new clients, so that a gateway has to find another.
measure_opened() {
	local kind pace best option
	for kind in fresh colliding; do
		best=0
		[[ $kind == fresh ]] && option=() || option=(-s)
		for pace in $(paces $OPENING); do
			forget
			flood "$FLOOD_SOURCE" "${option[@]}" -n "$OPENED" -- 10 "$pace" 18 "$OPENED"
			((PACE <= best)) || best=$PACE
		done
		value opened $kind "$best"
	done
}

# hold SESSIONS: datagrams at random over that many established sessions; and what each occupies.
hold() {
	local size=$1 before held best
	[[ $GATEWAY != kernel ]] || ((size < $(sysctl -n net.netfilter.nf_conntrack_max))) || return 0
	forget
	before=$(memory)
	establish "$size"
	held=$(sessions)
	value held "$size" "$held"
	[[ $GATEWAY != fastpath ]] || value installed "$size" "$(installed)"
	((size < 100000 || held == 0)) || value memory "$size" $((($(memory) - before) / held))
	at_random "$size"
	value concurrent "$size" "$best"
}

# at_random FLOWS: sets $best to the best rate that arrived.
at_random() {
	local pace
	best=0
	for pace in $(paces $PACES); do
		flood "$FLOOD_SOURCE" -r -- "$SHORT" "$pace" 18 "$1"
		((PACE <= best)) || best=$PACE
	done
}

measure_concurrent() {
	local size
	for size in $CONCURRENT; do
		hold "$size"
	done
}

# A million in the kernel's table. Its limit, the host's nf_conntrack_max, is for each namespace, and the table is
# one for all of them: so there are five gateways with a fifth of them each, and the first one's are hit.
million_of_kernel() {
	local fifth=200000 gateway best all
	hold $fifth
	all=$(sessions)
	for gateway in $CROWD; do
		raise "$gateway" && establish $fifth || break
		all=$((all + $(sessions)))
	done
	use kernel
	((all == 5 * fifth)) || return 1
	value held 1000000 "$all"
	at_random $fifth
	value concurrent 1000000 "$best"
}

# Once in a run: it takes minutes.
measure_million() {
	local gateway code
	if [[ $GATEWAY == kernel ]]; then
		million_of_kernel
		code=$?
		for gateway in $CROWD; do use "$gateway" && topology_down; done
		use kernel
		return $code
	fi
	CAPACITY=1300000
	hold 1000000
	CAPACITY=$ROOM
	forget
}

# A pool of ports to one destination: the first half of it, the second, and as many clients too many.
# At a pace that a queue can take: what it loses when it is overrun is no matter of ports.
measure_pool() {
	local half=$((POOL_PORTS / 2)) got
	forget
	flood "$POOL_SOURCE" -s -n "$half" -- 10 "$POOL_PACE" 18 "$half"
	value pool_rate "0-50 %" "$PACE"
	got=$CAME
	flood "$POOL_SECOND" -s -n "$half" -- 10 "$POOL_PACE" 18 "$half"
	value pool_rate "50-100 %" "$PACE"
	got=$((got + CAME))
	value pool_lost lost $((POOL_PORTS - got))
	flood "$POOL_LATE" -s -n "$POOL_PORTS" -- 10 20000 18 "$POOL_PORTS"
	value pool_lost "left unused" $((POOL_PORTS > got + CAME ? POOL_PORTS - got - CAME : 0))
}

# ---------------------------------------------------------------- latency

# delays AT: first and later datagrams, median and 99th percentile.
delays() {
	local found
	found=$(timeout -k 2 60 taskset -c 1 "$BUILD/tests/bench/delay" "/run/netns/$NS-client" "/run/netns/$NS-server" \
		198.51.100.2 7000 "$FLOWS" 10 4) || return 1
	echo "$GATEWAY $1 $found" >>"$OUT/delays.log"
	for which in first later; do
		for mark in median p99; do
			value "latency_$1" "$which $mark" "$(jq ".$which.$mark" <<<"$found")"
		done
		value latency_lost "$1 $which" "$(jq ".$which | .lost * 100 / (.count + .lost + 1e-9)" <<<"$found")"
	done
}

# From the sender's call to the arrival at the server's interface: idle, and while an established flow
# of small datagrams takes 70 % of what this gateway carried best in this round.
measure_latency() {
	local load
	forget
	delays idle || return 1
	load=$(($(cat "$WORK/best" 2>/dev/null || echo 0) * 7 / 10))
	((load > 0)) || return 0
	establish 1
	start load client taskset -c 0 "$BUILD/tests/bench/$GENERATOR" eth0 "$(cat "$WORK/mac")" "$FLOOD_SOURCE" 20000 \
		198.51.100.2 9 60 "$load" 18 1
	sleep 0.2
	delays loaded
	stop load
}

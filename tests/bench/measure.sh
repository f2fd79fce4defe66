# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the benchmark measures. Each function speaks of the gateway in use and calls `value FIGURE AT NUMBER`
# for what it found; AT is the place on the figure's axis. Sourced by tests/bench/run.

# ------------------------------------------------------------------ floods

# Frames as RFC 2544 section 9.1 counts them, with the 4 bytes of the check sequence: payloads of UDP.
payload() { # SIZE
	case $1 in
	IMIX) echo 18,18,18,18,548,18,18,548,548,18,548,1472 ;; # 7 of 64, 4 of 594, 1 of 1518 bytes
	*) echo $(($1 - 46)) ;;
	esac
}

# flood SOURCE [OPTION...] -- SECONDS RATE [PAYLOAD [FLOWS]]: sets SENT, CAME, TOOK in us until the last
# came, and PACE, what came in a second. What waited in a queue counts, and so does the time it took.
flood() {
	local source=$1 options=()
	shift
	while [[ $1 != -- ]]; do options+=("$1") && shift; done
	shift
	read -r SENT CAME TOOK < <(in_client taskset -c 0 "$BUILD/tests/bench/flood" -w "/run/netns/$NS-server" \
		"${options[@]}" eth0 "$(cat "$WORK/mac")" "$source" 20000 198.51.100.2 9 "$@")
	PACE=$((CAME * 1000000 / TOOK))
	echo "$(date +%T) $GATEWAY ${options[*]} $* sent $SENT arrived $CAME us $TOOK" >>"$OUT/floods.log"
}

# ------------------------------------------------------------- throughput

# One stream and eight, both ways.
measure_bulk() {
	local streams way reverse
	for streams in 1 8; do
		for way in up down; do
			reverse=
			[[ $way == up ]] || reverse=-R
			value bulk "$streams $way" "$(in_client timeout $((EACH + 10)) iperf3 -c 198.51.100.2 -t "$EACH" -O 0.5 \
				-P "$streams" -J $reverse | jq -e '.end.sum_received.bits_per_second | floor' || echo 0)"
		done
	done
}

# Seconds of processor time for a gigabit, at a rate all can carry: everything the machine did, ends
# included, less what it does when idle is not known here; and the daemon's own.
measure_processor() {
	local busy daemon carried ticks seconds=$((EACH < 3 ? 3 : EACH))
	ticks=$(getconf CLK_TCK)
	busy=$(processor)
	daemon=$(processor_daemon)
	carried=$(in_client timeout $((seconds + 10)) iperf3 -c 198.51.100.2 -t "$seconds" -b 1G -J |
		jq -e '.end.sum_received.bytes * 8 / 1e9' || echo 0)
	busy=$(($(processor) - busy))
	daemon=$(($(processor_daemon) - daemon))
	value processor all "$(jq -n "if $carried > 0 then $busy / $ticks / $carried * 1000 else 0 end")"
	[[ $GATEWAY == plain || $GATEWAY == kernel ]] ||
		value processor daemon "$(jq -n "if $carried > 0 then $daemon / $ticks / $carried * 1000 else 0 end")"
}

# establish FLOWS: with answers, slowly enough that none is lost. The fast path takes a session over after
# 16 packets, a few sessions a turn: there random datagrams go on until nearly all are installed.
establish() {
	local step
	if (($1 == 1)); then
		flood "$FLOOD_SOURCE" -e -n 40 -- 60 1000 18 1
		return
	fi
	for step in 1 2; do
		flood "$FLOOD_SOURCE" -e -n "$1" -- 60 50000 18 "$1"
	done
	[[ $GATEWAY == fastpath ]] || return 0
	for step in 1 2 3 4 5 6; do
		(($(installed) < $1 * 95 / 100)) || return 0
		flood "$FLOOD_SOURCE" -r -e -n $(($1 * 6)) -- 60 50000 18 "$1"
	done
}

# Established datagrams of one flow by size, at the best pace offered: RFC 2285's maximum forwarding rate.
measure_rate() {
	local size pace best
	forget
	establish 1
	for size in $SIZES; do
		best=0
		for pace in $PACES; do
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
		for pace in $OPENING; do
			forget
			flood "$FLOOD_SOURCE" "${option[@]}" -n "$OPENED" -- 10 "$pace" 18 "$OPENED"
			((PACE <= best)) || best=$PACE
		done
		value opened $kind "$best"
	done
}

# Established sessions, datagrams at random over all of them; and what each occupies.
measure_concurrent() {
	local size before pace best
	[[ $GATEWAY != plain ]] || return 0
	for size in $CONCURRENT; do
		[[ $GATEWAY != kernel ]] || ((size < $(sysctl -n net.netfilter.nf_conntrack_max))) || continue
		forget
		before=$(memory)
		establish "$size"
		value held "$size" "$(sessions)"
		[[ $GATEWAY != fastpath ]] || value installed "$size" "$(installed)"
		((size < 100000)) || value memory "$size" $((($(memory) - before) / size))
		best=0
		for pace in $PACES; do
			flood "$FLOOD_SOURCE" -r -- "$SHORT" "$pace" 18 "$size"
			((PACE <= best)) || best=$PACE
		done
		value concurrent "$size" "$best"
	done
}

# A pool of 4,096 ports to one destination: the first half of it, the second, and 4,096 clients too many.
measure_pool() {
	local half=$((POOL_PORTS / 2)) got
	[[ $GATEWAY != plain ]] || return 0
	forget
	flood "$POOL_SOURCE" -s -n "$half" -- 10 0 18 "$half"
	value pool_rate "0-50 %" "$PACE"
	got=$CAME
	flood "$POOL_SECOND" -s -n "$half" -- 10 0 18 "$half"
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
	found=$(taskset -c 1 "$BUILD/tests/bench/delay" "/run/netns/$NS-client" "/run/netns/$NS-server" 198.51.100.2 7000 \
		"$FLOWS" 10 4) || return 0
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
	delays idle
	load=$(($(cat "$WORK/best" 2>/dev/null || echo 0) * 7 / 10))
	((load > 0)) || return 0
	establish 1
	start load client taskset -c 0 "$BUILD/tests/bench/flood" eth0 "$(cat "$WORK/mac")" "$FLOOD_SOURCE" 20000 \
		198.51.100.2 9 60 "$load" 18 1
	sleep 0.2
	delays loaded
	stop load
}

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What must be true when the soak is over, and its report. Sourced by tests/soak/run.

NUMBER=0 FAILED=0

# must TEXT COMMAND...: a line of TAP; what the command prints follows when it fails.
must() {
	local text=$1 said
	shift
	NUMBER=$((NUMBER + 1))
	if said=$("$@" 2>&1); then
		echo "ok $NUMBER - $text"
	else
		FAILED=$((FAILED + 1))
		echo "not ok $NUMBER - $text"
		head -n 20 <<<"$said" | sed 's/^/# /'
	fi
}

empty() {
	local text
	text=$(cat "$1")
	[[ -z "$text" ]] || { echo "$text"; return 1; }
}
# is WANTED FOUND
is() { [[ $1 == "$2" ]] || { echo "$2 instead of $1"; return 1; }; }
most() { awk -v most="$1" -v is="$2" 'BEGIN { exit !(is <= most) }' || { echo "$2, more than $1"; return 1; }; }

# ------------------------------------------------------------------ traffic

# Exchanges that failed though nobody took their sessions from them.
failed_exchanges() {
	awk 'FNR == NR { from[FNR] = $1 - 0.5; to[FNR] = $2 + 3; windows = FNR; next }
		{ for (i = 1; i <= windows; i++) if ($1 < to[i] && $2 > from[i]) next; print FILENAME ": " $0 }' \
		"$WORK/windows" "$WORK"/*.json.failures | sed "s|^$WORK/||; s|\.json\.failures:||"
}

# Packets that left untranslated, but for the time without a daemon after a clean stop.
leaked() {
	stop leak INT
	tcpdump -n -tt -r "$WORK/leak.pcap" 2>/dev/null |
		awk 'FNR == NR { from[FNR] = $1; to[FNR] = $2; windows = FNR; next }
			{ for (i = 1; i <= windows; i++) if ($1 > from[i] && $1 < to[i]) next; print }' "$WORK/windows" -
}

no_leak() {
	leaked >"$OUT/leaked"
	empty "$OUT/leaked"
}

no_failed_exchanges() {
	failed_exchanges >"$OUT/failures"
	empty "$OUT/failures"
}

exchanges() { jq -rs 'map(to_entries) | add | group_by(.key) | map("\(.[0].key) \(map(.value) | add)")[]' "$WORK"/{client,client2,server}.json; }

# All kinds of traffic, each at its pace: 15 seconds for the slowest.
all_kinds() {
	exchanges >"$OUT/exchanges"
	is 15 "$(wc -l <"$OUT/exchanges")"
}

each_happened() {
	local event code=0
	((LENGTH >= 240)) || return 0 # a short one has no time for all
	for event in "${ENDINGS[@]}" "${EVENTS[@]}"; do
		grep -q " $event$" "$OUT/events" || { echo "$event did not happen"; code=1; }
	done
	return $code
}

# -------------------------------------------------------------------- drops

# What such traffic and such events bring about. Others would be a defect of the gateway's. Where an address or a link
# goes, a session under way meets its old translation, and packets seen in between make a session of their own.
EXPECTED_DROPS='policy rejected invalid out-of-window filtered unsolicited martian source-quota
	no-external-address hold-down icmp-unmatched icmp-invalid untranslated stale-translation tuple-clash'

drops() { jq -rs 'map(.drops | to_entries) | add | group_by(.key) | map("\(.[0].key) \(map(.value) | add)")[] | select(endswith(" 0") | not)' "$WORK"/status.*; }

no_other_drops() {
	local expected
	printf -v expected '%s\n' $EXPECTED_DROPS
	drops >"$OUT/drops"
	awk 'FNR == NR { fine[$1] = 1; next } !($1 in fine) { print; bad = 1 } END { exit bad }' <(echo "$expected") "$OUT/drops"
}

# ---------------------------------------------------------------- the process

# column NUMBER FROM TO: its mean over the last process's samples of those seconds, or the last one before.
column() {
	awk -v c="$1" -v from="$2" -v to="$3" -v pid="$LAST" \
		'$2 == pid && $1 >= from && $1 <= to { sum += $c; n++ }
			$2 == pid && $1 < from { before = $c } END { print n ? int(sum / n) : before + 0 }' "$OUT/samples"
}

# descriptors PID: but for those of the fast path's programs on the interfaces, which go when an address or a link does,
# and come with the next session that is lent.
descriptors() { find "/proc/$1/fd" -mindepth 1 ! -lname 'anon_inode:bpf_link' 2>/dev/null | wc -l; }

# From when the last process had met everything once, a minute or a third of its time, until its traffic ended.
measure_process() {
	local warm=$(((TRAFFIC_ENDED - LAST_BEGAN) / 3))
	BASE=$((LAST_BEGAN + (warm < 60 ? warm : 60)))
	SPAN=$(((TRAFFIC_ENDED - BASE) / 4))
	((SPAN <= 60)) || SPAN=60
	RSS_THEN=$(column 3 "$BASE" $((BASE + SPAN)))
	RSS_END=$(column 3 $((TRAFFIC_ENDED - SPAN)) "$TRAFFIC_ENDED")
	OWN_THEN=$(column 4 "$BASE" $((BASE + SPAN)))
	OWN_END=$(column 4 $((TRAFFIC_ENDED - SPAN)) "$TRAFFIC_ENDED")
	# What it has most of the time: clients come and go.
	FDS_THEN=$(awk -v pid="$LAST" '$2 == pid { if (++times[$5] > most) { most = times[$5]; n = $5 } } END { print n }' \
		"$OUT/samples")
	FDS_END=$(descriptors "$LAST")
}

# Two in a hundred, 1 MiB and a large page: what of tables and buffers is touched for the first time. Half an hour makes
# 200,000 sessions: twenty bytes lost with each would be too much.
SPARE=$(awk '/^Hugepagesize:/ { kib = $2 } END { print 1024 + kib }' /proc/meminfo)
flat() { ((${1:-0} > 0)) && most $(($1 + $1 / 50 + SPARE)) "$2"; }

log_is_clean() {
	grep -vE -f "$HERE/log-expected" "$OUT/log" >"$OUT/log-unexpected"
	empty "$OUT/log-unexpected"
}

invariants_held() {
	! grep 'invariants: broken' "$OUT/log" || return 1
	grep -qE 'invariants: held [1-9]' "$OUT/log" || { echo "nobody looked"; return 1; }
}

leaves_nothing() {
	local left
	left=$(kernel_state
		for interface in lan wan; do
			in_gateway tc filter show dev $interface ingress
		done
		find /sys/fs/bpf -path '*sluice/netns-*' 2>/dev/null
		pgrep -F "$WORK/sluiced.pid" 2>/dev/null)
	[[ -z "$left" ]] || { echo "$left"; return 1; }
}

judge() {
	measure_process
	must "all kinds of traffic passed" all_kinds
	must "each event happened" each_happened
	must "at each event the gateway did what it should" empty "$WORK/wrong"
	must "no exchange failed but where its session was taken away" no_failed_exchanges
	must "after all that it serves" test -f "$WORK/served"
	must "no packet left with an internal address" no_leak
	# A host's own late word about its neighbours ends within seconds.
	wait_for 20 eval '[[ $(status .sessions.current) -eq 0 ]]'
	must "no session is left" empty <(control sessions 2>/dev/null)
	must "no mapping is left" is 0 "$(control -j mappings 2>/dev/null | wc -l)"
	must "every port is free" is 0 "$(status '[.pools[].used] | add')"
	must "the fast path holds nothing" is 0 "$(status .fastpath.installed)"
	must "packets were dropped for expected reasons only" no_other_drops
	must "the last process was the one that ended" is "$LAST" "$(pid_of sluiced)"
	must "memory is flat: $RSS_THEN KiB, then $RSS_END KiB" flat "$RSS_THEN" "$RSS_END"
	must "the process's own memory is flat: $OWN_THEN KiB, then $OWN_END KiB" flat "$OWN_THEN" "$OWN_END"
	must "descriptors are flat: $FDS_THEN, in the end $FDS_END" most "$FDS_THEN" "$FDS_END"
	stop sluiced
	cat "$WORK/sluiced.log" >>"$OUT/log"
	must "after SIGTERM nothing of it is left" leaves_nothing
	must "invariants held whenever they were looked at" invariants_held
	must "the log says nothing unexpected" log_is_clean
	echo "1..$NUMBER"
	report >"$OUT/report.md"
	plot
	sed 's/^/# /' "$OUT/report.md"
	((FAILED == 0))
}

# ------------------------------------------------------------------- report

# table FILE WORD: two columns
table() {
	printf '\n| %s | times |\n|---|---|\n' "$2"
	awk '{ printf "| %s | %s |\n", $1, $2 }' "$1"
}

report() {
	local checks
	checks=$(awk '/invariants: held/ { n += $3; if ($8 > most) most = $8 } END { printf "%d times, with up to %d sessions", n, most }' "$OUT/log")
	cat <<-TEXT
	# Soak

	$LENGTH seconds, \`SEED=$SEED\`: $NUMBER checks, $FAILED failed. Processes started: $started.

	| figure | value |
	|---|---|
	| exchanges | $(awk '{ n += $2 } END { print n }' "$OUT/exchanges") |
	| of them failed while an address, a link or their session was taken away | $(cat "$WORK"/*.json.failures | wc -l) |
	| events | $(wc -l <"$OUT/events") |
	| sessions made by the last process | $(jq .sessions.created "$WORK/status.$LAST") |
	| most at a time | $(jq .sessions.peak "$WORK/status.$LAST") |
	| resident memory of the last process, KiB, at second $BASE | $RSS_THEN, own $OWN_THEN |
	| and at the end, second $TRAFFIC_ENDED | $RSS_END, own $OWN_END |
	| bound | 2 % and $SPARE KiB more |
	| descriptors, most of the time and at the end | $FDS_THEN, $FDS_END |
	| seconds until all sessions had ended | $((SETTLED - TRAFFIC_ENDED)) |
	| the invariants held (processes that were not killed) | $checks |
	TEXT
	table "$OUT/exchanges" exchange
	sort -k 2 "$OUT/events" | awk '{ n[$2]++ } END { for (e in n) print e, n[e] }' | sort >"$WORK/counted"
	table "$WORK/counted" event
	table "$OUT/drops" "packets dropped"
}

plot() {
	command -v gnuplot >/dev/null || return 0
	gnuplot <<-PLOT 2>/dev/null
		set terminal svg size 900,420 font "sans,11"
		set output "$OUT/report.svg"
		set xlabel "seconds"
		set ylabel "KiB resident"
		set y2label "sessions"
		set y2tics
		set ytics nomirror
		set yrange [0:*]
		set key outside bottom horizontal
		plot "$OUT/samples" using 1:3 with steps title "resident", "" using 1:4 with steps title "own", \
			"" using 1:6 axes x1y2 with steps title "sessions"
	PLOT
	return 0
}

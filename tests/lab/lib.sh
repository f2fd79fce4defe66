# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The laboratory: failures of gateways, made, measured and cured between namespaces.
#
# A scenario is a script tests/lab/NAME.sh that sources this file and tells a story:
#
#	source "$(dirname "$0")/lib.sh"
#	scenario NAME "A title"         before anything else; `sudo make lab-NAME` runs it
#	topology                        a picture on stdin: shown, and put into the report
#	topology_up; gateway_start ...  and all the rest of tests/net/lib.sh: namespaces, clients, servers
#	watch_series "a unit" 0.2 FUNCTION
#	                                calls FUNCTION every 0.2 s in the background, for the plot: a number each
#	series "a unit" NUMBER          one point of it, by hand
#	say TEXT                        the next step, in words
#	show COMMAND...                 runs it and shows what it prints
#	note TEXT                       what was seen
#	check TEXT COMMAND...           must succeed, else the scenario has failed; check_not: must fail
#	finds NAME [SECONDS]            does `sluicectl diagnose` come to find that? for check
#	moment failure TEXT             is it broken now? marked in the plot; so is
#	moment cure TEXT
#	lesson TEXT                     what an admin should take home
#	scenario_end                    writes the report; exit 0 only after a failure and a cure
#
# Nothing outside the namespaces is touched; all of it ends with the script, unless KEEP=1.

source "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
LAB=$ROOT/tests/lab
export PYTHONUNBUFFERED=1

if [[ -t 1 ]]; then LAB_BOLD=$'\e[1m' LAB_PLAIN=$'\e[0m'; else LAB_BOLD='' LAB_PLAIN=''; fi

scenario() {
	LAB_NAME=$1
	LAB_TITLE=$2
	LAB_STEP=0
	LAB_FAILED=0
	OUT=$BUILD/lab/$1
	NS=sll$$
	[[ $(id -u) -eq 0 ]] || { echo "lab: needs root for namespaces: sudo make lab-$1" >&2; exit 1; }
	[[ -x "$SLUICED" ]] || { echo "lab: build it first: sudo make lab-$1" >&2; exit 1; }
	rm -rf "$OUT"
	mkdir -p "$OUT"
	WORK=$(mktemp -d "/tmp/$NS.XXXXXX") && chmod 755 "$WORK"
	export NS WORK OUT
	LAB_BEGIN=${EPOCHREALTIME/./}
	: >"$OUT/samples"
	: >"$OUT/moments"
	: >"$OUT/checks"
	printf '# %s\n' "$LAB_TITLE" >"$OUT/report.md"
	printf '%s%s%s\n' "$LAB_BOLD" "$LAB_TITLE" "$LAB_PLAIN"
	trap 'lab_down' EXIT
	trap 'exit 1' INT TERM HUP
}

lab_down() {
	local watcher
	for watcher in "$WORK"/watch.*.pid; do
		[[ ! -f "$watcher" ]] || kill "$(cat "$watcher")" 2>/dev/null
	done
	if [[ -n "${KEEP:-}" && -f "$WORK/hosts.$NS" ]]; then
		lab_tell_kept
		return
	fi
	topology_down
	rm -rf "$WORK"
}

lab_tell_kept() {
	local host
	printf '\nIt stays up. To look around:\n'
	for host in $(cat "$WORK/hosts.$NS"); do
		printf '    nsenter --net=/run/netns/%s-%s\n' "$NS" "$host"
	done
	[[ ! -S "$WORK/control.sock" ]] || printf '    %s -s %s status\n' "$SLUICECTL" "$WORK/control.sock"
	printf 'To end it:\n    sudo make lab-end\n'
	mkdir -p "$BUILD/lab/kept"
	ln -sfn "$WORK" "$BUILD/lab/kept/$NS"
}

# seconds since the scenario began
lab_clock() {
	local us=$((${EPOCHREALTIME/./} - LAB_BEGIN))
	printf '%d.%03d' $((us / 1000000)) $((us / 1000 % 1000))
}

# ------------------------------------------------------------------ telling

lab_write() { printf '%s\n' "$@" >>"$OUT/report.md"; }

topology() {
	local picture
	picture=$(cat)
	printf '\n%s\n' "$picture"
	lab_write '' '```' "$picture" '```'
}

say() {
	LAB_STEP=$((LAB_STEP + 1))
	printf '\n%s%d. %s%s  (%s s)\n' "$LAB_BOLD" $LAB_STEP "$*" "$LAB_PLAIN" "$(lab_clock)"
	lab_write '' "## $LAB_STEP. $*" ''
}

note() {
	printf '    %s\n' "$*"
	lab_write '' "$*" ''
}

show() {
	local text
	text=$("$@" 2>&1)
	local code=$?
	# Of a command of the laboratory's own, what a person would type.
	case $1 in
	control) set -- sluicectl "${@:2}" ;;
	in_client | in_server | in_gateway) set -- "${@:2}" ;;
	esac
	printf '    $ %s\n' "$*"
	[[ -z "$text" ]] || sed 's/^/    /' <<<"$text"
	lab_write '' '```' "\$ $*${text:+$'\n'}$text" '```' ''
	return $code
}

lesson() {
	printf '\n%s%s%s\n' "$LAB_BOLD" "$*" "$LAB_PLAIN"
	lab_write '' '## What to take home' '' "$*" ''
}

check() {
	local text=$1
	shift
	if "$@" >"$WORK/check.out" 2>&1; then
		printf '    yes: %s\n' "$text"
		printf 'ok\t%s\n' "$text" >>"$OUT/checks"
		lab_write "- yes: $text"
	else
		printf '    NO: %s\n' "$text"
		sed 's/^/        /' "$WORK/check.out" | tail -n 5
		printf 'failed\t%s\n' "$text" >>"$OUT/checks"
		lab_write "- **no**: $text"
		LAB_FAILED=1
	fi
}
check_not() {
	local text=$1
	shift
	check "$text" lab_fails "$@"
}
lab_fails() { ! "$@"; }

# ---------------------------------------------------------------- measuring

series() { printf '%s\t%s\t%s\n' "$(lab_clock)" "$2" "$1" >>"$OUT/samples"; }

watch_series() {
	local name=$1 every=$2 function=$3
	(
		while :; do
			value=$("$function" 2>/dev/null) && [[ -n "$value" ]] && series "$name" "$value"
			sleep "$every"
		done
	) 3>&- &
	echo $! >"$WORK/watch.${#name}$RANDOM.pid"
	disown
}

moment() {
	printf '%s\t%s\t%s\n' "$(lab_clock)" "$1" "$2" >>"$OUT/moments"
	printf '    %s at %s s: %s\n' "$1" "$(lab_clock)" "$2"
	lab_write '' "**$1** after $(lab_clock) s: $2" ''
}

# sluicectl's findings of that name: SUBJECT, one a line
findings() { control -j diagnose | jq -r --arg name "$1" '.findings[] | select(.name == $name) | .subject'; }
finds() { wait_for "${2:-8}" eval "[[ -n \"\$(findings $1)\" ]]"; }

# ----------------------------------------------------------------- the report

lab_json() {
	jq -n --arg name "$LAB_NAME" --arg title "$LAB_TITLE" --arg kernel "$(uname -r)" --arg duration "$(lab_clock)" \
		--argjson ok "$1" --rawfile samples "$OUT/samples" --rawfile moments "$OUT/moments" \
		--rawfile checks "$OUT/checks" '
		def rows: split("\n") | map(select(. != "") | split("\t"));
		{ name: $name, title: $title, ok: $ok, duration_s: ($duration | tonumber), kernel: $kernel,
		  moments: [$moments | rows[] | { at_s: (.[0] | tonumber), kind: .[1], text: .[2] }],
		  checks: [$checks | rows[] | { ok: (.[0] == "ok"), text: .[1] }],
		  series: [$samples | rows | group_by(.[2])[] |
			{ name: .[0][2], points: [.[] | [(.[0] | tonumber), (.[1] | tonumber)]] }] }'
}

# One plot above the other, a series each, over the same time; failures and cures across all.
lab_plot() {
	local names count index=0 at kind text side end
	mapfile -t names < <(cut -f 3 "$OUT/samples" | awk '!seen[$0]++')
	count=${#names[@]}
	((count > 0)) || return 0
	end=$(lab_clock)
	{
		echo "set terminal svg size 900,$((120 + 200 * count)) font 'sans,12' background '#ffffff'"
		echo "set output '$OUT/report.svg'"
		echo "set datafile separator '\t'"
		echo "set multiplot layout $count,1 title '$LAB_TITLE' offset 0,0.0"
		echo "set xrange [0:$end]; set grid; set key off; set yrange [0:*]; set offsets 0,0,graph 0.12,0"
		echo "set lmargin 11; set rmargin 3"
		while IFS=$'\t' read -r at kind text; do
			local colour='#2a7f2a'
			[[ $kind == cure ]] || colour='#c02020'
			# Where there is room for it.
			side='left offset 0.5,0'
			((${at%.*} * 2 < ${end%.*})) || side='right offset -0.5,0'
			echo "set arrow from first $at, graph 0 to first $at, graph 1 nohead lw 2 lc rgb '$colour'"
			echo "set label \"${text//\"/}\" at first $at, graph 0.$((93 - 13 * (index % 5))) $side tc rgb '$colour' font ',10' noenhanced"
			index=$((index + 1))
		done <"$OUT/moments"
		for ((index = 0; index < count; index++)); do
			awk -F '\t' -v name="${names[index]}" '$3 == name { print $1 "\t" $2 }' "$OUT/samples" >"$WORK/plot.$index"
			((index < count - 1)) || echo "set xlabel 'seconds'"
			echo "set format y '$(awk '$2 >= 10000 { found = 1 } END { print found ? "%.1s%c" : "%g" }' "$WORK/plot.$index")'"
			echo "set ylabel '${names[index]}' noenhanced"
			echo "plot '$WORK/plot.$index' using 1:2 with linespoints lw 2 pt 7 ps 0.3 lc rgb '#204a87'"
			((index > 0)) || echo "unset label"
		done
		echo "unset multiplot"
	} >"$WORK/plot"
	gnuplot "$WORK/plot" 2>"$WORK/plot.log" || { echo "the plot failed: $(head -3 "$WORK/plot.log")"; return 1; }
}

scenario_end() {
	local failures cures ok=true
	failures=$(grep -c $'\tfailure\t' "$OUT/moments")
	cures=$(grep -c $'\tcure\t' "$OUT/moments")
	((LAB_FAILED == 0 && failures > 0 && cures > 0)) || ok=false
	lab_plot || ok=false
	[[ ! -s "$OUT/report.svg" ]] || lab_write '' '![timeline](report.svg)'
	cat -s "$OUT/report.md" >"$WORK/report" && cp "$WORK/report" "$OUT/report.md"
	lab_json $ok >"$OUT/report.json" || ok=false
	printf '\n%s: %d failure(s), %d cure(s), %d of %d checks; %s\n' "$LAB_NAME" "$failures" "$cures" \
		"$(grep -c ^ok "$OUT/checks")" "$(wc -l <"$OUT/checks")" "$OUT/report.md"
	$ok || exit 1
	exit 0
}

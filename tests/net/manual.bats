#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The manual pages: what they show as an example works, and nothing is missing from them.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

DOCS=$ROOT/docs

# examples PAGE: the lines between .EX and .EE without roff's escapes; %% ends each example.
examples() {
	awk '/^\.EX/ { on = 1; next } /^\.EE/ { if (on) print "%%"; on = 0; next } on' "$DOCS/$1" |
		sed 's/\\-/-/g; s/\\e/\\/g; s/\\(aq/'"'"'/g'
}

setup_file() {
	topology_up direct
	responder_start server
	rules_default | gateway_start
	probe client tcp 198.51.100.2 7
}

teardown_file() { topology_down; }
teardown() { explain; }

@test "pages are well-formed" {
	local page
	for page in "$DOCS"/*.[1-8]; do
		run -0 bash -c 'man --warnings -l -Tutf8 -Z "$1" 2>&1 >/dev/null' _ "$page"
		[[ -z "$output" ]]
	done
}

@test "sluice.conf(5): every example is taken" {
	local text="" line count=0
	while IFS= read -r line; do
		if [[ "$line" != "%%" ]]; then
			text+=$line$'\n'
			continue
		fi
		# What is no table is rules, of a chain that may translate.
		if [[ "$text" != *table\ * && "$text" != *gateway\ \{* ]]; then
			text="table inet t { chain c { type nat hook postrouting priority srcnat; $text }; }"
		fi
		printf '%s\n' "$text" >"$WORK/example.conf"
		run -0 "$SLUICED" -c -f "$WORK/example.conf"
		run -0 "$SLUICED" -p -f "$WORK/example.conf"
		text="" count=$((count + 1))
	done < <(examples sluice.conf.5)
	[[ $count -ge 3 ]]
}

@test "sluicectl(8): every command works" {
	local line count=0
	# shellcheck disable=SC2317 # the examples call it
	sluicectl() { "$SLUICECTL" -s "$WORK/control.sock" "$@"; }
	while IFS= read -r line; do
		[[ "$line" == sluicectl* ]] || continue
		run -0 eval "$line"
		count=$((count + 1))
	done < <(examples sluicectl.8)
	[[ $count -ge 6 ]]
}

@test "sluiced(8): every command works" {
	local line count=0
	rules_default >"$WORK/sluice.conf.example"
	cd "$WORK"
	mkdir -p here && cd here && cp ../sluice.conf.example sluice.conf
	"$PYTHON" - <<-'CAPTURE'
	from scapy.all import IP, UDP, wrpcap
	wrpcap("in.pcap", [IP(src="10.0.0.2", dst="198.51.100.2") / UDP(sport=40000, dport=53)])
	CAPTURE
	sluiced() { "$SLUICED" "$@"; }
	while IFS= read -r line; do
		[[ "$line" == sluiced* ]] || continue
		run -0 eval "$line"
		count=$((count + 1))
	done < <(examples sluiced.8)
	[[ $count -ge 3 && -s out.pcap ]]
}

@test "sluice-control(7): every request is answered" {
	local line count=0
	while IFS= read -r line; do
		[[ "$line" == '{"command"'* ]] || continue
		run -0 bash -c 'printf "%s\n" "$1" | nc -U -N -w 3 "$2" | head -n 1' _ "$line" "$WORK/control.sock"
		jq -e .ok <<<"$output"
		count=$((count + 1))
	done < <(examples sluice-control.7)
	[[ $count -ge 4 ]]
}

@test "every verb is in the page, in the completion and in --help, which fits a screen" {
	local verb
	run -0 "$SLUICECTL" --help
	[[ "${#lines[@]}" -le 24 ]]
	printf '%s\n' "$output" | awk 'length($0) > 80 { exit 1 }'
	"$SLUICED" --help | awk 'length($0) > 80 { exit 1 } END { exit NR > 24 }'
	for verb in status sessions mappings pools sources destinations top rules events why diagnose metrics check \
		reload delete reset; do
		grep -qw "$verb" <<<"$output"
		grep -qE "^\.(B|BR) .*\b$verb\b" "$DOCS/sluicectl.8"
		grep -qw "$verb" "$DOCS/sluicectl.bash"
		[[ "$verb" == top ]] || grep -qw "$verb" "$DOCS/sluice-control.7"
	done
}

@test "every option of sluiced is in its page" {
	local option
	for option in $("$SLUICED" --help | grep -oE -- '--[a-z-]+' | sort -u); do
		grep -qF -- "${option//-/\\-}" "$DOCS/sluiced.8"
	done
}

@test "every field of status is in sluice-control(7)" {
	local name
	for name in $(control -j status | jq -r 'keys[]'); do
		grep -qw -- "$name" "$DOCS/sluice-control.7"
	done
}

@test "completion: verbs, filters, and what follows them" {
	complete_line() {
		bash -c 'source "$1"; shift; COMP_WORDS=(sluicectl "$@"); COMP_CWORD=$#; _sluicectl; echo "${COMPREPLY[*]}"' _ \
			"$DOCS/sluicectl.bash" "$@"
	}
	[[ "$(complete_line wh)" == why ]]
	[[ "$(complete_line -s /x se)" == sessions ]]
	[[ "$(complete_line sessions -p ud)" == "udp udplite" ]]
	[[ " $(complete_line sessions --)" == *" --sport"* ]]
	[[ "$(complete_line events -)" == *-t* ]]
	[[ "$(complete_line why ii)" == iif ]]
	[[ "$(complete_line delete --state EST)" == ESTABLISHED ]]
}

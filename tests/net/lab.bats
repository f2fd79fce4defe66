#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The laboratory's quick scenarios, so that it does not rot: each fails, is cured and reports.
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	export BUILD=${BUILD:-build}
	case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
}

reported() {
	jq -e --arg name "$1" '.ok and .name == $name and (.checks | length > 3 and all(.ok)) and
		(.moments | any(.kind == "failure") and any(.kind == "cure")) and (.series | length > 0)' "$BUILD/lab/$1/report.json"
	grep -q '^<svg\|<svg' "$BUILD/lab/$1/report.svg"
	grep -q '^# ' "$BUILD/lab/$1/report.md"
}

@test "every scenario of the list has a title" {
	run -0 tests/lab/run list
	for name in conntrack-full port-exhaustion mtu-black-hole idle-timeout refused-or-timeout dns-unanswered; do
		[[ "$output" == *"$name "*[a-z]* ]]
	done
}

@test "refused-or-timeout" {
	run -0 tests/lab/run refused-or-timeout
	reported refused-or-timeout
}

@test "dns-unanswered" {
	run -0 tests/lab/run dns-unanswered
	reported dns-unanswered
}

@test "a scenario that is not there" {
	run -2 tests/lab/run no-such-thing
}

@test "one that is kept says how to enter and how to end it" {
	KEEP=1 run -0 tests/lab/run dns-unanswered
	[[ "$output" == *"nsenter --net=/run/netns/"*"make lab-end"* ]]
	local namespaces
	namespaces=$(ip netns list | grep -c "^sll")
	((namespaces >= 3))
	run -0 tests/lab/run end
	[[ ! -e "$BUILD/lab/kept" ]]
}

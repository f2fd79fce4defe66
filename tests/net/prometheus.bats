#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What Prometheus reads, the alerts and the dashboard made of it: by Prometheus's own tool.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

EXAMPLES=$ROOT/docs/prometheus

setup_file() {
	"$ROOT/tests/promtool" "$BUILD/tools" >"$BUILD/promtool.path" 2>"$BUILD/promtool.why" || true
	topology_up direct
	responder_start server
	{ gateway_block "metrics 127.0.0.1:9743"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	probe client tcp 198.51.100.2 7
	control metrics >"$WORK/metrics"
}

teardown_file() { topology_down; }
teardown() { explain; }

promtool() {
	[[ -s "$BUILD/promtool.path" ]] || skip "$(cat "$BUILD/promtool.why")"
	"$(tail -n 1 "$BUILD/promtool.path")" "$@"
}

@test "promtool check metrics: what sluicectl prints" {
	[[ -s "$WORK/metrics" ]]
	promtool check metrics <"$WORK/metrics"
}

@test "promtool check metrics: what the listener serves" {
	in_gateway curl -sf http://127.0.0.1:9743/metrics >"$WORK/served"
	promtool check metrics <"$WORK/served"
	cmp <(sed 's/{.*//; s/ .*//' "$WORK/served" | sort -u) <(sed 's/{.*//; s/ .*//' "$WORK/metrics" | sort -u)
}

@test "promtool check rules, and the examples of what they fire on" {
	promtool check rules "$EXAMPLES/sluice.rules.yml"
	(cd "$EXAMPLES" && promtool test rules sluice.rules.test.yml)
}

@test "the alerts and the dashboard name only metrics that there are" {
	jq -e '.panels | length > 5' "$EXAMPLES/sluice-dashboard.json"
	jq -r '[.panels[].targets[].expr, .templating.list[].query] | map(tostring) | .[]' \
		"$EXAMPLES/sluice-dashboard.json" >"$WORK/expressions"
	grep -E '^ *(expr:|predict|and|sum|>)' "$EXAMPLES/sluice.rules.yml" >>"$WORK/expressions"
	grep -oE '\bsluice_[a-z_]+' "$WORK/expressions" | sort -u >"$WORK/named"
	[[ $(wc -l <"$WORK/named") -ge 12 ]]
	grep -oE '^sluice_[a-z_]+' "$WORK/metrics" | sort -u >"$WORK/there"
	run -0 comm -23 "$WORK/named" "$WORK/there"
	[[ -z "$output" ]]
}

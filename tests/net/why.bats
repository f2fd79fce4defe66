#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# why: what would become of a packet is what becomes of it, asking changes nothing, and the
# last real packet of that kind is remembered.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

rules() {
	cat <<-'RULES'
	table inet gateway {
		set asked {
			type ipv4_addr
			flags dynamic, timeout
			timeout 1m
		}
		chain input {
			type filter hook input priority filter; policy drop;
			ct state established,related accept
			meta l4proto ipv6-icmp accept
			iifname "lan" accept
		}
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			ct status dnat accept
			tcp dport 23 counter drop
			tcp dport 25 reject with tcp reset
			tcp dport 26 limit rate 1/hour burst 1 packets accept
			tcp dport 26 drop
			update @asked { ip saddr }
			udp dport 9000-9009 jump udp_services
			iifname "lan" oifname "wan" counter accept
		}
		chain udp_services {
			udp dport 9001 drop
			udp dport 9002 return
		}
		chain prerouting {
			type nat hook prerouting priority dstnat;
			iifname "wan" tcp dport 8080 dnat ip to 10.0.0.10:80
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname "wan" udp dport 9003 snat ip to 198.51.100.1:5000-5000
			oifname "wan" ip saddr 10.0.0.0/24 masquerade
		}
	}
	RULES
}

setup_file() {
	topology_up
	responder_start server
	rules | gateway_start
}

teardown_file() { topology_down; }
teardown() { explain; }

why() { control why "$@"; }
answer() { control -j why "$@"; }

# The line of the configuration that holds $1.
line_of() { grep -n -F -- "$1" "$WORK/sluice.conf" | head -n 1 | cut -d: -f1; }

@test "a connection outwards: the hooks, each rule with its line, the port that it then gets" {
	answer tcp 10.0.0.10:40100 198.51.100.2:7 >"$WORK/answer"
	jq -e --argjson line "$(line_of 'oifname "wan" counter accept')" '
		.verdict == "accept" and .iif == "lan" and .oif == "wan" and
		.path == ["prerouting", "forward", "postrouting"] and
		(.rules | map(select(.rule.line == $line)) | length == 1) and
		(.rules | map(select(.text == "oifname \"wan\" ip saddr 10.0.0.0/24 masquerade" and .action == "nat")) |
			length == 1) and
		.nat == "snat" and .leaves.src == "198.51.100.1" and .mapping.shared == false and .session == null' \
		"$WORK/answer"
	run -0 probe client tcp 198.51.100.2 7 --sport 40100
	[[ "$output" == *"198.51.100.1 $(jq -r .leaves.sport "$WORK/answer")"* ]]
}

@test "for people: rules under their hooks and chains" {
	run -0 why tcp 10.0.0.10:40101 198.51.100.2:7
	[[ "${lines[0]}" == "tcp 10.0.0.10:40101 -> 198.51.100.2:7, in by lan, out by wan" ]]
	[[ "$output" == *"  table inet gateway, chain forward"* ]]
	[[ "$output" == *"masquerade    # $WORK/sluice.conf:$(line_of masquerade)"* ]]
	[[ "$output" == *"verdict    accept"* && "$output" == *"leaves     as 198.51.100.1:"* ]]
}

@test "asking changes nothing: no counter, no session, no pool, no set, no limit" {
	control -j rules >"$WORK/rules.before"
	control -j pools >"$WORK/pools.before"
	control -j mappings >"$WORK/mappings.before"
	status '.sessions.created, .drops.policy, .drops.rejected, .refusals, .icmp' >"$WORK/status.before"
	for i in {1..30}; do
		answer tcp "10.0.0.10:$((41000 + i))" 198.51.100.2:26 | jq -e '.verdict == "accept"' >/dev/null
		answer tcp "10.0.0.99:$((41000 + i))" 198.51.100.2:23 | jq -e '.verdict == "drop"' >/dev/null
		answer tcp "10.0.0.99:$((41000 + i))" 198.51.100.2:25 | jq -e '.verdict == "reject"' >/dev/null
		answer udp "10.0.0.98:$((41000 + i))" 198.51.100.2:9003 | jq -e '.verdict == "accept"' >/dev/null
	done
	cmp "$WORK/rules.before" <(control -j rules)
	cmp "$WORK/pools.before" <(control -j pools)
	cmp "$WORK/mappings.before" <(control -j mappings)
	cmp "$WORK/status.before" <(status '.sessions.created, .drops.policy, .drops.rejected, .refusals, .icmp')
	# The one token of the limit is still there, for a real packet, and then it is gone.
	run ! probe client tcp 198.51.100.2 26 --sport 40126
	answer tcp 10.0.0.10:40127 198.51.100.2:26 | jq -e '.verdict == "drop" and .reason == "policy"'
}

@test "a rule that drops: named with its line; and the real packet that it dropped" {
	answer tcp 10.0.0.10:40200 198.51.100.2:23 | jq -e --argjson line "$(line_of 'dport 23 counter drop')" '
		.verdict == "drop" and .reason == "policy" and .rule.line == $line and .last_drop == null and
		.path == ["prerouting", "forward"]'
	probe client tcp 198.51.100.2 23 --sport 40200 || true
	answer tcp 10.0.0.10:40200 198.51.100.2:23 | jq -e --argjson line "$(line_of 'dport 23 counter drop')" '
		.last_drop.reason == "policy" and .last_drop.rule.line == $line and .last_drop.age_s < 60 and
		.last_drop.hook == "forward" and .last_drop.iif == "lan" and .last_drop.oif == "wan"'
	run -0 why tcp 10.0.0.10:40200 198.51.100.2:23
	[[ "$output" == *"<- drop"* && "$output" == *"s ago in forward: policy"* ]]
}

@test "reject, and a chain that is jumped to" {
	answer tcp 10.0.0.10:40201 198.51.100.2:25 | jq -e '.verdict == "reject" and .reason == "rejected"'
	answer udp 10.0.0.10:40201 198.51.100.2:9001 | jq -e '
		.verdict == "drop" and (.rules | map(.chain) | index("udp_services") != null)'
	answer udp 10.0.0.10:40201 198.51.100.2:9002 | jq -e '
		.verdict == "accept" and (.rules | map(.text) | index("udp dport 9002 return") != null)'
}

@test "a policy that drops says whose" {
	answer tcp 198.51.100.2:50000 10.0.0.10:22 iif wan | jq -e '
		.verdict == "drop" and .rule == null and
		(.rules[-1] | .text == "policy drop" and .chain == "forward" and .action == "drop")'
}

@test "a port forward: where it goes, translated before routing" {
	answer tcp 198.51.100.2:50001 198.51.100.1:8080 | jq -e '
		.iif == "wan" and .oif == "lan" and .verdict == "accept" and .nat == "dnat" and
		.leaves.dst == "10.0.0.10" and .leaves.dport == 80'
}

@test "to the router and from the router" {
	answer tcp 10.0.0.10:40202 10.0.0.1:22 | jq -e '.path == ["prerouting", "input"] and .verdict == "accept"'
	answer tcp 198.51.100.2:40202 198.51.100.1:22 | jq -e '.path == ["prerouting", "input"] and .verdict == "drop"'
	answer udp 198.51.100.1:40202 198.51.100.2:53 | jq -e '.path[0] == "output" and .verdict == "accept"'
}

@test "a live session: its state, its timers, its translation" {
	start held client "$PYTHON" "$NET/probe.py" tcp 198.51.100.2 7 --sport 40300 --hold 30
	wait_for 5 grep -q 198 "$WORK/held.log"
	answer tcp 10.0.0.10:40300 198.51.100.2:7 | jq -e '
		.session.state == "ESTABLISHED" and .session.timeout_s > 7000 and .direction == "original" and
		.leaves.src == "198.51.100.1" and .verdict == "accept"'
	port=$(answer tcp 10.0.0.10:40300 198.51.100.2:7 | jq -r .leaves.sport)
	answer tcp 198.51.100.2:7 "198.51.100.1:$port" | jq -e '.direction == "reply" and .leaves.dst == "10.0.0.10"'
	stop held
}

@test "a refusal: cause, pool, source and destination" {
	start held client "$PYTHON" "$NET/probe.py" udp 198.51.100.2 9003 --sport 40301 --hold 30
	wait_for 5 eval 'control sessions -p udp --dport 9003 2>/dev/null | grep -q 9003'
	answer udp 10.0.0.11:40302 198.51.100.2:9003 | jq -e '
		.verdict == "drop" and (.reason | test("exhausted")) and .refusal.pool == "198.51.100.1" and
		.refusal.source.address == "10.0.0.11" and .refusal.destination.port == 9003'
	answer udp 10.0.0.10:40301 198.51.100.77:9003 | jq -e '.verdict == "accept" and .mapping.shared'
	stop held
}

@test "ICMP and IPv6" {
	answer icmp 10.0.0.10 198.51.100.2 id 7 | jq -e '
		.verdict == "accept" and .tuple.type == 8 and .tuple.id == 7 and .leaves.src == "198.51.100.1"'
	answer icmp '[fd00:0:0:1::10]' 2001:db8::2 | jq -e '.protocol == "icmpv6" and .tuple.type == 128 and .nat == "none"'
	answer udp '[fd00:0:0:1::10]:40000' '[2001:db8::2]:53' | jq -e '.verdict == "accept" and .nat == "none"'
}

@test "no route, and over the loopback" {
	answer tcp 10.0.0.10:40303 203.0.113.1:80 | jq -e '.verdict == "drop" and .reason == "no-route"'
	answer tcp 10.0.0.1:40303 198.51.100.1:80 | jq -e '.reason_text | test("loopback")'
}

@test "what is no packet is a usage error" {
	local text
	for text in "tcp" "tcp 10.0.0.10 198.51.100.2:80" "tcp 10.0.0.10:80 [2001:db8::2]:80" "xyz 1.2.3.4 5.6.7.8" \
		"tcp 10.0.0.10:80 198.51.100.2:70000" "tcp 10.0.0.10:80 198.51.100.2:80 iif nowhere" \
		"icmp 10.0.0.10 198.51.100.2 type 3" "tcp 10.0.0.10:80 198.51.100.2:80 id 5"; do
		run -2 why "$text"
		[[ -n "$output" ]]
	done
	run -2 why
}

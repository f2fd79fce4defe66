#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The same traffic through the kernel's connection tracking and through sluice: what
# `conntrack -L` and `conntrack -E` print of the one is what sluicectl prints of the other.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

# Flows of every kind that conntrack shows differently. Each leaves its end open for a while.
traffic() {
	start tcp client "$PYTHON" "$NET/probe.py" tcp 198.51.100.2 7 --sport 40000 --hold 60 --every 0.3
	start udp client "$PYTHON" "$NET/probe.py" udp 198.51.100.2 7 --sport 40001 --hold 60 --every 0.3
	start icmp client ping -q -i 0.3 -e 4242 198.51.100.2
	probe client udp 198.51.100.2 9 --sport 40002 --timeout 0.1 || true
	probe client tcp 198.51.100.77 7 --sport 40003 --timeout 0.1 || true
	probe client tcp 198.51.100.2 7 --sport 40004
	start tcp6 client "$PYTHON" "$NET/probe.py" tcp 2001:db8::2 7 --sport 40005 --hold 60 --every 0.3
	wait_for 5 grep -q fd00 "$WORK/tcp6.log"
	sleep 2.5 # the third packet of the UDP flow, two seconds on, makes it assured in the kernel
}

traffic_end() {
	local name
	for name in tcp udp icmp tcp6; do stop "$name"; done
}

# What differs with time and with the machine is no format.
normal() {
	grep -E 'sport=4000[0-5] |id=4242 ' |
		sed -E 's/^([a-z0-9]+ +[0-9]+) [0-9]+ /\1 T /; s/ secctx=[^ ]+//; s/ use=[0-9]+/ use=N/; s/ mark=[0-9]+/ mark=M/; s/ +$//' |
		sort
}

setup_file() {
	topology_up direct
	responder_start server
	# The address that does not answer must not be answered for by ICMP within the test.
	ip -n "$NS-gateway" neigh add 198.51.100.77 lladdr 02:00:00:00:00:77 dev wan
	gateway_kernel
	start kernel_events gateway conntrack -E -o timestamp
	sleep 0.5
	traffic
	{ in_gateway conntrack -L -f ipv4 2>/dev/null; in_gateway conntrack -L -f ipv6 2>/dev/null; } >"$WORK/kernel.list"
	traffic_end
	stop kernel_events INT || true
	gateway_kernel_stop
	in_gateway conntrack -F 2>/dev/null
	# With the fast path the words would be [OFFLOAD], as for a flow in the kernel's flowtable.
	{ gateway_block "fastpath off"; rules_default; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	start our_events gateway "$SLUICECTL" -s "$WORK/control.sock" events -t
	sleep 0.3
	traffic
	control sessions >"$WORK/our.list" 2>/dev/null
	traffic_end
	stop our_events INT || true
}

teardown_file() { topology_down; }
teardown() { explain; }

@test "sessions is conntrack -L, line by line" {
	normal <"$WORK/kernel.list" >"$WORK/kernel.normal"
	normal <"$WORK/our.list" >"$WORK/our.normal"
	[[ $(wc -l <"$WORK/kernel.normal") -ge 6 ]]
	diff -u "$WORK/kernel.normal" "$WORK/our.normal"
}

@test "a script that reads conntrack -L reads sessions" {
	# In the manner of the monitoring scripts that are around.
	local script='
		{ state = $1 == "tcp" ? $4 : "-"; n = 0
		  for (i = 1; i <= NF; i++) { split($i, kv, "="); if (kv[1] == "src" && !n++) src = kv[2]; if (kv[1] == "dst" && n == 1) dst = kv[2] }
		  unreplied = /\[UNREPLIED\]/; count[$1 " " state " " src " " dst " " unreplied]++ }
		END { for (k in count) print k, count[k] }'
	awk "$script" <(grep -E 'sport=4000|id=4242 ' "$WORK/kernel.list") | sort >"$WORK/kernel.counts"
	awk "$script" <(grep -E 'sport=4000|id=4242 ' "$WORK/our.list") | sort >"$WORK/our.counts"
	diff -u "$WORK/kernel.counts" "$WORK/our.counts"
	local regex='^(\S+)\s+(\d+)\s+(\d+)\s+(?:([A-Z_]+)\s+)?src=(\S+) dst=(\S+) (?:sport=(\d+) dport=(\d+)|type=(\d+) code=(\d+) id=(\d+)) (?:\[UNREPLIED\] )?src=(\S+) dst=(\S+) .*mark=(\d+)'
	[[ $(grep -cP "$regex" "$WORK/our.list") -eq $(wc -l <"$WORK/our.list") ]]
}

# events FILE PORT: kind and state of each event of one flow, without its times
events() {
	grep -E "sport=$2 " "$1" | sed -E 's/^\[[0-9.]+ *\]\t?//; s/^ +//' |
		sed -E 's/^(\[[A-Z]+\]) +([a-z0-9]+) +([0-9]+) ([0-9]+ )?([A-Z_0-9]+ )?.*(\[UNREPLIED\])?.*$/\1 \2 \3 \5/; s/ +$//'
}

@test "events is conntrack -E: the life of a connection in the same words" {
	events "$WORK/kernel_events.log" 40004 >"$WORK/kernel.life"
	events "$WORK/our_events.log" 40004 >"$WORK/our.life"
	[[ $(wc -l <"$WORK/kernel.life") -ge 5 ]]
	diff -u "$WORK/kernel.life" "$WORK/our.life"
	events "$WORK/kernel_events.log" 40001 | grep -v DESTROY >"$WORK/kernel.life"
	events "$WORK/our_events.log" 40001 | grep -v DESTROY >"$WORK/our.life"
	diff -u "$WORK/kernel.life" "$WORK/our.life"
}

@test "events: each line is one that conntrack could have printed" {
	local line='^\[\d+\.\d+ *\]\t +\[(NEW|UPDATE|DESTROY)\] [a-z0-9]+ +\d+( \d+)?( [A-Z_0-9]+)? src=\S+ dst=\S+ .*src=\S+ dst=\S+ '
	[[ $(grep -cP "$line" "$WORK/kernel_events.log") -ge 8 ]]
	run -1 grep -vP "$line|^(sluicectl|conntrack) v|\[(ALERT|CLEAR|NOTICE)\]" "$WORK/our_events.log"
}

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
source "$(dirname "$0")/lib.sh"
scenario conntrack-full "A scanner fills the table"
topology <<'PICTURE'
    client   10.0.0.10 ─┐            gateway (sluiced)
                        ├──── lan 10.0.0.1 │ 198.51.100.1 wan ───── server 198.51.100.2
    scanner  10.0.0.11 ─┘         4,096 sessions
PICTURE
topology_up
nginx_start server
responder_start server

configure() { { gateway_block 'capacity 4096' "$@"; rules_default; } >"$WORK/sluice.conf"; }
connects() { fetch client http://198.51.100.2/ip --max-time 1; }
filled() { status .sessions.current; }
refuses() { (($(status '.refusals["table-full"]') > 0)); }
# The share of ten new connections that work, in percent.
share() {
	local good=0
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		in_client curl -s -o /dev/null --max-time 0.4 http://198.51.100.2/ip && good=$((good + 10))
	done
	echo $good
}
# scan SECONDS: UDP to 20,000 ports, 5,000 of them a second
scan() {
	start scanner client2 "$BUILD/tests/bench/flood" eth0 "$(ip -j -n "$NS-gateway" link show lan | jq -r '.[0].address')" \
		10.0.0.11 20000 198.51.100.2 9 "$1" 5000 18 20000
}

say "A table of 4,096 sessions whose gateway refuses when it is full, as most do"
configure 'table-full refuse' 'sessions-per-source 0'
gateway_launch
gateway_await
watch_series "sessions in the table" 0.25 filled
check "the client's new connections work" connects
start old client "$PYTHON" "$NET/probe.py" tcp 198.51.100.2 7 --hold 60 --every 0.5
series "new connections that work, %" "$(share)"
note "One connection stays open and asks twice a second."

say "A host inside scans: 5,000 new sessions a second"
scan 60
wait_for 20 refuses
moment failure "the table is full"
rate=$(share)
series "new connections that work, %" "$rate"
check "new connections fail (${rate} % work)" test "$rate" -lt 50
lines=$(wc -l <"$WORK/old.log")
check "the old one goes on" wait_for 5 eval "((\$(wc -l <\"$WORK/old.log\") > $lines))"
show control status
check "the cause is found" finds table-full
show control diagnose
note "The kernel's conntrack has one limit for the whole machine, which a laboratory must not touch: it is not filled here."

say "The cure, without a restart: give up what was never answered, and give nobody more than his share"
configure 'table-full evict' 'sessions-per-source 2048'
show control reload
sleep 1
rate=$(share)
series "new connections that work, %" "$rate"
check "every new connection of the client works, while the scan goes on" test "$rate" -eq 100
check "the scanner still scans" running scanner
moment cure "eviction and a fair share"
lines=$(wc -l <"$WORK/old.log")
check "the old one goes on" wait_for 5 eval "((\$(wc -l <\"$WORK/old.log\") > $lines))"
show control sources -n 3
note "$(status '"\(.sessions.evicted) sessions that were never answered made room, \(.refusals["source-quota"]) of the scanner were refused."')"
sleep 1
series "new connections that work, %" "$(share)"

lesson "A full table hurts everybody but the one who filled it. Evicting what nobody ever answered, from whoever holds the most, leaves room for all; a limit for each source keeps it so. Established connections are never given up."
scenario_end

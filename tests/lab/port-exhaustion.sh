#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
source "$(dirname "$0")/lib.sh"
scenario port-exhaustion "One address, twenty ports, forty connections"
topology <<'PICTURE'
    client              gateway (sluiced)                         server
    10.0.0.10 ───── lan 10.0.0.1 │ wan 198.51.100.3:40000-40019 ───── 198.51.100.2:7 and :8
                                       (second address: 198.51.100.4)
PICTURE

rules() { rules_nat "oifname \"wan\" meta l4proto tcp snat ip to $1"; }
# crowd TO:PORT=COUNT...: that many connections at once, all held for a moment; prints how many work
crowd() {
	inside client timeout 30 "$PYTHON" "$NET/crowd.py" connect --timeout 4 --from 10.0.0.10 "$@" |
		grep '^{' | jq -s 'map(.works) | add'
}

topology_up direct
ip -n "$NS-gateway" addr add 198.51.100.3/24 dev wan
ip -n "$NS-gateway" addr add 198.51.100.4/24 dev wan
start echo7 server "$PYTHON" "$NET/crowd.py" serve 7
start echo8 server "$PYTHON" "$NET/crowd.py" serve 8
wait_for 5 eval 'in_server ss -Hltn | grep -q ":8 "'

say "Beside it, the kernel's own NAT with the same twenty ports"
rules 198.51.100.3:40000-40019 >"$WORK/kernel.nft"
in_gateway nft -f "$WORK/kernel.nft"
kernel=$(crowd 198.51.100.2:7=40)
note "of 40 connections $kernel work; the only trace of the others is one counter:"
show in_gateway conntrack -S
in_gateway nft delete table inet gateway
in_gateway conntrack -F 2>/dev/null
series "connections of 40 that work" "$kernel"
moment failure "the kernel's ports are used up"

say "sluice with the same twenty ports"
rules 198.51.100.3:40000-40019 | gateway_start
got=$(crowd 198.51.100.2:7=40)
series "connections of 40 that work" "$got"
note "of 40 connections $got work: each port is used, none is used twice"
check "exactly twenty" test "$got" -eq 20
check "port-exhausted is found" finds port-exhausted
show control diagnose
show control pools
moment failure "twenty ports are twenty connections"

say "First cure: the same ports serve another destination at the same time (port-overloading)"
note "The connections before were closed, and keep their ports for the two minutes of TIME-WAIT: ended by hand."
show control delete -p tcp
both=$(crowd 198.51.100.2:7=20 198.51.100.2:8=20)
series "connections of 40 that work" "$both"
check "twenty to each of two destinations" test "$both" -eq 40
moment cure "a port for each destination"

say "Second cure: a second address"
{ gateway_block 'pooling arbitrary'; rules 198.51.100.3-198.51.100.4:40000-40019; } >"$WORK/sluice.conf"
show control reload
control delete -p tcp >/dev/null
got=$(crowd 198.51.100.2:7=40)
series "connections of 40 that work" "$got"
check "all forty to one destination" test "$got" -eq 40
moment cure "more addresses"

lesson "A pool of ports is a limit for each destination: what matters is how many connections go to the same address and port. The alert pool-pressure comes before the first refusal; more addresses, or more ports, are the cure."
scenario_end

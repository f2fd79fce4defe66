#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
source "$(dirname "$0")/lib.sh"
scenario dns-unanswered "The network is down, says the user. It is the resolver"
topology <<'PICTURE'
    client              gateway (sluiced)               server
    10.0.0.10 ───── lan 10.0.0.1 │ 198.51.100.1 wan ───── 198.51.100.2  web, resolver
PICTURE
topology_up direct
nginx_start server
start resolver server dnsmasq --keep-in-foreground --no-resolv --no-hosts --conf-file=/dev/null --pid-file= \
	--user=root --listen-address=198.51.100.2 --bind-interfaces --address=/www.example/198.51.100.2
rules_default | gateway_start

resolves() { in_client dig +short +time=1 +tries=1 @198.51.100.2 www.example | grep -q 198.51.100.2; }
answered() { resolves && echo 100 || echo 0; }
browses() {
	local address
	address=$(in_client dig +short +time=1 +tries=1 @198.51.100.2 www.example | tail -1)
	[[ "$address" == 198.51.100.2 ]] && fetch client http://198.51.100.2/ip -H 'Host: www.example'
}

say "At first all is well: the name is looked up, the page comes"
wait_for 5 resolves
check "the page comes by its name" browses
for _ in 1 2 3 4 5; do series "names that resolve, %" "$(answered)"; done

say "The resolver is cut off: somebody drops port 53"
in_server nft 'table ip firewall { chain input { type filter hook input priority 0; udp dport 53 drop; }; }'
moment failure "the resolver is silent"
for _ in 1 2 3 4 5; do series "names that resolve, %" "$(answered)"; done
check_not "by its name the page does not come" browses
check "a raw address still answers to ping" in_client ping -q -c 1 -W 2 198.51.100.2
check "and to a browser" fetch client http://198.51.100.2/ip

say "What the gateway says"
check "it is named as DNS" finds dns-unanswered
check_not "and the network is not blamed" finds unreachable 1
show control diagnose

say "Port 53 is opened again"
in_server nft delete table ip firewall
check "the page comes by its name" browses
moment cure "the resolver answers"
for _ in 1 2 3 4 5; do series "names that resolve, %" "$(answered)"; done

lesson "When names fail and addresses work, the network is up. The gateway sees questions without answers, and that their host answers otherwise: look at the resolver, or at what stands before it."
scenario_end

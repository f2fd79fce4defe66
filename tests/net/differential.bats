#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Rules side by side with the kernel: the same ruleset in nft and in sluiced, the same packets through
# both. What arrives where, what is in it and what is answered must be the same: see
# differential/compare.py; where it may not be, and why: differential/expected.py.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"
source "$BATS_TEST_DIRNAME/differential/gateways.sh"

setup_file() { pair_up; }
teardown_file() { pair_down; }

teardown() {
	use sluice
	explain
	gateway_stop
}

same() { side_by_side "$DIFFERENTIAL/rulesets/$1.nft"; }
corpus() { side_by_side "$DIFFERENTIAL/corpus/$1.nft"; }

# kernels FILE FILE: one ruleset in the one kernel, another in the other.
kernels() {
	use kernel
	load_kernel "$1"
	use sluice
	load_kernel "$2"
	compare "$1" --names one,other --used /dev/null
	local status=$?
	in_gateway nft flush ruleset
	return $status
}

# ------------------------------------------------ is the comparison worth anything?

@test "the kernel does not differ from itself" {
	local name
	for name in ct-state-vmap dnat reject limit; do
		kernels "$DIFFERENTIAL/rulesets/$name.nft" "$DIFFERENTIAL/rulesets/$name.nft"
	done
}

# differs NAME SED-EXPRESSION PROBE: the change is found, at that probe and at what follows from it alone.
differs() {
	local file=$DIFFERENTIAL/rulesets/$1.nft
	sed "$2" "$file" >"$DIRECTORY/changed.nft"
	run ! cmp -s "$file" "$DIRECTORY/changed.nft"
	run -1 kernels "$file" "$DIRECTORY/changed.nft"
	grep -qF -- "$1: $3" <<<"$output"
}

@test "a ruleset that is not the same is found out" {
	differs ct-state-vmap 's/policy drop/policy accept/' "tcp server > 10.0.0.20:22"
	differs reject 's/host-prohibited/admin-prohibited/' "udp client > 198.51.100.20:1002"
	differs dnat 's/10.0.0.21:22/10.0.0.21:23/' "tcp server > 198.51.100.1:2222"
	differs snat 's/198.51.100.50:40000-40009/198.51.100.50:41000-41009/' "tcp client 10.0.0.23 > 198.51.100.20:80 x=3"
	differs mss 's/size set 1200/size set 1201/' "tcp client > 198.51.100.20:1001 mss=1460"
	differs limit 's/burst 3 packets/burst 4 packets/' "udp client > 198.51.100.20:1001 x=8 answer=silent (4)"
	differs dscp-ttl 's/ip ttl < 5/ip ttl < 2/' "udp client > 198.51.100.20:1002 ttl=3"
	differs policies 's/policy accept; iifname wan/policy drop; iifname wan/' "udp client > [2001:db8:0:0:1::20]:53"
}

# ------------------------------------------------------------------ topics

@test "bitmasks: Flags: a set of one flag is the flag, ! is none of them, != is not exactly these; ct protocol, ct l3proto" { same bitmasks; }
@test "commands: Rules as commands, with definitions in definitions; what nft -f takes beside blocks" { same commands; }
@test "ct-count: How many connections at once" { same ct-count; }
@test "ct-original: What the connection was before translation, and which way a packet goes" { same ct-original; }
@test "ct-state-list: States in lists, sets and negations; related apart from established" { same ct-state-list; }
@test "ct-state-vmap: The connection's state decides" { same ct-state-vmap; }
@test "ct-status-dnat: Only what was forwarded on purpose may come in" { same ct-status-dnat; }
@test "dnat-ranges: Destination NAT to ranges of addresses and of ports: which one is free, that it stays is not" { same dnat-ranges; }
@test "dnat-reject: What was forwarded and is then refused: the answer is about the packet as its sender sent it" { same dnat-reject; }
@test "dnat: Destination NAT: address, port, both, port ranges; with and without masquerading of the inside" { same dnat; }
@test "dscp-ttl: Fields of the IP header: dscp, ttl, hop limit, length, identification, fragments; masks" { same dscp-ttl; }
@test "dynamic-sets: Sets that rules fill: knocking, a limit for each source, remembered destinations" { same dynamic-sets; }
@test "families: Tables of the families ip, ip6 and inet side by side; family and protocol matches in inet" { same families; }
@test "fib: What kind of address it is: the gateway's own, on this interface, somebody's" { same fib; }
@test "fib-routes: What the routes say: the reverse path, the way out" { same fib-routes; }
@test "filter-anywhere: Filter chains at prerouting and postrouting, beside NAT: before and after the destination changes" { same filter-anywhere; }
@test "hairpin: From inside to the outside address of a port forward, translated both ways by rule" { same hairpin; }
@test "icmp: ICMP and ICMPv6 by type and code, by name, number and range" { same icmp; }
@test "interfaces: iif, oif, iifname, oifname, wildcards, negations, groups" { same interfaces; }
@test "jump-goto-return: jump comes back, goto does not, return ends a chain; the end of a base chain is its policy" { same jump-goto-return; }
@test "limit: limit: rate and burst, over, bytes; each limit counts what reaches it" { same limit; }
@test "maps-of-values: Maps to values: addresses and ports for NAT, marks" { same maps-of-values; }
@test "marks: Packet marks from prerouting on, connection marks for all packets of a connection" { same marks; }
@test "masquerade: masquerade: with ports, random, and what must not be translated" { same masquerade; }
@test "mss: MSS: set to a number, to the route's MTU; never raised, at any place among the options, checksums right" { same mss; }
@test "nat-input: Source NAT at the input hook: the gateway itself sees another source" { same nat-input; }
@test "nat-once: The first nat chain that translates decides; later ones do not; a drop in a nat chain drops" { same nat-once; }
@test "nat6: IPv6 translated like IPv4" { same nat6; }
@test "notrack-nat: What is not tracked is not translated either, neither there nor back; behind connection tracking notrack is too late" { same notrack-nat; }
@test "notrack: Not tracked: neither a state nor a translation" { same notrack; }
@test "numgen: Balancing: numgen in turn, jhash with a seed; the port and the address from one map" { same numgen; }
@test "output: The gateway's own connections: filtered and translated" { same output; }
@test "policies: Policies: drop where it is said, accept where nothing is said; a table without a chain for a hook" { same policies; }
@test "prefix-nat: One network to another, host by host" { same prefix-nat; }
@test "priorities: Several base chains at one hook: a drop is final, an accept goes on to the next by priority" { same priorities; }
@test "quota-counter: Quotas end, counters and logs do not decide anything" { same quota-counter; }
@test "redirect: redirect: to the gateway itself, on the interface the packet came in by; and of its own connections" { same redirect; }
@test "reject: reject in all its forms, in forward, input and output" { same reject; }
@test "sets-anonymous: Anonymous sets: lists, ranges, prefixes, negations, names" { same sets-anonymous; }
@test "sets-concatenated: Concatenations: in anonymous and in named sets, with prefixes and ranges inside" { same sets-concatenated; }
@test "sets-named: Named sets: addresses, prefixes, ranges, services, interfaces; both families" { same sets-named; }
@test "snat: Source NAT: to one address, to ranges of addresses and ports, only for some" { same snat; }
@test "tcp-flags: TCP flags: equal, masked, any of, not; the usual scan filters" { same tcp-flags; }
@test "verdict-maps: Verdict maps: by port, interface, address range, concatenation; named; what is not in them goes on" { same verdict-maps; }

# ------------------------------------------------------- rulesets from the wild

@test "corpus: arfwilliamson-pi-router-config" { corpus arfwilliamson-pi-router-config; }
@test "corpus: cheaussette-networksecurityproject__nftrules_r1rules" { corpus cheaussette-networksecurityproject__nftrules_r1rules; }
@test "corpus: daveman1010221-nixos__hosts_whitey_nftables" { corpus daveman1010221-nixos__hosts_whitey_nftables; }
@test "corpus: dhenkes-router" { corpus dhenkes-router; }
@test "corpus: gene-git-wg_tool__scripts_postup" { corpus gene-git-wg_tool__scripts_postup; }
@test "corpus: kennyballou-cfg.nix__eligos_nftables-rules" { corpus kennyballou-cfg.nix__eligos_nftables-rules; }
@test "corpus: lgoette-nixos__machines_lamafarm_ruleset" { corpus lgoette-nixos__machines_lamafarm_ruleset; }
@test "corpus: martijnvds-debian-router" { corpus martijnvds-debian-router; }
@test "corpus: mayniklas-nixos__machines_the-hub_ruleset" { corpus mayniklas-nixos__machines_the-hub_ruleset; }
@test "corpus: nftables-example-nat" { corpus nftables-example-nat; }
@test "corpus: nibzard-agentlab__scripts_net_agent_nat" { corpus nibzard-agentlab__scripts_net_agent_nat; }
@test "corpus: qubesos-qubes-core-agent-linux__network_qubes-ipv4" { corpus qubesos-qubes-core-agent-linux__network_qubes-ipv4; }
@test "corpus: qubesos-qubes-core-agent-linux__network_qubes-ipv6" { corpus qubesos-qubes-core-agent-linux__network_qubes-ipv6; }
@test "corpus: rchars-adminstuff__misc_c4_nftables" { corpus rchars-adminstuff__misc_c4_nftables; }
@test "corpus: rotkonetworks-networking__backup_nftables_bkk06" { corpus rotkonetworks-networking__backup_nftables_bkk06; }
@test "corpus: troglobit-mylinux__board_macchiatobin_rootfs_etc_nftables" { corpus troglobit-mylinux__board_macchiatobin_rootfs_etc_nftables; }
@test "corpus: usenocturne-nocturne-connector__resources_config_nftables" { corpus usenocturne-nocturne-connector__resources_config_nftables; }

# ------------------------------------------------------------- real clients

# visit: what real programs see through the gateway in use, one line a question.
visit() {
	local question
	while read -r question; do
		printf '%s: ' "$question"
		# shellcheck disable=SC2086 # the question is a host and arguments
		inside ${question%% *} ${question#* } 2>/dev/null | tr '\n' ' ' | sed 's/ [0-9]* $/ PORT/'
		echo "exit ${PIPESTATUS[0]}"
	done <<-QUESTIONS
	client curl -sS -m 2 http://198.51.100.2/ip
	client curl -sS -m 2 -g http://[2001:db8::2]/ip
	client curl -sS -m 2 http://198.51.100.2:81/
	client curl -sS -m 0.7 http://198.51.100.1/name
	client curl -sS -m 0.7 http://10.0.0.1/name
	client ping -q -n -c 1 -W 1 198.51.100.2
	client nc -N -w 1 198.51.100.2 7
	server curl -sS -m 0.7 http://198.51.100.1/name
	server curl -sS -m 0.7 http://198.51.100.1:8080/ip
	server curl -sS -m 0.7 -g http://[2001:db8::1]/name
	server curl -sS -m 0.7 http://10.0.0.10/name
	QUESTIONS
}

@test "curl, ping and nc meet the same" {
	local side name
	for side in kernel sluice; do
		use $side
		nginx_start client
		nginx_start server
		responder_start server
	done
	for name in ct-state-vmap redirect ct-status-dnat reject policies; do
		sed 's/10\.0\.0\.20/10.0.0.10/g' "$DIFFERENTIAL/rulesets/$name.nft" >"$DIRECTORY/real.nft"
		use kernel
		load_kernel "$DIRECTORY/real.nft"
		visit | sed 's/ time .*ms//; s/min.*ms//' >"$DIRECTORY/visit.kernel"
		use sluice
		load_sluice "$DIRECTORY/real.nft"
		visit | sed 's/ time .*ms//; s/min.*ms//' >"$DIRECTORY/visit.sluice"
		diff "$DIRECTORY/visit.kernel" "$DIRECTORY/visit.sluice"
		grep -q 'exit 0' "$DIRECTORY/visit.sluice"
	done
}

# ------------------------------------------------------------------- in the end

@test "every ruleset has its test, every expected difference happened" {
	local file key
	for file in "$DIFFERENTIAL"/rulesets/*.nft; do
		grep -q "same $(basename "$file" .nft);" "$BATS_TEST_FILENAME"
	done
	for file in "$DIFFERENTIAL"/corpus/*.nft; do
		grep -qF "corpus $(basename "$file" .nft);" "$BATS_TEST_FILENAME"
	done
	for key in $(cd "$DIFFERENTIAL" && "$PYTHON" -c 'import expected; print(*(d.key for d in expected.DIFFERENCES))'); do
		grep -qx -- "$key" "$DIRECTORY/used" || { echo "no longer differs: $key" && false; }
	done
}

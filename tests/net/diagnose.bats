#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# `diagnose`: each finding produced for real, named right, with nothing else claimed; and the
# traffic that is no finding. Behind the server stands one more host:
#
#   gateway ── 198.51.100.2 server 203.0.113.1 ── 203.0.113.2 far

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	ip netns add "$NS-far"
	echo "$(cat "$WORK/hosts.$NS") far" >"$WORK/hosts.$NS"
	cable server eth1 far eth0
	ip -n "$NS-server" addr add 203.0.113.1/24 dev eth1
	ip -n "$NS-far" addr add 203.0.113.2/24 dev eth0
	ip -n "$NS-far" link set lo up
	ip -n "$NS-far" route add default via 203.0.113.1
	ip -n "$NS-gateway" route add 203.0.113.0/24 via 198.51.100.2
	# What nobody has goes to and fro between server and far.
	ip -n "$NS-gateway" route add 192.0.2.0/24 via 198.51.100.2
	ip -n "$NS-server" route add 192.0.2.0/24 via 203.0.113.2
	ip -n "$NS-server" route add unreachable 203.0.113.99
	ip -n "$NS-server" link set eth1 mtu 1400
	in_server sysctl -qw net.ipv4.ip_forward=1
	inside far sysctl -qw net.ipv4.ip_forward=1
	in_server sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=10000
	# Dropped without a word: TCP 82, DNS, UDP 9999.
	in_server nft -f - <<-'NFT'
	table ip silence {
		chain input {
			type filter hook input priority 0;
			tcp dport 82 drop
			udp dport { 53, 9999 } drop
		}
	}
	NFT
	nginx_start server
	responder_start server
}

teardown_file() { topology_down; }
teardown() {
	explain
	[[ -n "${BATS_TEST_COMPLETED:-}" ]] || control diagnose || true
	in_server nft delete table ip mute 2>/dev/null || true
	gateway_stop || true
}

# gateway_with [SETTING...]: a fresh gateway, that has seen nothing.
gateway_with() {
	{ gateway_block "$@"; rules_default; } >"$WORK/sluice.conf"
	sed -i '/oifname "wan" accept/i\		iifname "lan" tcp dport 25 drop' "$WORK/sluice.conf"
	gateway_launch
	gateway_await
}

# The findings, all of them: NAME SUBJECT COUNT, a line each.
findings() { control -j diagnose "$@" | jq -r '.findings[] | "\(.name) \(.subject) \(.count)"'; }
found() { [[ "$(findings)" == "$1" ]]; }
# finds LINE...: within some seconds exactly these.
finds() {
	local expected
	expected=$(printf '%s\n' "$@")
	wait_for 8 found "$expected" || { echo "found: $(findings)" && return 1; }
}
finds_nothing() { [[ -z "$(findings)" ]] || { findings && return 1; }; }
text_of() { control -j diagnose | jq -r --arg name "$1" '.findings[] | select(.name == $name) | .text'; }

# A connection that may fail, and says nothing.
try() { fetch "$@" -o /dev/null >/dev/null 2>&1 || true; }

# client PYTHON-CODE: with `socket`, `time` and `connect(address, port)` at hand.
client() {
	inside "${HOST:-client}" "$PYTHON" - <<-CODE
	import socket, struct, time
	def connect(address, port, timeout=2):
	    return socket.create_connection((address, port), timeout)
	$(sed 's/^\t//' <<<"$1")
	CODE
}

@test "nothing wrong: pages fetched, names not asked, connections closed as usual" {
	gateway_with
	for _ in 1 2 3 4 5; do
		fetch client http://198.51.100.2/ip
	done
	run -0 control diagnose
	[[ "$output" == "nothing wrong" ]]
	control -j diagnose | jq -e '.ok and .findings == [] and .about == null'
}

@test "refused: a closed port" {
	gateway_with
	for _ in 1 2 3; do
		try client http://198.51.100.2:81/
	done
	try client2 http://198.51.100.2:81/
	finds "refused 198.51.100.2:81 4"
	[[ "$(text_of refused)" == *"from 2 sources, with a RST"* ]]
	control -j diagnose | jq -e '.findings[0] | .layer == "L4" and (.since_s | type == "number") and (.cure | length > 10)'
}

@test "timed-out: SYNs dropped, while the host answers on another port" {
	gateway_with
	fetch client http://198.51.100.2/ip
	for host in client client client2; do
		try "$host" http://198.51.100.2:82/ --connect-timeout 2 &
	done
	wait
	finds "timed-out 198.51.100.2:82 3"
	[[ "$(text_of timed-out)" == "3 SYNs, no answer, from 2 sources; the host answers otherwise" ]]
}

@test "reset-midstream: a server is killed" {
	gateway_with
	start victim server "$PYTHON" "$NET/reset.py" 83
	wait_for 5 grep -q ready "$WORK/victim.log"
	start held client "$PYTHON" -c 'import socket,time
talk = [socket.create_connection(("198.51.100.2", 83)) for _ in range(3)]
for one in talk: one.sendall(b"hello, and more than is read")
time.sleep(30)'
	wait_for 5 eval '[[ $(grep -c held "$WORK/victim.log") -eq 3 ]]'
	stop victim KILL
	finds "reset-midstream 198.51.100.2:83 3"
	stop held
}

@test "idle-expired: a quiet connection outlives its session, and is picked up again" {
	gateway_with "timeout tcp established 2s"
	client 'talk = connect("198.51.100.2", 7); talk.sendall(b"a"); talk.recv(99)
	time.sleep(4)
	talk.sendall(b"b"); talk.recv(99)'
	finds "idle-expired 198.51.100.2:7 1"
	[[ "$(text_of idle-expired)" == *"more than 2 s of silence"*"picked up again"* ]]
}

@test "idle-expired: where connections are not picked up, they hang" {
	gateway_with "timeout tcp established 2s" "tcp-loose no"
	client 'talk = connect("198.51.100.2", 7); talk.sendall(b"a"); talk.recv(99)
	time.sleep(4)
	try:
	    talk.sendall(b"b"); talk.recv(99)
	    raise SystemExit(1)
	except TimeoutError:
	    pass'
	finds "idle-expired 198.51.100.2:7 1"
	[[ "$(text_of idle-expired)" == *"the packets were dropped"* ]]
}

@test "policy-drop: with the rule's line" {
	gateway_with
	line=$(grep -n 'tcp dport 25 drop' "$WORK/sluice.conf" | cut -d: -f1)
	try client http://198.51.100.2:25/ --connect-timeout 2
	try client2 http://198.51.100.2:25/ --connect-timeout 2
	finds "policy-drop 198.51.100.2:25 2"
	[[ "$(text_of policy-drop)" == *"$WORK/sluice.conf:$line: iifname \"lan\" tcp dport 25 drop" ]]
	control -j diagnose | jq -e '.findings[0].layer == "policy"'
}

@test "policy-drop: the policy of a chain" {
	gateway_with
	# From the lan to the gateway's lan address: nothing forwards that.
	sed -i '/iifname "lan" accept/d' "$WORK/sluice.conf"
	control reload
	try client http://10.0.0.1:8088/ --connect-timeout 2
	finds "policy-drop 10.0.0.1:8088 1"
	line=$(grep -n 'chain input' "$WORK/sluice.conf" | cut -d: -f1)
	[[ "$(text_of policy-drop)" == *"policy of the input chain at $WORK/sluice.conf:$line" ]]
}

@test "port-exhausted: five ports for eight flows" {
	gateway_with "port-overloading no"
	sed -i 's/masquerade/masquerade to :5001-5005/' "$WORK/sluice.conf"
	control reload
	client 'talk = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
	for one in talk: one.sendto(b"hello", ("198.51.100.2", 7))'
	finds "port-exhausted 198.51.100.1 3"
	[[ "$(text_of port-exhausted)" == *"5 of 5 are in use"* ]]
}

@test "table-full: where sessions are refused" {
	gateway_with "capacity 64" "table-full refuse"
	client 'talk = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(100)]
	for one in talk: one.sendto(b"hello", ("198.51.100.2", 7))'
	wait_for 5 eval '[[ "$(findings)" == "table-full sessions "* ]]'
	[[ "$(findings | wc -l)" -eq 1 ]]
	[[ "$(text_of table-full)" == *"10.0.0.10 holds"* ]]
	control -j diagnose | jq -e '.findings[0] | .layer == "gateway" and .count >= 36'
}

@test "source-quota: one source opens more than it may" {
	gateway_with "sessions-per-source 10"
	client 'talk = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(16)]
	for one in talk: one.sendto(b"hello", ("198.51.100.2", 7))'
	finds "source-quota 10.0.0.10 6"
}

@test "fragmentation-needed: a narrow link that says so" {
	gateway_with
	in_client ping -c 2 -i 0.2 -W 1 -M "do" -s 1450 203.0.113.2 || true
	finds "fragmentation-needed 203.0.113.2 1"
	[[ "$(text_of fragmentation-needed)" == *"by 198.51.100.2: at most 1400 bytes pass"* ]]
}

@test "mtu-black-hole: a narrow link whose router may not say so" {
	gateway_with
	in_server nft 'table ip mute { chain output { type filter hook output priority 0; icmp type destination-unreachable drop; }; }'
	start sink far nc -l -k 89
	# Not the client that has just been told what passes.
	start upload client2 "$PYTHON" -c 'import socket, struct
talk = socket.create_connection(("203.0.113.2", 89))
talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
talk.sendall(bytes(300000))'
	wait_for 20 found "mtu-black-hole 203.0.113.2 1"
	[[ "$(text_of mtu-black-hole)" == "packets of "*" bytes vanish on the way, without an ICMP error"* ]]
	stop upload KILL
	stop sink
}

@test "unreachable: a router says that the host is not there" {
	gateway_with
	for _ in 1 2; do
		try client http://203.0.113.99/
	done
	finds "unreachable 203.0.113.99 2"
	[[ "$(text_of unreachable)" == *"198.51.100.2 says \"host unreachable\""* ]]
}

@test "unreachable: nobody there on the gateway's own outside network" {
	gateway_with
	# What nobody answers for is given up after three seconds.
	run in_client ping -c 1 -W 6 198.51.100.77
	[[ "$output" == *"From 198.51.100.1 "*"Destination Host Unreachable"* ]]
	# Told, and not left to wait: 28 would be a timeout.
	run -7 fetch client http://198.51.100.77/ --connect-timeout 9
	finds "unreachable 198.51.100.77 2"
	[[ "$(text_of unreachable)" == *"198.51.100.1 says \"host unreachable\""* ]]
	# The gateway's own programs hear of it as ever, whatever the rules say of its output.
	sed -i '/chain forward/i\		chain output { type filter hook output priority 0; policy drop; oifname "wan" accept; }' "$WORK/sluice.conf"
	control reload
	run -7 in_gateway curl -sS --connect-timeout 9 http://198.51.100.78/
}

@test "ttl-exceeded: a routing loop" {
	gateway_with
	try client http://192.0.2.7/ --connect-timeout 2
	in_client ping -c 1 -W 1 192.0.2.7 || true
	finds "ttl-exceeded 192.0.2.7 2"
	[[ "$(text_of ttl-exceeded)" == *"with a usual TTL at the start" ]]
}

@test "ttl-exceeded: a TTL too low for the way" {
	gateway_with
	in_client ping -c 6 -i 0.2 -W 1 -t 1 203.0.113.2 || true
	finds "ttl-exceeded 203.0.113.2 6"
	[[ "$(text_of ttl-exceeded)" == *"ran out of TTL at 10.0.0.1"* ]]
}

@test "dns-unanswered: the resolver is cut off, its address still answers" {
	gateway_with
	in_client ping -c 1 -W 1 198.51.100.2
	in_client dig +tries=2 +time=1 @198.51.100.2 example.org || true
	finds "dns-unanswered 198.51.100.2:53 2"
	[[ "$(text_of dns-unanswered)" == "2 of 2 DNS queries without answer from 10.0.0.10; the host answers otherwise" ]]
	control -j diagnose | jq -e '.findings[0].layer == "L7"'
}

@test "one-way: datagrams that bring nothing back" {
	gateway_with
	client 'talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	for _ in range(5): talk.sendto(b"hello", ("198.51.100.2", 9999))'
	finds "one-way 198.51.100.2:9999 1"
}

@test "no finding: a scan of closed ports, traceroute, resets after FIN, breaking off, quiet ends" {
	gateway_with "timeout tcp established 2s"
	client 'for port in range(8000, 8060):
	    try: connect("198.51.100.2", port)
	    except ConnectionRefusedError: pass'
	in_client traceroute -n -q 3 -m 6 -w 1 203.0.113.2
	in_client traceroute -n -I -q 3 -m 6 -w 1 203.0.113.2
	# Linger 0: RST instead of FIN, by who opened the connection; and RST behind a FIN.
	client 'for _ in range(3):
	    talk = connect("198.51.100.2", 7); talk.sendall(b"a"); talk.recv(99)
	    talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); talk.close()
	    talk = connect("198.51.100.2", 7); talk.sendall(b"a"); talk.shutdown(socket.SHUT_WR)
	    talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); talk.close()'
	# Idle for longer than the timeout, and then closed: nobody misses it.
	client 'talk = connect("198.51.100.2", 7); talk.sendall(b"a"); talk.recv(99); time.sleep(4); talk.close()'
	finds_nothing
	sleep 3.5
	finds_nothing
}

@test "no finding: busy, and nothing is wrong" {
	gateway_with
	start iperf server iperf3 -s -p 5202
	wait_for 5 eval 'in_server ss -Hltn sport = 5202 | grep -q 5202'
	for client in client client2; do
		for _ in {1..60}; do
			fetch "$client" http://198.51.100.2/ip http://198.51.100.2/name
		done >/dev/null &
	done
	# Not an upload: what iperf3's server has not read when it closes, it resets.
	in_client iperf3 -c 198.51.100.2 -p 5202 -t 2 -P 4 -R >/dev/null
	fetch client -g "http://[2001:db8::2]/ip"
	in_client ping -q -c 20 -i 0.05 198.51.100.2
	client 'for _ in range(50):
	    talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); talk.sendto(b"hello", ("198.51.100.2", 7)); talk.recv(99)'
	wait
	stop iperf
	finds_nothing
	sleep 2.5
	finds_nothing
	control -j sources | jq -se 'map(.opened) | add > 150'
}

@test "no finding: what the outside tries, and broadcasts" {
	gateway_with
	fetch client http://198.51.100.2/ip
	HOST=server client 'for port in (22, 23, 445, 3389):
	    try: connect("198.51.100.1", port, 0.3)
	    except OSError: pass'
	client 'talk = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	talk.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
	for port in (67, 137, 1900): talk.sendto(b"hello", ("10.0.0.255", port))'
	sleep 3.5
	finds_nothing
}

@test "side by side: refused, dropped and unreachable are told apart" {
	gateway_with
	for _ in 1 2 3; do
		try client http://198.51.100.2:81/
		try client2 http://198.51.100.2:82/ --connect-timeout 2 &
	done
	try client http://203.0.113.99/
	wait
	wait_for 8 eval '[[ "$(findings)" == *"timed-out 198.51.100.2:82 3"* ]]'
	findings | sort | diff - <(printf '%s\n' "refused 198.51.100.2:81 3" "timed-out 198.51.100.2:82 3" "unreachable 203.0.113.99 1")
}

@test "diagnose ADDRESS: what concerns it, and all that is counted of it" {
	gateway_with
	fetch client http://198.51.100.2/ip
	try client http://198.51.100.2:81/
	try client2 http://203.0.113.99/
	finds "refused 198.51.100.2:81 1" "unreachable 203.0.113.99 1" || finds "unreachable 203.0.113.99 1" "refused 198.51.100.2:81 1"
	[[ "$(findings 198.51.100.2)" == "refused 198.51.100.2:81 1" ]]
	[[ "$(findings 10.0.0.11)" == "unreachable 203.0.113.99 1" ]]
	[[ -z "$(findings 203.0.113.2)" ]]
	control -j diagnose 198.51.100.2 | jq -e '.about | .address == "198.51.100.2" and
		.destination.opened == 2 and .destination.answered == 1 and .destination.refused == 1 and
		.destination.rtt_ms > 0 and .source.opened == 0'
	run -0 control diagnose 198.51.100.2
	[[ "${lines[0]}" == *FINDING*SUBJECT* && "$output" == *"as a destination"*"refused 1"* ]]
	run -2 control diagnose nonsense
	[[ "$output" == *"not an address"* ]]
	run -2 control diagnose 10.0.0.1 10.0.0.2
}

@test "sources and destinations say what was counted" {
	gateway_with
	fetch client http://198.51.100.2/ip
	try client http://198.51.100.2:81/
	in_client dig +tries=1 +time=1 @198.51.100.2 example.org || true
	wait_for 8 eval '[[ $(control -j sources | jq -s ".[0].dns_unanswered") == 1 ]]'
	control -j sources | jq -se '.[0] | .address == "10.0.0.10" and .opened == 3 and .answered == 1 and
		.refused == 1 and .dns_queries == 1 and .rtt_ms > 0 and .new_per_s > 0 and (.icmp_unreachable | type == "object")'
	control -j destinations | jq -se '.[0] | .address == "198.51.100.2" and .opened == 3 and .refused == 1'
	run -0 control sources
	[[ "${lines[0]}" == SOURCE*SESSIONS*REFUSED*RTT* && "${lines[1]}" == 10.0.0.10* ]]
}

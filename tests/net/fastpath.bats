#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The kernel's fast path: what it forwards, what it leaves to the daemon, and that the daemon
# knows all the same.
bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/lib.sh"
	topology_up
	nginx_start server
	responder_start server
	head -c 20000000 /dev/urandom >"$WORK/www/file"
	rules_default >"$WORK/rules"
	printf '%s\n' 'table inet count { chain forward { type filter hook forward priority -10; ct state established counter accept; }; }' >>"$WORK/rules"
	gateway_start <"$WORK/rules"
	if [[ "$(status .fastpath.mode)" == off ]]; then
		echo "$(sed -n 's/.*no fast path[^:]*: //p' "$WORK/sluiced.log")" >"$WORK/absent"
	fi
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/lib.sh"
	topology_down
}

setup() {
	source "$BATS_TEST_DIRNAME/lib.sh"
	[[ ! -e "$WORK/absent" ]] || skip "no fast path here: $(cat "$WORK/absent")"
}

teardown() {
	explain
	in_gateway sysctl -qw net.ipv4.ip_forward=1
	in_gateway ip xfrm policy flush
}

# restart [LINE OF THE GATEWAY BLOCK...]
restart() {
	gateway_stop
	{ gateway_block "$@"; cat "$WORK/rules"; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
}

# stream HOST ADDRESS PORT COUNT PAUSE SOURCE-PORT: datagrams of one socket to the discard of the flood, each with its number
stream() {
	inside "$1" "$PYTHON" - "$@" <<-'PYTHON'
	import socket, sys, time
	_, host, address, port, count, pause, source = sys.argv
	s = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
	s.settimeout(2)
	s.bind(('', int(source)))
	answers = 0
	for number in range(int(count)):
	    s.sendto(b'%d\n' % number, (address, int(port)))
	    s.recv(100)
	    answers += 1
	    time.sleep(float(pause))
	print(answers)
	PYTHON
}

# of_session PORT JQ: of the one session from that source port
of_session() { control -j sessions --sport "$1" | jq -r "$2"; }

@test "a download passes in the kernel, intact, and closes as ever" {
	local before=$(status .packets.received) hits=$(status .fastpath.hits)
	run --separate-stderr fetch client http://198.51.100.2/file --local-port 41000 -o "$WORK/got"
	[[ $status -eq 0 ]]
	cmp "$WORK/www/file" "$WORK/got"
	# Of some hundred large segments and their acknowledgements a few dozen were the daemon's.
	(($(status .packets.received) - before < 120))
	(($(status .fastpath.hits) - hits > 200))
	[[ $(of_session 41000 .state) == TIME_WAIT ]]
	(($(of_session 41000 .reply.bytes) > 20000000))
	[[ $(status .fastpath.installed) == 0 ]]
}

@test "a rule for SYNs ahead of the one for established packets: both SYNs are clamped, the rest passes there" {
	gateway_stop
	{ gateway_block; sed '/hook forward priority filter/a tcp flags syn tcp option maxseg size set 1200' "$WORK/rules"; } >"$WORK/sluice.conf"
	gateway_launch
	gateway_await
	start syns client tcpdump -i eth0 -n -l 'tcp[13] & 2 != 0 and port 80'
	start syns-outside server tcpdump -i eth0 -n -l 'tcp[13] & 2 != 0 and port 80'
	wait_for 5 grep -q 'listening on' "$WORK/syns.log"
	wait_for 5 grep -q 'listening on' "$WORK/syns-outside.log"
	fetch client http://198.51.100.2/file -o /dev/null
	(($(status .fastpath.hits) > 200))
	wait_for 5 grep -q 'Flags \[S\.\].*mss 1200' "$WORK/syns.log"
	wait_for 5 grep -q 'Flags \[S\],.*mss 1200' "$WORK/syns-outside.log"
	stop syns
	stop syns-outside
	restart
}

@test "an upload through IPv6, where nothing is translated" {
	local hits=$(status .fastpath.hits)
	inside server timeout 20 nc -6 -l 5000 >"$WORK/received" 3>&- &
	wait_for 5 eval "inside server ss -Hltn 'sport = :5000' | grep -q ."
	inside client timeout 20 nc -N 2001:db8::2 5000 <"$WORK/www/file"
	wait
	cmp "$WORK/www/file" "$WORK/received"
	(($(status .fastpath.hits) - hits > 200))
}

@test "UDP: every packet is counted, for the session and for the rules" {
	[[ $(stream client 198.51.100.2 7 300 0.001 42000) == 300 ]]
	[[ $(of_session 42000 .fastpath) == true ]]
	[[ $(of_session 42000 .original.packets) == 300 ]]
	[[ $(of_session 42000 .reply.packets) == 300 ]]
	(($(status .fastpath.hits) > 500))
	control delete -p udp --sport 42000
	# All that is established passes that counter: here both directions but the first packet.
	local counted=$(control -j rules | jq -s '[.[] | select(.table == "count") | .packets] | add')
	((counted >= 599))
}

@test "a session that flows there lives on, one that fell silent expires" {
	restart "timeout udp stream 2s"
	[[ $(stream client 198.51.100.2 7 100 0.05 42001) == 100 ]]
	[[ $(of_session 42001 .fastpath) == true ]]
	wait_for 6 eval '[[ -z "$(of_session 42001 .id)" ]]'
	[[ $(status .fastpath.installed) == 0 ]]
}

@test "a reload takes sessions back, and they return" {
	restart
	stream client 198.51.100.2 7 150 0.01 42002 >"$WORK/answers" 3>&- &
	local sender=$!
	wait_for 3 eval '[[ $(of_session 42002 .fastpath) == true ]]'
	# Its next packet would bring it there again.
	pkill -STOP -P "$sender"
	control reload
	[[ $(of_session 42002 .fastpath) == false ]]
	pkill -CONT -P "$sender"
	wait_for 3 eval '[[ $(of_session 42002 .fastpath) == true ]]'
	wait
	[[ $(cat "$WORK/answers") == 150 ]]
	[[ $(of_session 42002 .original.packets) == 150 ]]
}

@test "another route takes effect for sessions that flow" {
	stream client 198.51.100.2 7 400 0.01 42003 >"$WORK/answers" 3>&- &
	wait_for 3 eval '[[ $(of_session 42003 .fastpath) == true ]]'
	local received=$(status .packets.received)
	ip -n "$NS-gateway" route add 198.51.100.2/32 dev wan mtu 1400
	# Back in the queue for some packets, and then away again.
	wait_for 2 eval '(($(status .packets.received) > received))'
	wait_for 3 eval '[[ $(of_session 42003 .fastpath) == true ]]'
	ip -n "$NS-gateway" route del 198.51.100.2/32 dev wan
	wait
	[[ $(cat "$WORK/answers") == 400 ]]
}

@test "a packet at the end of its TTL, or too big for the next link, is the kernel's to answer" {
	stream client 198.51.100.2 7 40 0.001 42004 >/dev/null
	[[ $(of_session 42004 .fastpath) == true ]]
	inside client "$PYTHON" - <<-'PYTHON'
	import socket
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
	s.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
	s.bind(('', 42004))
	s.settimeout(2)
	s.sendto(b'die\n', ('198.51.100.2', 7))
	try:
	    s.recv(100)
	    raise SystemExit('answered')
	except OSError:
	    pass
	message, ancillary, flags, address = s.recvmsg(100, 500, socket.MSG_ERRQUEUE)
	kind = ancillary[0][2]
	assert kind[5] == 11, 'not time exceeded: %r' % kind
	PYTHON
}

@test "a reset inside the window of a flow is not believed, an exact one is" {
	run inside client "$PYTHON" "$NET/fastpath_reset.py" 198.51.100.2 80 43000 "$WORK/control.sock" "$SLUICECTL"
	echo "$output"
	[[ $status -eq 0 ]]
}

@test "a stolen tuple from another interface finds no way here" {
	stream client 198.51.100.2 7 40 0.001 42005 >/dev/null
	[[ $(of_session 42005 .fastpath) == true ]]
	local received=$(status .packets.received)
	# From outside, with the inner host's own address and port.
	inside server "$PYTHON" - <<-PYTHON
	from scapy.all import Ether, IP, UDP, Raw, sendp, get_if_hwaddr, getmacbyip
	mac = getmacbyip('198.51.100.1')
	sendp(Ether(dst=mac) / IP(src='10.0.0.10', dst='198.51.100.2') / UDP(sport=42005, dport=7) / Raw(b'x' * 20), iface='eth0', verbose=0)
	PYTHON
	# The queue gets to see it, where the rules may judge it.
	wait_for 2 eval '(($(status .packets.received) > received))'
}

@test "with a policy of IPsec nothing goes there, and with forwarding off nothing goes at all" {
	stream client 198.51.100.2 7 40 0.001 42010 >/dev/null
	[[ $(of_session 42010 .fastpath) == true ]]
	in_gateway ip xfrm policy add src 10.9.9.0/24 dst 10.8.8.0/24 dir out tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel
	wait_for 2 eval '[[ $(of_session 42010 .fastpath) == false ]]'
	[[ $(stream client 198.51.100.2 7 40 0.001 42010) == 40 ]]
	[[ $(of_session 42010 .fastpath) == false ]]
	in_gateway ip xfrm policy flush
	[[ $(stream client 198.51.100.2 7 40 0.001 42010) == 40 ]]
	[[ $(of_session 42010 .fastpath) == true ]]
	in_gateway sysctl -qw net.ipv4.ip_forward=0
	wait_for 5 eval '[[ $(of_session 42010 .fastpath) == false ]]'
	run ! stream client 198.51.100.2 7 1 0 42010
	in_gateway sysctl -qw net.ipv4.ip_forward=1
	[[ $(stream client 198.51.100.2 7 40 0.001 42010) == 40 ]]
	[[ $(of_session 42010 .fastpath) == true ]]
}

@test "off means off" {
	restart "fastpath off"
	[[ $(status .fastpath.mode) == off ]]
	[[ $(stream client 198.51.100.2 7 50 0 42006) == 50 ]]
	[[ $(of_session 42006 .fastpath) == false ]]
	[[ $(status .fastpath.hits) == 0 ]]
}

@test "without the right to BPF one line says so, and every packet takes the queue" {
	gateway_stop
	{ gateway_block; cat "$WORK/rules"; } >"$WORK/sluice.conf"
	start sluiced gateway capsh --drop=cap_bpf,cap_perfmon,cap_sys_admin -- -c "exec '$SLUICED' -f '$WORK/sluice.conf'"
	gateway_await
	[[ $(status .fastpath.mode) == off ]]
	[[ $(grep -c 'no fast path' "$WORK/sluiced.log") == 1 ]]
	grep 'no fast path, every packet takes the queue: no right to use BPF' "$WORK/sluiced.log"
	[[ $(stream client 198.51.100.2 7 50 0 42008) == 50 ]]
	[[ $(of_session 42008 .fastpath) == false ]]
	[[ $(of_session 42008 .original.packets) == 50 ]]
}

# The programs of ours at the gateway's interfaces.
programs() { in_gateway bpftool net show 2>/dev/null | grep sluice_fastpath; }

@test "killed, it leaves no program behind, or under clsact one that the next daemon clears" {
	local mode
	restart
	stream client 198.51.100.2 7 40 0.001 42007 >/dev/null
	[[ $(status .fastpath.installed) == 1 ]]
	mode=$(status .fastpath.mode)
	stop sluiced KILL
	if [[ $mode == tcx ]]; then
		run ! stream client 198.51.100.2 7 1 0 42007
		[[ -z "$(programs)" ]]
		return
	fi
	# What is established goes on without a daemon; what is new does not.
	stream client 198.51.100.2 7 1 0 42007
	run ! stream client 198.51.100.2 7 1 0 42009
	[[ -n "$(programs)" ]]
	restart "fastpath off"
	[[ -z "$(programs)" ]]
}

@test "RFC7857-10 two hosts' packets that may be fragmented are numbered from one counter, there too" {
	restart
	cat >"$WORK/numbered.py" <<-'PYTHON'
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: never, so DF is clear
	s.settimeout(2)
	s.bind(('', int(sys.argv[1])))
	for _ in range(60):
	    s.sendto(b'hello\n', ('198.51.100.2', 7))
	    s.recv(100)
	PYTHON
	capture_start numbered server 'udp dst port 7'
	inside client "$PYTHON" "$WORK/numbered.py" 42020 &
	inside client2 "$PYTHON" "$WORK/numbered.py" 42021
	wait
	[[ $(of_session 42020 .fastpath) == true && $(of_session 42021 .fastpath) == true ]]
	[[ $(capture_count numbered) -eq 120 ]]
	# No number twice: they come from one counter, whoever sends and whoever forwards.
	[[ $(tcpdump -n -v -r "$WORK/numbered.pcap" 2>/dev/null | grep -o 'id [0-9]*,' | sort | uniq -d | wc -l) -eq 0 ]]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The fast path and interfaces that are no plain Ethernet: a bridge, a macvlan, a tunnel
# without a link layer. What it can take it takes; what not, the queue.
bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	nginx_start server
	responder_start server
	head -c 20000000 /dev/urandom >"$WORK/www/file"
}

teardown_file() { topology_down; }

teardown() {
	explain
	gateway_stop
	stop tunnel
	if ip -n "$NS-gateway" link show port >/dev/null 2>&1; then
		ip -n "$NS-gateway" link del lan
		ip -n "$NS-gateway" link set port down
		ip -n "$NS-gateway" link set port name lan
		lan_addresses
	fi
}

lan_addresses() {
	ip -n "$NS-gateway" addr replace 10.0.0.1/24 dev lan
	ip -n "$NS-gateway" addr replace fd00:0:0:1::1/64 dev lan nodad
	ip -n "$NS-gateway" link set lan up
}

# lan_becomes TYPE [ARGUMENT...]: the cable is called port now; what is above it, or it is a part of, is lan.
lan_becomes() {
	ip -n "$NS-gateway" addr flush dev lan
	ip -n "$NS-gateway" link set lan down
	ip -n "$NS-gateway" link set lan name port
	case $1 in
	bridge)
		ip -n "$NS-gateway" link add lan type bridge stp_state 0 mcast_snooping 0
		ip -n "$NS-gateway" link set port master lan
		;;
	*) ip -n "$NS-gateway" link add lan link port type "$@" ;;
	esac || return 1
	ip -n "$NS-gateway" link set port up
	lan_addresses
	# Only who has the address answers for it, not what lies below as well.
	in_gateway sysctl -qw net.ipv4.conf.all.arp_ignore=1
	# The clients may remember another Ethernet address for it.
	ip -n "$NS-client" neigh flush dev eth0
}

# stream PORT [ADDRESS]: 60 datagrams, each answered
stream() {
	in_client "$PYTHON" - "$@" <<-'PYTHON'
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.settimeout(5)
	s.bind((sys.argv[2] if len(sys.argv) > 2 else '', int(sys.argv[1])))
	for number in range(60):
	    s.sendto(b'%d\n' % number, ('198.51.100.2', 7))
	    s.recv(100)
	print(number + 1)
	PYTHON
}

is_off() { [[ "$(status .fastpath.mode)" == off ]]; }
of_session() { control -j sessions --sport "$1" | jq -r "$2"; }

# Through the gateway in both directions, intact, counted, closed; IPv6 too, where nothing is translated.
# That a fast path takes it is not needed, but so it is. passes PORT
passes() {
	# A new interface takes a moment until it answers for its addresses.
	wait_for 10 in_client ping -q -c 1 -W 1 fd00:0:0:1::1
	[[ $(stream 42000) == 60 ]]
	is_off || [[ $(of_session 42000 .fastpath) == true ]]
	[[ $(of_session 42000 .original.packets) == 60 && $(of_session 42000 .reply.packets) == 60 ]]
	run -0 fetch client http://198.51.100.2/file --local-port "$1" -o "$WORK/got"
	cmp "$WORK/www/file" "$WORK/got"
	[[ $(of_session "$1" .state) == TIME_WAIT ]]
	run -0 fetch client 'http://[2001:db8::2]/file' -o "$WORK/got"
	cmp "$WORK/www/file" "$WORK/got"
}

@test "a bridge with ports" {
	lan_becomes bridge || skip "no bridge in this kernel"
	rules_default | gateway_start
	passes 41000
}

@test "a macvlan" {
	lan_becomes macvlan mode bridge || skip "no macvlan in this kernel"
	rules_default | gateway_start
	passes 41001
}

@test "a macvlan that another interface's sessions shadow: each has its own" {
	lan_becomes macvlan mode bridge || skip "no macvlan in this kernel"
	rules_default | gateway_start
	[[ $(stream 42000) == 60 ]]
	# The same tuple on the interface below, addressed to that one, is no packet of the session's.
	in_client "$PYTHON" - <<-PYTHON
	from scapy.all import Ether, IP, UDP, Raw, sendp
	sendp(Ether(dst='$(ip -n "$NS-gateway" -j link show port | jq -r '.[0].address')') / IP(src='10.0.0.10', dst='198.51.100.2') / UDP(sport=42000, dport=7) / Raw(b'x' * 20), iface='eth0', verbose=0)
	PYTHON
	wait_for 5 eval '(($(status .drops.martian) > 0))'
	[[ $(of_session 42000 .original.packets) == 60 ]]
}

@test "a tunnel without a link layer stays in the queue" {
	[[ -c /dev/net/tun ]] || skip "no /dev/net/tun"
	cat >"$WORK/tunnel.py" <<-'PYTHON'
	# A tun in each of two namespaces, and what enters one leaves the other.
	import ctypes, fcntl, os, select, struct, sys
	libc = ctypes.CDLL(None, use_errno=True)
	def tun(namespace):
	    with open(namespace) as f:
	        if libc.setns(f.fileno(), 0x40000000):
	            raise OSError(ctypes.get_errno(), 'setns')
	    fd = os.open('/dev/net/tun', os.O_RDWR)
	    fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH', b'vpn', 0x1001))  # IFF_TUN, IFF_NO_PI
	    return fd
	ends = [tun(path) for path in sys.argv[1:3]]
	print('ready', flush=True)
	while True:
	    for fd in select.select(ends, [], [])[0]:
	        packet = os.read(fd, 65536)
	        try:
	            os.write(ends[fd == ends[0]], packet)
	        except OSError:
	            pass
	PYTHON
	start tunnel gateway "$PYTHON" "$WORK/tunnel.py" "/run/netns/$NS-client" "/run/netns/$NS-gateway"
	wait_for 5 grep -q ready "$WORK/tunnel.log" || skip "no tun in this kernel"
	ip -n "$NS-client" addr add 10.9.0.2/24 dev vpn
	ip -n "$NS-client" link set vpn up
	ip -n "$NS-client" rule add from 10.9.0.2 table 9
	ip -n "$NS-client" route add default dev vpn table 9
	ip -n "$NS-gateway" addr add 10.9.0.1/24 dev vpn
	ip -n "$NS-gateway" link set vpn up
	rules_default | sed 's/iifname "lan" oifname "wan" accept/iifname { "lan", "vpn" } oifname "wan" accept/
		s/ip saddr 10.0.0.0\/24/ip saddr { 10.0.0.0\/24, 10.9.0.0\/24 }/' | gateway_start
	[[ $(stream 42000 10.9.0.2) == 60 ]]
	[[ $(of_session 42000 .original.packets) == 60 && $(of_session 42000 .reply.packets) == 60 ]]
	[[ $(of_session 42000 .fastpath) == false ]]
	[[ $(status .fastpath.installed) == 0 ]]
	run -0 fetch client http://198.51.100.2/file --interface 10.9.0.2 -o "$WORK/got"
	cmp "$WORK/www/file" "$WORK/got"
	ip -n "$NS-client" rule del from 10.9.0.2 table 9
}

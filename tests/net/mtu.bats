#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A path with a narrow link beyond the gateway whose routers say what they carry, and a
# gateway whose own links are narrow.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"
source "$BATS_TEST_DIRNAME/path.sh"

setup_file() {
	path_up
	mkdir -p "$WORK/www"
	head -c 10000000 /dev/urandom >"$WORK/www/big"
	nginx_start server
	nginx_start client
	path_gateway 'black-holes report'
}

teardown_file() { topology_down; }
setup() { path_forget; }
teardown() { explain; }

# download HOST URL: all of the big file arrives as it is
download() {
	fetch "$1" "$2" -o "$WORK/got-$1" --max-time 20 && cmp "$WORK/www/big" "$WORK/got-$1"
}

@test "RFC1191 a 10 MB download through a 1400-byte link, the path MTU is learned and shown" {
	download client http://203.0.113.2/big
	# The server was told on its side; the client's own large packet is what teaches the gateway.
	run in_client ping -M do -s 1472 -c 1 -W 1 203.0.113.2
	[[ "$output" == *"Frag needed and DF set (mtu = 1400)"* ]]
	control -j destinations | jq -se 'map(select(.address == "203.0.113.2")) | .[0].path_mtu == 1400'
	control -j sessions | jq -se 'map(select(.original.dst == "203.0.113.2")) | length > 0 and all(.path_mtu == 1400)'
	[[ $(status .icmp.frag_needed) -ge 1 ]]
}

@test "an upload, and a download from a server behind a port forward" {
	start sink server sh -c "nc -l -p 9000 >$WORK/sunk"
	wait_for 3 eval "inside server ss -ltn | grep -q :9000"
	timeout 20 nsenter --net="/run/netns/$NS-client" -- nc -N 203.0.113.2 9000 <"$WORK/www/big"
	wait_for 5 cmp "$WORK/www/big" "$WORK/sunk"
	download server http://198.51.100.1:8080/big
	control -j sessions | jq -se 'map(select(.original.dst == "198.51.100.1")) | length > 0 and all(.path_mtu == 1400)'
}

@test "RFC8201 the same over IPv6" {
	download server 'http://[fd00:0:0:1::10]/big'
	control -j sessions -d fd00:0:0:1::10 | jq -se 'length > 0 and all(.path_mtu == 1400)'
	download client 'http://[2001:db8:2::2]/big'
}

@test "RFC4787-REQ-13 ping -M do: the narrow link's router answers, with its MTU; without DF it arrives" {
	run in_client ping -M do -s 1472 -c 1 -W 1 203.0.113.2
	[[ "$output" == *"From 198.51.100.254 "*"Frag needed and DF set (mtu = 1400)"* ]]
	path_forget
	in_client ping -M dont -s 1472 -c 2 -i 0.1 -W 1 203.0.113.2
	in_client ping -M dont -s 8000 -c 2 -i 0.1 -W 1 203.0.113.2
}

@test "tracepath finds the path MTU and every hop" {
	run in_client tracepath -n 203.0.113.2
	[[ "$output" == *" 10.0.0.1 "*"198.51.100.254 "*"pmtu 1400"*"203.0.113.2 "*"Resume: pmtu 1400"* ]]
	run in_client tracepath -6 -n 2001:db8:2::2
	[[ "$output" == *" fd00:0:0:1::1 "*" 2001:db8::fe "*"pmtu 1400"*"2001:db8:2::2 "*"Resume: pmtu 1400"* ]]
}

@test "rt mtu: the learned path MTU lowers the MSS of SYN and SYN-ACK" {
	path_gateway 'black-holes report' 'tcp flags syn tcp option maxseg size set rt mtu'
	in_client ping -M do -s 1472 -c 1 -W 1 203.0.113.2 || true
	path_forget # only the gateway knows now
	capture_start syns server 'tcp[13] & 2 != 0 and port 80'
	capture_start answers client 'tcp[13] & 2 != 0 and port 80'
	fetch client http://203.0.113.2/ip
	captured syns 1
	captured answers 1
	[[ $(capture_count syns) -gt 0 ]]
	tcpdump -nr "$WORK/syns.pcap" 'dst port 80' 2>/dev/null | grep -q 'mss 1360'
	[[ $(capture_count answers) -gt 0 ]]
	tcpdump -nr "$WORK/answers.pcap" 'src port 80' 2>/dev/null | grep -q 'mss 1360'
	[[ $(status .mss.clamped) -ge 2 ]]
	path_gateway 'black-holes report'
}

@test "the gateway's own wan is narrow: the inside hears it from the gateway's inside address" {
	# Both ends: an interface refuses what is larger than it sends.
	ip -n "$NS-gateway" link set wan mtu 1300
	ip -n "$NS-near" link set eth0 mtu 1300
	run in_client ping -M do -s 1472 -c 1 -W 1 203.0.113.2
	[[ "$output" == *"From 10.0.0.1 "*"Frag needed and DF set (mtu = 1300)"* ]]
	run in_client ping -6 -M do -s 1452 -c 1 -W 1 2001:db8:2::2
	[[ "$output" == *"From fd00:0:0:1::1 "*"Packet too big: mtu=1300"* ]]
	path_forget
	capture_start pieces near '(icmp or ip[6:2] & 0x1fff != 0) and src host 198.51.100.1'
	in_client ping -M dont -s 1472 -c 1 -W 1 203.0.113.2
	[[ $(capture_count pieces 'ip[6:2] & 0x3fff != 0') -ge 2 ]]
	ip -n "$NS-gateway" link set wan mtu 1500
	ip -n "$NS-near" link set eth0 mtu 1500
}

@test "the gateway's own lan is narrow: the outside hears it about the external endpoint, never the internal" {
	ip -n "$NS-gateway" link set lan mtu 1300
	ip -n "$NS-client" link set eth0 mtu 1300
	capture_start outside server 'icmp[0] == 3'
	inside server "$PYTHON" - <<-'PY'
	import socket
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER: do
	s.connect(("198.51.100.1", 7001))
	s.send(b"x" * 1300)  # a 1328-byte packet: the narrow link of the path carries it
	s.settimeout(2)
	try:
	    s.recv(1)
	except OSError as error:
	    print(error)
	PY
	[[ $(capture_count outside) -eq 1 ]]
	tcpdump -nv -r "$WORK/outside.pcap" 2>/dev/null >"$WORK/outside.txt"
	cat "$WORK/outside.txt"
	grep -q '198.51.100.1 > 203.0.113.2: ICMP 198.51.100.1 unreachable - need to frag (mtu 1300)' "$WORK/outside.txt"
	grep -q '203.0.113.2.* > 198.51.100.1.7001: ' "$WORK/outside.txt"
	[[ $(tcpdump -nr "$WORK/outside.pcap" 'icmp[20:4] & 0xffffff00 = 0x0a000000 or icmp[24:4] & 0xffffff00 = 0x0a000000' 2>/dev/null | wc -l) -eq 0 ]]
	ip -n "$NS-gateway" link set lan mtu 1500
	ip -n "$NS-client" link set eth0 mtu 1500
}

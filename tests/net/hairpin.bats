#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Hosts inside that meet by external endpoints, through the kernel and back.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	nginx_start client2
	responder_start server
	# 203.0.113.1 is routed to the gateway and on no interface; no rule translates a source to it.
	ip -n "$NS-server" route add 203.0.113.0/24 via 198.51.100.1
	gateway_start <<-'RULES'
	table inet gateway {
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			iifname "lan" accept
		}
		chain prerouting {
			type nat hook prerouting priority dstnat;
			ip daddr 203.0.113.1 tcp dport 80 dnat ip to 10.0.0.11
			iifname "lan" ip daddr 10.0.0.1 tcp dport 8080 dnat ip to 10.0.0.11:80
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname "wan" masquerade
		}
	}
	RULES
}

teardown_file() { topology_down; }
teardown() { explain; }

@test "RFC5382-REQ-8 hairpin to a forward whose address no source rule names" {
	run -0 fetch client http://203.0.113.1/ip
	[[ "$output" == "203.0.113.1 "* ]]
	run -0 fetch client http://203.0.113.1/name
	[[ "$output" == client2 ]]
}

@test "hairpin to a forward on the inner address" {
	run -0 fetch client http://10.0.0.1:8080/ip
	[[ "$output" == "10.0.0.1 "* ]]
}

@test "RFC4787-REQ-9 two hosts inside punch holes by UDP" {
	cat >"$WORK/punch.py" <<-'PYTHON'
	# punch.py OWN-PORT PEER-PORT DELAY: to the peer's external endpoint, until it answers.
	import socket, sys, time
	own, peer, delay = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.bind(("", own))
	s.settimeout(0.2)
	s.sendto(b"who am I", ("198.51.100.2", 7))
	print(s.recv(100).decode().strip())
	time.sleep(delay)
	end = time.monotonic() + 5
	while time.monotonic() < end:
	    s.sendto(b"hello", ("198.51.100.1", peer))
	    try:
	        data, source = s.recvfrom(100)
	    except OSError:
	        continue
	    if data == b"hello":
	        print("met", *source)
	        s.sendto(b"hello", ("198.51.100.1", peer))
	        time.sleep(0.3)
	        sys.exit(0)
	sys.exit(1)
	PYTHON
	start punch2 client2 "$PYTHON" "$WORK/punch.py" 6000 4000 0.3
	run -0 inside client "$PYTHON" "$WORK/punch.py" 4000 6000 0.1
	[[ "$output" == *"198.51.100.1 4000"*"met 198.51.100.1 6000" ]]
	wait_for 5 gone punch2
	grep -q "met 198.51.100.1 4000" "$WORK/punch2.log"
}

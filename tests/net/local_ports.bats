#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The gateway's own programs share the external addresses with everybody behind it.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	responder_start server
	# listen.py tcp|udp ADDRESS PORT: a service that says who it is.
	cat >"$WORK/listen.py" <<-'PYTHON'
	import socket, sys
	kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
	s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	s.bind((address, port))
	if kind == "tcp":
	    s.listen()
	print("ready", flush=True)
	while True:
	    if kind == "tcp":
	        c, _ = s.accept()
	        c.sendall(b"gateway\n")
	        c.close()
	    else:
	        _, who = s.recvfrom(100)
	        s.sendto(b"gateway\n", who)
	PYTHON
	service early udp 0.0.0.0 5500
	service early_tcp tcp 198.51.100.1 5502
	gateway_start <<-'RULES'
	table inet gateway {
		chain input {
			type filter hook input priority filter; policy drop;
			ct state established,related accept
			meta l4proto { tcp, udp } th dport 5500-5510 accept
		}
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			iifname "lan" oifname "wan" accept
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname "wan" ip saddr 10.0.0.0/24 masquerade
		}
	}
	RULES
}

teardown_file() { topology_down; }
teardown() { explain; }

# service NAME tcp|udp ADDRESS PORT
service() {
	start "$1" gateway "$PYTHON" "$WORK/listen.py" "$2" "$3" "$4"
	wait_for 5 grep -q ready "$WORK/$1.log"
}

# The port that the server sees of the client's own.
port_of() { probe client "$1" 198.51.100.2 7 --sport "$2" | cut -d' ' -f2; }
keeps() { [[ "$(port_of udp "$1")" == "$1" ]]; }
moves() {
	local seen
	seen=$(port_of udp "$1")
	[[ -n "$seen" && "$seen" != "$1" ]]
}

@test "CVE-2021-3773: no mapping gets the port of a service of the gateway, UDP and TCP" {
	[[ "$(port_of udp 5501)" == 5501 ]]
	run -0 port_of udp 5500
	[[ "$output" =~ ^[0-9]+$ && "$output" != 5500 ]]
	run -0 port_of tcp 5502
	[[ "$output" =~ ^[0-9]+$ && "$output" != 5502 ]]
	# TCP's services do not keep UDP's ports.
	[[ "$(port_of udp 5502)" == 5502 ]]
	# Who asks the service gets the service.
	run -0 probe server udp 198.51.100.1 5500
	[[ "$output" == gateway ]]
	run -0 probe server tcp 198.51.100.1 5502
	[[ "$output" == gateway ]]
}

@test "CVE-2021-3773: a service that starts later has its port within seconds, and gives it back" {
	wait_for 10 keeps 5505
	service late udp 198.51.100.1 5505
	# A mapping that has the port keeps it as long as it lives.
	wait_for 10 keeps 5505
	given_up() { control delete -p udp; moves 5505; }
	wait_for 15 given_up
	run -0 probe server udp 198.51.100.1 5505
	[[ "$output" == gateway ]]
	stop late
	control delete -p udp
	free_again() { control delete -p udp; keeps 5505; }
	wait_for 15 free_again
}

@test "a reload asks at once" {
	service reloaded tcp 0.0.0.0 5507
	control reload
	[[ "$(port_of tcp 5507)" != 5507 ]]
	stop reloaded
}

@test "the gateway's own connection meets a mapping with its port: both go on" {
	start held client "$PYTHON" "$NET/probe.py" udp 198.51.100.2 7 --sport 5600 --hold 4 --every 0.2 --timeout 6
	wait_for 15 grep -q "198.51.100.1 5600" "$WORK/held.log"
	run -0 probe gateway udp 198.51.100.2 7 --sport 5600
	[[ "$output" == "198.51.100.1 "* && "$output" != "198.51.100.1 5600" ]]
	# And TCP.
	start held_tcp client "$PYTHON" "$NET/probe.py" tcp 198.51.100.2 7 --sport 5602 --hold 4 --every 0.2 --timeout 6
	wait_for 15 grep -q "198.51.100.1 5602" "$WORK/held_tcp.log"
	run -0 probe gateway tcp 198.51.100.2 7 --sport 5602
	[[ "$output" == "198.51.100.1 "* && "$output" != "198.51.100.1 5602" ]]
	wait_for 15 gone held
	wait_for 15 gone held_tcp
	cat "$WORK/held.log"
	# The mapping served its owner to the end.
	! grep -v "198.51.100.1 5600" "$WORK/held.log" || false
	! grep -v "198.51.100.1 5602" "$WORK/held_tcp.log" || false
	(($(wc -l <"$WORK/held.log") >= 4 && $(wc -l <"$WORK/held_tcp.log") >= 4))
}

@test "an external address that goes under traffic ends its mappings, and new ones use what is there" {
	in_gateway sysctl -qw net.ipv4.conf.wan.promote_secondaries=1
	capture_start leaks server "$INTERNAL"
	for port in 5700 5701 5702 5703; do
		start "flow$port" client "$PYTHON" "$NET/probe.py" udp 198.51.100.2 7 --sport "$port" --hold 20 \
			--every 0.05 --timeout 5
	done
	wait_for 15 grep -q "198.51.100.1 5703" "$WORK/flow5703.log"
	ip -n "$NS-gateway" addr add 198.51.100.9/24 dev wan
	ip -n "$NS-gateway" addr del 198.51.100.1/24 dev wan
	moved() { keeps 5710 && [[ "$(probe client udp 198.51.100.2 7 --sport 5711)" == "198.51.100.9 "* ]]; }
	wait_for 20 moved
	run -0 control mappings
	[[ "$output" == *198.51.100.9* && "$output" != *198.51.100.1:* ]]
	# What was under way goes on by the new address: UDP needs no more than that.
	same_port() { [[ "$(probe client udp 198.51.100.2 7 --sport 5700)" == "198.51.100.9 "* ]]; }
	wait_for 20 same_port
	ip -n "$NS-gateway" addr add 198.51.100.1/24 dev wan
	ip -n "$NS-gateway" addr del 198.51.100.9/24 dev wan
	back() { [[ "$(probe client udp 198.51.100.2 7 --sport 5712)" == "198.51.100.1 "* ]]; }
	wait_for 20 back
	for port in 5700 5701 5702 5703; do
		stop "flow$port" || true
	done
	run -0 capture_count leaks
	[[ "$output" == 0 ]]
}

# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Namespaces for the tests, the demo and the benchmark.
#
#   client  10.0.0.10  fd00:0:0:1::10 ─┐
#                                      ├─ lan  gateway  wan ── server 198.51.100.2  2001:db8::2
#   client2 10.0.0.11  fd00:0:0:1::11 ─┘  10.0.0.1       198.51.100.1
#                                         fd00:0:0:1::1  2001:db8::1
#
# All names begin with $NS, all files lie in $WORK. Whoever sources this file calls
# topology_up and, in a trap or in teardown_file, topology_down. State is kept in files, since
# bats runs each test in a process of its own.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
SLUICED=$BUILD/sluiced
SLUICECTL=$BUILD/sluicectl
PYTHON=/usr/bin/python3 # Debian's, which has scapy
NET=$ROOT/tests/net
export ROOT BUILD SLUICED SLUICECTL PYTHON NET

# ------------------------------------------------------------- namespaces

# inside HOST COMMAND...: run in that host's network namespace; the pid is the command's.
inside() {
	local host=$1
	shift
	nsenter --net="/run/netns/$NS-$host" -- "$@"
}
in_client() { inside client "$@"; }
in_client2() { inside client2 "$@"; }
in_gateway() { inside gateway "$@"; }
in_server() { inside server "$@"; }

# wait_for SECONDS COMMAND...: until it succeeds; 1 when it does not in time. SECONDS are what it takes
# on a quiet machine at most; a busy one gets $PATIENCE times as many.
wait_for() {
	local end=$((${EPOCHREALTIME/./} + $1 * ${PATIENCE:-4} * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/./} < end)) || return 1
		sleep 0.02
	done
}

# start NAME HOST COMMAND...: in the background, output in $WORK/NAME.log, pid in $WORK/NAME.pid.
start() {
	local name=$1 host=$2
	shift 2
	# Descriptor 3 is how bats knows that a test has ended: children must not keep it.
	nsenter --net="/run/netns/$NS-$host" -- "$@" </dev/null >"$WORK/$name.log" 2>&1 3>&- &
	echo $! >"$WORK/$name.pid"
	disown
}

pid_of() { cat "$WORK/$1.pid" 2>/dev/null || true; }
running() { [[ -n "$(pid_of "$1")" ]] && kill -0 "$(pid_of "$1")" 2>/dev/null; }
# A process whose parent is a shell that is gone or not waiting may be dead and not yet reaped.
gone() { ! running "$1" || [[ "$(ps -o stat= -p "$(pid_of "$1")" 2>/dev/null)" == Z* ]]; }

# stop NAME [SIGNAL]: and wait for its end; killed after ten seconds.
stop() {
	local pid
	pid=$(pid_of "$1")
	[[ -n "$pid" ]] || return 0
	kill "-${2:-TERM}" "$pid" 2>/dev/null || true
	if ! wait_for 10 gone "$1"; then
		kill -KILL "$pid" 2>/dev/null
		wait_for 2 gone "$1"
		rm -f "$WORK/$1.pid"
		return 1
	fi
	rm -f "$WORK/$1.pid"
}

# cable HOST INTERFACE HOST INTERFACE
cable() {
	ip link add "$2" netns "$NS-$1" type veth peer name "$4" netns "$NS-$3"
	ip -n "$NS-$1" link set "$2" up
	ip -n "$NS-$3" link set "$4" up
}

client_addresses() {
	ip -n "$NS-$1" addr add "10.0.0.$2/24" dev eth0
	ip -n "$NS-$1" addr add "fd00:0:0:1::$2/64" dev eth0 nodad
	ip -n "$NS-$1" route add default via 10.0.0.1
	ip -n "$NS-$1" -6 route add default via fd00:0:0:1::1
}

# topology_up [direct]: with `direct` there is one client and no switch before the gateway.
topology_up() {
	local host hosts="client client2 switch gateway server"
	[[ "${1:-}" != direct ]] || hosts="client gateway server"
	: "${NS:=${NET_PREFIX:-slt$$}}"
	[[ -n "${WORK:-}" ]] || { WORK=$(mktemp -d "/tmp/$NS.XXXXXX") && chmod 755 "$WORK"; }
	export NS WORK
	for host in $hosts; do
		ip netns add "$NS-$host" || return 1
		ip -n "$NS-$host" link set lo up
		# Addresses serve at once, without a second of duplicate detection.
		inside "$host" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
	done
	echo "$hosts" >"$WORK/hosts.$NS"
	if [[ "${1:-}" == direct ]]; then
		cable client eth0 gateway lan
	else
		cable client eth0 switch port1
		cable client2 eth0 switch port2
		cable gateway lan switch port0
		ip -n "$NS-switch" link add bridge type bridge stp_state 0
		for port in port0 port1 port2; do
			ip -n "$NS-switch" link set "$port" master bridge
		done
		ip -n "$NS-switch" link set bridge up
		client_addresses client2 11
	fi
	client_addresses client 10
	cable gateway wan server eth0
	ip -n "$NS-gateway" addr add 10.0.0.1/24 dev lan
	ip -n "$NS-gateway" addr add fd00:0:0:1::1/64 dev lan nodad
	ip -n "$NS-gateway" addr add 198.51.100.1/24 dev wan
	ip -n "$NS-gateway" addr add 2001:db8::1/64 dev wan nodad
	ip -n "$NS-server" addr add 198.51.100.2/24 dev eth0
	ip -n "$NS-server" addr add 2001:db8::2/64 dev eth0 nodad
	# IPv6 is filtered, not translated. No route to 10.0.0.0/8: what leaks is not answered.
	ip -n "$NS-server" -6 route add fd00:0:0:1::/64 via 2001:db8::1
	in_gateway sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# Ends every process in the namespaces, which are ours alone, and then the namespaces.
topology_down() {
	local host pid
	[[ -n "${WORK:-}" && -f "$WORK/hosts.$NS" ]] || return 0
	for host in $(cat "$WORK/hosts.$NS"); do
		for pid in $(ip netns pids "$NS-$host" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null
		done
		ip netns del "$NS-$host" 2>/dev/null
	done
	rm -f "$WORK/hosts.$NS"
	[[ -n "${KEEP:-}" ]] || ls "$WORK"/hosts.* >/dev/null 2>&1 || rm -rf "$WORK"
	return 0
}

# -------------------------------------------------------------- gateways

# What a configuration of the tests begins with; more lines for the gateway block as arguments.
gateway_block() {
	printf 'gateway {\n\tsocket "%s" group "adm"\n\tstate none\n' "$WORK/control.sock"
	[[ -z "${GATEWAY_FASTPATH:-}" ]] || printf '\tfastpath %s\n' "$GATEWAY_FASTPATH"
	[[ $# -eq 0 ]] || printf '\t%s\n' "$@"
	printf '}\n\n'
}

# The ruleset most tests use: the lan may go out, what belongs to a session may come back.
rules_default() {
	cat <<-'RULES'
	table inet gateway {
		chain input {
			type filter hook input priority filter; policy drop;
			ct state established,related accept
			iifname "lan" accept
			meta l4proto ipv6-icmp accept
			ip protocol icmp icmp type echo-request accept
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

# rules_nat LINE...: the lan may go out, translated as these lines say.
rules_nat() {
	cat <<-'RULES'
	table inet gateway {
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			iifname "lan" oifname "wan" accept
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
	RULES
	printf '\t\t%s\n' "$@"
	printf '\t}\n}\n'
}

control() { "$SLUICECTL" -s "$WORK/control.sock" "$@"; }
# status JQ-EXPRESSION: one value of `sluicectl status -j`
status() { control -j status | jq -r "$1"; }

# gateway_launch [OPTION...]: sluiced with $WORK/sluice.conf, not waited for.
# NAME=VALUE, as the unit has it for the daemon.
unit_environment() { sed -n 's/^Environment=//p' "$ROOT/systemd/sluice.service"; }

gateway_launch() { start sluiced gateway "$SLUICED" -f "$WORK/sluice.conf" "$@"; }
gateway_ready() { running sluiced && control status; }

gateway_await() {
	wait_for 10 gateway_ready && return 0
	echo "sluiced did not come up:" >&2
	cat "$WORK/sluiced.log" >&2
	return 1
}

# gateway_start [OPTION...]: rules on stdin; returns when it serves.
gateway_start() {
	{ gateway_block; cat; } >"$WORK/sluice.conf"
	gateway_launch "$@"
	gateway_await
}

gateway_stop() { stop sluiced; }

# The same gateway by the kernel's own means: what sluice is compared with.
gateway_kernel() {
	rules_nat 'oifname "wan" ip saddr 10.0.0.0/24 masquerade' | in_gateway nft -f -
}

gateway_kernel_stop() { in_gateway nft delete table inet gateway; }

# --------------------------------------------------------------- servers

# nginx HOST...: /ip says who asks, everything else comes from $WORK/www.
nginx_start() {
	local host=$1
	mkdir -p "$WORK/www" "$WORK/nginx-$host"
	cat >"$WORK/nginx-$host.conf" <<-CONF
	daemon off;
	master_process off;
	pid $WORK/nginx-$host/pid;
	error_log $WORK/nginx-$host/error.log;
	events { worker_connections 512; }
	http {
		access_log off;
		sendfile on;
		client_body_temp_path $WORK/nginx-$host;
		proxy_temp_path $WORK/nginx-$host;
		fastcgi_temp_path $WORK/nginx-$host;
		uwsgi_temp_path $WORK/nginx-$host;
		scgi_temp_path $WORK/nginx-$host;
		server {
			listen 80;
			listen [::]:80;
			root $WORK/www;
			location = /ip { return 200 "\$remote_addr \$remote_port\n"; }
			location = /name { return 200 "$host\n"; }
		}
	}
	CONF
	start "nginx-$host" "$host" nginx -e "$WORK/nginx-$host/error.log" -c "$WORK/nginx-$host.conf"
	wait_for 5 inside "$host" curl -s -o /dev/null http://127.0.0.1/ip
}

# Answers on TCP and UDP port 7 with the address and port it was asked from.
responder_start() {
	start "responder-$1" "$1" "$PYTHON" "$NET/responder.py"
	wait_for 5 grep -q ready "$WORK/responder-$1.log"
}

# probe HOST ARGUMENTS...: see probe.py
probe() {
	local host=$1
	shift
	inside "$host" "$PYTHON" "$NET/probe.py" "$@"
}

# A connection of the client that asks again and again; the responder must be there.
held_start() {
	start held client "$PYTHON" "$NET/probe.py" tcp 198.51.100.2 7 --hold 60 --timeout 20
	wait_for 3 grep -q 198.51.100.1 "$WORK/held.log"
}

# The connection that held_start made goes on: the same external port, and answers.
held_goes_on() {
	local lines
	lines=$(wc -l <"$WORK/held.log")
	wait_for 8 eval "[[ \$(wc -l <'$WORK/held.log') -gt $((lines + 2)) ]]" || return 1
	[[ $(sort -u "$WORK/held.log" | wc -l) -eq 1 ]]
}

# fetch HOST URL [CURL-OPTION...]
fetch() {
	local host=$1
	shift
	inside "$host" curl -sS --max-time 10 --connect-timeout 5 -g "$@"
}

# For teardown(): what the daemon said, when the test failed.
explain() {
	[[ -z "${BATS_TEST_COMPLETED:-}" && -f "$WORK/sluiced.log" ]] || return 0
	echo "sluiced said:"
	tail -n 15 "$WORK/sluiced.log"
}

# What of sluice is in the gateway's kernel: tables, and queues that somebody listens to.
kernel_state() {
	in_gateway nft list ruleset 2>&1
	in_gateway cat /proc/net/netfilter/nfnetlink_queue
}

# ---------------------------------------------------------------- capture

# An internal address in the header, or quoted in an ICMP error.
INTERNAL='(ip and (net 10.0.0.0/24 or (icmp[0] != 0 and icmp[0] != 8 and
	(icmp[20:4] & 0xffffff00 = 0x0a000000 or icmp[24:4] & 0xffffff00 = 0x0a000000))))'
export INTERNAL

# capture_start NAME HOST [FILTER]: on eth0, into $WORK/NAME.pcap
capture_start() {
	start "$1" "$2" tcpdump -i eth0 -n -U --immediate-mode -s 256 -B 8192 -w "$WORK/$1.pcap" "${3:-}"
	wait_for 5 grep -q 'listening on' "$WORK/$1.log"
}

# captured NAME NUMBER: so many packets were seen, soon
captured() { wait_for 2 eval "(( \$(tcpdump -n -r '$WORK/$1.pcap' 2>/dev/null | wc -l) >= $2 ))"; }

# capture_count NAME [FILTER]: ends the capture and says how many packets match.
capture_count() {
	stop "$1" INT
	tcpdump -n -r "$WORK/$1.pcap" ${2:+"$2"} 2>/dev/null | wc -l
}

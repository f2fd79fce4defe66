# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What happens to the gateway of the soak, a function each. It succeeds when the gateway did what it should;
# otherwise the last line of $WORK/why says what was wrong. Sourced by tests/soak/run.

# To the process; and to all else.
ENDINGS=(kill_daemon stop_daemon replace_daemon suspend_daemon)
EVENTS=(reload_same reload_other reload_broken flood_syn flood_udp address_away address_other link_down
	bulk_out bulk_in clients_good clients_rude sessions_deleted)

now() { printf '%s' "${EPOCHREALTIME%???}"; }

why() { echo "$*" >>"$WORK/why"; }

# window COMMAND...: while it runs, and shortly after, exchanges may fail: their sessions are taken from them.
window() {
	local began
	began=$(now)
	"$@"
	local code=$?
	echo "$began $(now)" >>"$WORK/windows"
	return $code
}

# ------------------------------------------------------------ configuration

# configure 1|2: two configurations that both let all the traffic pass.
configure() {
	{
		gateway_block 'capacity 65536' 'sessions-per-source 3000' 'port-hold 1s' 'timeout tcp syn-sent 8s' \
			'timeout tcp syn-received 8s' "timeout tcp established $((40 + $1))s" 'timeout tcp fin-wait 8s' \
			'timeout tcp close-wait 8s' 'timeout tcp last-ack 8s' 'timeout tcp time-wait 4s' 'timeout tcp close 4s' \
			'timeout tcp unacknowledged 30s' 'timeout tcp retransmitting 30s' 'timeout udp unreplied 5s' \
			"timeout udp stream $((8 + $1))s" 'timeout icmp 6s' 'timeout generic 8s' | sed "s|state none|state \"$WORK/state/sessions\"|"
		rules "$1"
	} >"$WORK/sluice.conf.new"
	mv "$WORK/sluice.conf.new" "$WORK/sluice.conf"
}

rules() {
	cat <<-RULES
	table inet gateway {
		set quiet { type ipv4_addr; elements = { 192.0.2.$1, 203.0.113.$1 } }
		chain input {
			type filter hook input priority filter; policy drop;
			ct state established,related accept
			iifname "lan" accept
			meta l4proto ipv6-icmp accept
			ip protocol icmp icmp type echo-request accept
		}
		chain forward {
			type filter hook forward priority filter; policy drop;
			tcp flags syn tcp option maxseg size set rt mtu
			ct state vmap { established : accept, related : accept, invalid : drop }
			ip daddr @quiet drop
			$([[ $1 -eq 1 ]] || printf 'udp dport 1-6 counter reject')
			iifname "lan" accept
			iifname "wan" oifname "lan" ip daddr 10.0.0.10 tcp dport 7 accept
		}
		chain prerouting {
			type nat hook prerouting priority dstnat;
			ip daddr 198.51.100.1 tcp dport 8080 dnat ip to 10.0.0.10:7
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname "wan" ip saddr 10.0.0.0/24 masquerade$([[ $1 -eq 1 ]] || printf ' random')
			oifname "lan" ip saddr 10.0.0.0/24 ip daddr 10.0.0.10 masquerade
		}
	}
	RULES
}

generation() { status .generation; }

# reload OLD: and see that another generation is in force.
reload_done() {
	wait_for 15 eval "[[ \$(generation) -gt $1 ]]" || { why "no new generation"; return 1; }
}

reload_same() {
	local old
	old=$(generation)
	kill -HUP "$(pid_of sluiced)"
	reload_done "$old"
}

reload_other() {
	local old
	old=$(generation)
	CHOSEN=$((3 - ${CHOSEN:-1}))
	configure "$CHOSEN"
	control reload >/dev/null || { why "reload was refused"; return 1; }
	reload_done "$old"
}

# The old one stays in force, and the client is told where the mistake is.
reload_broken() {
	local old code=0
	old=$(generation)
	sed -i 's/policy drop;/policy perhaps;/' "$WORK/sluice.conf"
	if control reload >"$WORK/refused" 2>&1; then
		why "a broken configuration was taken"
		code=1
	elif ! grep -qE 'sluice.conf:[0-9]+:[0-9]+: error' "$WORK/refused"; then
		why "the refusal names no place: $(head -n 1 "$WORK/refused")"
		code=1
	fi
	[[ $(generation) -eq $old ]] || { why "the generation changed"; code=1; }
	configure "${CHOSEN:-1}"
	return $code
}

# ------------------------------------------------------------------ process

daemon_start() {
	gateway_launch
	wait_for 30 gateway_ready || { why "it did not start: $(tail -n 1 "$WORK/sluiced.log")"; return 1; }
	started=$((${started:-0} + 1))
}

# daemon_stop SIGNAL: what it said is kept, and how it ended is looked at.
daemon_stop() {
	local pid
	pid=$(pid_of sluiced)
	control -j status >"$WORK/status.$pid" 2>/dev/null
	kill "-$1" "$pid"
	wait_for 30 gone sluiced || { why "it did not end"; return 1; }
	cat "$WORK/sluiced.log" >>"$OUT/log"
}

kill_daemon() { daemon_stop KILL && daemon_start && sessions_go_on; }
# From the clean end of one to the start of the next this is a router without translation.
stop_daemon() { window restarted && sessions_go_on; }
restarted() { daemon_stop TERM && daemon_start; }
replace_daemon() { daemon_stop USR1 && daemon_start && sessions_go_on; }

# There are always some: those that speak all the time.
sessions_go_on() {
	grep -qE '[1-9][0-9]* sessions go on, 0 are lost' "$WORK/sluiced.log" && return 0
	why "sessions were lost: $(grep sessions "$WORK/sluiced.log")"
	return 1
}

suspend_daemon() {
	kill -STOP "$(pid_of sluiced)"
	sleep 1.5
	kill -CONT "$(pid_of sluiced)"
}

# ------------------------------------------------------------------ traffic

served() { fetch client --max-time 20 http://198.51.100.2/ip >/dev/null 2>>"$WORK/why"; }

flood_syn() { in_client2 "$PYTHON" "$HERE/traffic.py" flood syn 10.0.0.77 198.51.100.2 81 "${SYN_COUNT:-4000}"; }
flood_udp() { in_client2 "$PYTHON" "$HERE/traffic.py" flood udp 10.0.0.78 198.51.100.2 9 3000; }

# bulk NAME OPTION...: two seconds of it, within what leaves others something.
bulk() {
	inside client timeout 40 iperf3 -c 198.51.100.2 -t 2 -b 400M -J "$@" >"$WORK/bulk.json" 2>&1
	jq -e '.error == null and .end.sum_received.bytes > 1000000' "$WORK/bulk.json" >/dev/null && return 0
	why "iperf3 $*: $(jq -r .error "$WORK/bulk.json")"
	return 1
}
bulk_out() { bulk; }
bulk_in() { bulk -R -P 4; }

# ------------------------------------------------------------------ network

address_away() { window away 198.51.100.9; }
address_other() { window away; }

# away [OTHER]: the outside address goes, and comes back; meanwhile there is another, or none.
away() {
	ip -n "$NS-gateway" addr del 198.51.100.1/24 dev wan
	[[ $# -eq 0 ]] || ip -n "$NS-gateway" addr add "$1/24" dev wan
	sleep 1
	[[ $# -eq 0 ]] || served || return 1
	[[ $# -eq 0 ]] || ip -n "$NS-gateway" addr del "$1/24" dev wan
	ip -n "$NS-gateway" addr add 198.51.100.1/24 dev wan
	wait_for 20 served
}

link_down() { window down; }
down() {
	ip -n "$NS-gateway" link set wan down
	sleep 0.5
	ip -n "$NS-gateway" link set wan up
	ip -n "$NS-gateway" -6 addr replace 2001:db8::1/64 dev wan nodad
	wait_for 20 served
}

# ------------------------------------------------------------------ clients

clients_good() {
	local verb
	for verb in status sessions mappings pools sources destinations rules diagnose; do
		control -j $verb 2>>"$WORK/why" | jq -e . >/dev/null || { why "$verb -j"; return 1; }
		control $verb >/dev/null 2>>"$WORK/why" || { why "$verb"; return 1; }
	done
	control why tcp 10.0.0.10:40000 198.51.100.2:80 iif lan >/dev/null 2>>"$WORK/why" || return 1
	control metrics | grep -q '^sluice_sessions ' || { why metrics; return 1; }
	timeout 2 "$SLUICECTL" -s "$WORK/control.sock" events >/dev/null 2>&1
	return 0
}

clients_rude() {
	"$PYTHON" "$HERE/rude.py" "$WORK/control.sock" "$RANDOM" &
	local rude=$!
	served || { why "not served while clients are rude"; return 1; }
	wait $rude
	control status >/dev/null || { why "no answer after rude clients"; return 1; }
}

sessions_deleted() { window deleted; }
deleted() {
	control delete -s 10.0.0.11 >/dev/null 2>>"$WORK/why" || { why "delete"; return 1; }
	wait_for 20 served
}

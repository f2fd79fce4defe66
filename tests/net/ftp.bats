#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# FTP with a real server and curl: active and passive, old commands and new, through a
# masquerading gateway, through a port forward, and over IPv6.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

# ftp_start HOST ADDRESS: serves $WORK/ftp-HOST
ftp_start() {
	mkdir -p "$WORK/ftp-$1"
	printf 'from %s\n' "$1" >"$WORK/ftp-$1/name"
	head -c 300000 /dev/urandom >"$WORK/ftp-$1/big"
	chmod -R a+rwX "$WORK/ftp-$1"
	start "ftp-$1-$2" "$1" "$PYTHON" "$NET/ftp_server.py" "$WORK/ftp-$1" "$2"
	wait_for 10 grep -q ready "$WORK/ftp-$1-$2.log"
}

# Data connections have no rule of their own: only `related` lets them through.
rules() {
	cat <<-'RULES'
	table inet gateway {
		ct helper ftp { type "ftp" protocol tcp; }
		chain helpers {
			type filter hook prerouting priority filter;
			tcp dport 21 ct helper set "ftp"
		}
		chain forward {
			type filter hook forward priority filter; policy drop;
			ct state vmap { established : accept, related : accept, invalid : drop }
			tcp dport 21 accept
		}
		chain prerouting {
			type nat hook prerouting priority dstnat;
			ip daddr 198.51.100.1 tcp dport 21 dnat ip to 10.0.0.10
		}
		chain postrouting {
			type nat hook postrouting priority srcnat;
			oifname "wan" ip saddr 10.0.0.0/24 masquerade
		}
	}
	RULES
}

# Other rules on stdin.
gateway_reload() {
	{ gateway_block; cat; } >"$WORK/sluice.conf"
	control reload
}

setup_file() {
	topology_up
	ftp_start server 198.51.100.2
	ftp_start server 2001:db8::2
	ftp_start client 10.0.0.10
	rules | gateway_start
}

teardown_file() { topology_down; }
teardown() { explain; }

# ftp HOST SERVER OPTION...: the small file, the large one, and one sent.
ftp() {
	local host=$1 server=$2
	shift 2
	fetch "$host" "$@" "ftp://$server/name" "ftp://$server/big" -o "$WORK/name" -o "$WORK/big" || return 1
	cat "$WORK/name"
	cmp "$WORK/big" "$WORK/ftp-${SERVED:-server}/big" || return 1
	fetch "$host" "$@" -T "$WORK/ftp-${SERVED:-server}/big" "ftp://$server/sent-$$" || return 1
	cmp "$WORK/ftp-${SERVED:-server}/sent-$$" "$WORK/ftp-${SERVED:-server}/big"
	rm -f "$WORK/ftp-${SERVED:-server}/sent-$$"
}

@test "FTP through masquerade: active with PORT" {
	run -0 ftp client2 198.51.100.2 --ftp-port - --disable-eprt
	[[ "$output" == "from server" ]]
}

@test "FTP through masquerade: active with EPRT" {
	run -0 ftp client2 198.51.100.2 --ftp-port -
	[[ "$output" == "from server" ]]
}

@test "FTP through masquerade: passive with PASV" {
	run -0 ftp client2 198.51.100.2 --ftp-pasv --disable-epsv
	[[ "$output" == "from server" ]]
}

@test "FTP through masquerade: passive with EPSV" {
	run -0 ftp client2 198.51.100.2
	[[ "$output" == "from server" ]]
}

@test "FTP to a forwarded server: passive with PASV, curl goes where the reply says" {
	SERVED=client run -0 ftp server 198.51.100.1 --ftp-pasv --disable-epsv --no-ftp-skip-pasv-ip
	[[ "$output" == "from client" ]]
}

@test "FTP to a forwarded server: passive with EPSV" {
	SERVED=client run -0 ftp server 198.51.100.1
	[[ "$output" == "from client" ]]
}

@test "FTP to a forwarded server: active with PORT and EPRT" {
	SERVED=client run -0 ftp server 198.51.100.1 --ftp-port - --disable-eprt
	SERVED=client run -0 ftp server 198.51.100.1 --ftp-port -
	[[ "$output" == "from client" ]]
}

@test "FTP to a forwarded server from beside it (hairpin)" {
	SERVED=client run -0 ftp client2 198.51.100.1 --ftp-pasv --disable-epsv --no-ftp-skip-pasv-ip
	[[ "$output" == "from client" ]]
}

@test "FTP over IPv6, untranslated: active and passive" {
	run -0 ftp client2 '[2001:db8::2]' --ftp-port -
	[[ "$output" == "from server" ]]
	run -0 ftp client2 '[2001:db8::2]'
	[[ "$output" == "from server" ]]
}

@test "FTP twice over one control connection: each announcement on top of the last" {
	run -0 fetch client2 --ftp-port - --disable-eprt ftp://198.51.100.2/name ftp://198.51.100.2/name \
		ftp://198.51.100.2/name ftp://198.51.100.2/name ftp://198.51.100.2/name ftp://198.51.100.2/name
	[[ $(grep -c 'from server' <<<"$output") -eq 6 ]]
}

@test "FTP leaves no inside address on the outside" {
	capture_start outside server
	ftp client2 198.51.100.2 --ftp-port - --disable-eprt >/dev/null
	ftp client2 198.51.100.2 --ftp-port - >/dev/null
	stop outside INT
	run -0 tcpdump -n -A -r "$WORK/outside.pcap" 'tcp port 21'
	[[ "$output" == *"PORT 198,51,100,1,"* ]]
	[[ "$output" == *"EPRT |1|198.51.100.1|"* ]]
	[[ "$output" != *"10,0,0,"* && "$output" != *"10.0.0."* ]]
}

@test "FTP without a helper: active fails, as it must" {
	rules | sed '/ct helper/d' | gateway_reload
	run ! fetch client2 --ftp-port - --disable-eprt --max-time 3 ftp://198.51.100.2/name
	run ! fetch client2 --max-time 3 ftp://198.51.100.2/name
	rules | gateway_reload
	run -0 fetch client2 ftp://198.51.100.2/name
}

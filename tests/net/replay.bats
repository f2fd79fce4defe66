#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# sluiced --replay: captures through the engine, the same each time, without any right.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

LINKS=(--replay-link "lan=10.0.0.1/24" --replay-link "wan=198.51.100.1/24")

setup_file() {
	"$PYTHON" "$ROOT/tests/replay/captures.py" "$BATS_FILE_TMPDIR" 2>"$BATS_FILE_TMPDIR/scapy.log" || {
		cat "$BATS_FILE_TMPDIR/scapy.log"
		return 1
	}
	cat >"$BATS_FILE_TMPDIR/gw.conf" <<-'EOF'
		table inet gateway {
			chain forward {
				type filter hook forward priority filter; policy drop;
				ct state vmap { established : accept, related : accept, invalid : drop }
				ct status dnat accept
				iifname "lan" tcp dport 25 reject with tcp reset
				iifname "lan" oifname "wan" accept
			}
			chain input {
				type filter hook input priority filter; policy drop;
			}
			chain prerouting {
				type nat hook prerouting priority dstnat;
				ip daddr 198.51.100.1 tcp dport 80 dnat ip to 10.0.0.10:8080
			}
			chain postrouting {
				type nat hook postrouting priority srcnat;
				ip saddr 10.0.0.0/24 oifname "wan" masquerade
			}
		}
	EOF
	cat >"$BATS_FILE_TMPDIR/expected" <<-'EOF'
		0.000000 udp 10.0.0.2:4000 203.0.113.9:53 accept none gw.conf:7 198.51.100.1:4000 203.0.113.9:53
		0.250000 udp 203.0.113.9:53 198.51.100.1:4000 accept none - 203.0.113.9:53 10.0.0.2:4000
		0.500000 udp 203.0.113.77:53 198.51.100.1:4000 drop filtered - - -
		1.000000 tcp 10.0.0.2:5000 203.0.113.9:25 drop rejected gw.conf:6 - - answer tcp 203.0.113.9:25 10.0.0.2:5000
		1.500000 tcp 203.0.113.9:5000 198.51.100.1:80 accept none gw.conf:5 203.0.113.9:5000 10.0.0.10:8080
		2.000000 icmp/3/1 192.0.2.7 198.51.100.1 accept none gw.conf:4 192.0.2.7 10.0.0.2 quoting udp 10.0.0.2:4000 203.0.113.9:53
		3.000000 icmp/8/0 10.0.0.2:7 203.0.113.9 accept none gw.conf:7 198.51.100.1:7 203.0.113.9
		4.000000 udp 10.0.0.2:1 203.0.113.9:2 drop ttl-exceeded - - -
		5.000000 udp [fd00::2]:1 [2001:db8:9::9]:53 drop policy - - -
		6.000000 udp 198.51.100.1:123 203.0.113.9:123 accept none - - -
		300.125000 udp 203.0.113.9:53 198.51.100.1:4000 accept none - 203.0.113.9:53 10.0.0.2:4000
		600.250000 udp 203.0.113.9:53 198.51.100.1:4000 drop policy - - -
	EOF
}

setup() { cd "$BATS_FILE_TMPDIR"; }

# replay CAPTURE [OPTION...]: what it prints, without the summary.
replay() {
	local capture=$1
	shift
	"$SLUICED" -f gw.conf --replay "$capture" "${LINKS[@]}" "$@" 2>summary
}

# fails PATTERN OPTION...: exit 1, and that on standard error.
fails() {
	local pattern=$1
	shift
	run --separate-stderr "$SLUICED" -f gw.conf "$@"
	echo "exit $status: $stderr"
	[[ $status -eq 1 ]]
	grep -qE "$pattern" <<<"$stderr"
}

@test "one line for each packet: time, tuple, verdict, reason, rule, what left" {
	replay ethernet.pcap >got
	diff -u expected got
	grep -q "12 frames: 7 accepted, 5 dropped, 0 without IP; " summary
}

@test "every link type reads the same" {
	for type in vlan qinq raw sll sll2 null; do
		echo "$type"
		replay $type.pcap >got
		diff -u expected got
	done
}

@test "pcapng, and a capture on standard input" {
	replay ethernet.pcapng >got
	diff -u expected got
	replay - <raw.pcap >got
	diff -u expected got
}

@test "nobody may do it, and nothing needs a network" {
	chmod 755 . && chmod 644 gw.conf raw.pcap
	run --separate-stderr unshare --net setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all \
		"$SLUICED" -f gw.conf --replay raw.pcap "${LINKS[@]}"
	[[ $status -eq 0 ]]
	diff -u expected <(echo "$output")
}

@test "--replay-out holds what would have left" {
	replay ethernet.pcap --replay-out left.pcap >/dev/null
	tcpdump -nn -r left.pcap 2>/dev/null | sed -E 's/^([^ ]+ )IP ([^:]*):.*/\2/' >left
	diff -u - left <<-'EOF'
		198.51.100.1.4000 > 203.0.113.9.53
		203.0.113.9.53 > 10.0.0.2.4000
		203.0.113.9.25 > 10.0.0.2.5000
		203.0.113.9.5000 > 10.0.0.10.8080
		192.0.2.7 > 10.0.0.2
		198.51.100.1 > 203.0.113.9
		198.51.100.1.123 > 203.0.113.9.123
		203.0.113.9.53 > 10.0.0.2.4000
	EOF
	# Nothing inside a packet is left wrong, and time is the capture's.
	run -0 tcpdump -nnv -r left.pcap
	run ! grep -iE 'bad (udp|cksum)|incorrect|wrong' <<<"$output"
	[[ $(tcpdump -tt -nn -r left.pcap 2>/dev/null | tail -1) == 1700000300.125* ]]
}

@test "packets that the capture cut short are judged by what is there" {
	[[ $(replay cut.pcap --replay-out left.pcap) == *" accept none gw.conf:7 198.51.100.1:6000 203.0.113.9:443" ]]
	tcpdump -nn -r left.pcap 2>/dev/null | grep -q '198.51.100.1.6000 > 203.0.113.9.443: Flags \[S\]'
}

@test "checksums that hardware was to finish are told from wrong ones" {
	replay unfinished.pcap >got
	[[ $(sed -n 1p got) == *" accept none "* ]]
	[[ $(sed -n 2p got) == *" drop bad-l4-checksum "* ]]
}

@test "frames without IP have a line too" {
	replay foreign.pcap >got
	[[ $(cat got) == $'0.000000 - - - skip no-ip - - -\n1.000000 - - - skip no-ip - - -' ]]
	grep -q "2 without IP" summary
}

@test "without --replay-link, by this machine's interfaces" {
	run --separate-stderr unshare --net "$SLUICED" -f gw.conf --replay raw.pcap
	[[ $status -eq 0 && ${#lines[@]} -eq 12 ]]
	run --separate-stderr unshare --net sh -c "
		ip link add lan type veth peer name wan && ip addr add 10.0.0.1/24 dev lan &&
		ip addr add 198.51.100.1/24 dev wan && ip link set lan up && ip link set wan up &&
		ip route add default via 198.51.100.9 &&
		exec '$SLUICED' -f gw.conf --replay raw.pcap"
	[[ $status -eq 0 ]]
	diff -u expected <(echo "$output")
}

@test "what cannot be read is told, with exit 1" {
	fails 'missing.pcap' --replay missing.pcap "${LINKS[@]}"
	fails 'gw.conf: unknown file format' --replay gw.conf "${LINKS[@]}"
	fails 'x.conf' -f x.conf --replay raw.pcap "${LINKS[@]}"
	fails "'lan' is not NAME=" --replay raw.pcap --replay-link lan
	fails "'10.0.0.1' is not ADDRESS" --replay raw.pcap --replay-link lan=10.0.0.1
	fails "'10.0.0.1/33' is not" --replay raw.pcap --replay-link lan=10.0.0.1/33
	fails 'cannot|No such' --replay raw.pcap "${LINKS[@]}" --replay-out missing/left.pcap
	fails 'torn.pcap: truncated' --replay torn.pcap "${LINKS[@]}"
	[[ ${#lines[@]} -eq 11 ]]
}

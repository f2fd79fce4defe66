# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Two topologies that are equal but for their gateway: one's rules are in the kernel, the other's in
# sluiced. For what is in them see compare.py.

DIFFERENTIAL=$NET/differential

# use kernel|sluice: the gateway that the following commands speak of.
use() {
	NS=$PAIR${1:0:1}
	WORK=$DIRECTORY/$1
}

pair_up() {
	local side
	PAIR=${NET_PREFIX:-slt$$}d
	DIRECTORY=$(mktemp -d "/tmp/$PAIR.XXXXXX")
	chmod 755 "$DIRECTORY"
	export PAIR DIRECTORY
	for side in kernel sluice; do
		use $side
		mkdir -p "$WORK"
		chmod 755 "$WORK"
		topology_up direct || return 1
		prepare || return 1
	done
}

pair_down() {
	local side
	for side in kernel sluice; do
		use $side
		topology_down
	done
	[[ -n "${KEEP:-}" ]] || rm -rf "$DIRECTORY"
}

mac_of() { ip -j -n "$NS-$1" link show "$2" | jq -r '.[0].address'; }

# Neighbours are known once and for all, so that nothing but the rules decides; networks lie behind
# both ends, for whom compare.py answers; whatever a host would say of its own accord is kept still.
prepare() {
	local host end mac
	for end in "client lan 10.0.0.10 fd00:0:0:1::10" "server wan 198.51.100.2 2001:db8::2"; do
		set -- $end
		for host in "$1 eth0" "gateway $2"; do
			inside "${host% *}" ethtool -K "${host#* }" tx off tso off gso off gro off >/dev/null 2>&1
		done
		mac=$(mac_of "$1" eth0)
		ip -n "$NS-gateway" neigh replace "$3" lladdr "$mac" nud permanent dev "$2"
		ip -n "$NS-gateway" neigh replace "$4" lladdr "$mac" nud permanent dev "$2"
		mac=$(mac_of gateway "$2")
		for host in 10.0.0.1 fd00:0:0:1::1 198.51.100.1 2001:db8::1; do
			ip -n "$NS-$1" neigh replace "$host" lladdr "$mac" nud permanent dev eth0
		done
		inside "$1" sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
	done
	ip -n "$NS-gateway" route add 10.0.0.16/28 via 10.0.0.10
	ip -n "$NS-gateway" route add 198.51.100.16/28 via 198.51.100.2
	ip -n "$NS-gateway" route add default via 198.51.100.2
	ip -n "$NS-gateway" route add fd00:0:0:1:1::/80 via fd00:0:0:1::10
	ip -n "$NS-gateway" route add 2001:db8:0:0:1::/80 via 2001:db8::2
	ip -n "$NS-gateway" route add default via 2001:db8::2
	ip -n "$NS-server" route add 10.0.0.0/24 via 198.51.100.1
	in_gateway sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 \
		net.ipv4.icmp_msgs_per_sec=1000000 net.ipv4.icmp_msgs_burst=10000 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lan.rp_filter=0 net.ipv4.conf.wan.rp_filter=0 \
		net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.lan.send_redirects=0 net.ipv4.conf.wan.send_redirects=0
}

# What a ruleset asks of the gateway, `add` or `del`: routes, addresses and interface groups.
#	# route: PREFIX lan|wan	# address: ADDRESS/LENGTH lan|wan	# group: lan|wan NUMBER
furnish() {
	local what first second via
	while read -r what first second; do
		case $what in
		route:)
			via="10.0.0.10 198.51.100.2"
			[[ "$first" != *:* ]] || via="fd00:0:0:1::10 2001:db8::2"
			[[ "$second" == wan ]] && via=${via#* } || via=${via% *}
			ip -n "$NS-gateway" route "$1" "$first" via "$via"
			;;
		address:) ip -n "$NS-gateway" addr "$1" "$first" dev "$second" $([[ $1 == add && $first == *:* ]] && echo nodad) ;;
		group:) ip -n "$NS-gateway" link set "$first" group "$([[ $1 == add ]] && echo "$second" || echo 0)" ;;
		esac
	done < <(sed -n 's/^# \(\(route\|address\|group\): .*\)/\1/p' "$2")
}

# load_kernel FILE: into the kernel of the gateway that is in use.
load_kernel() {
	in_gateway nft flush ruleset
	in_gateway nft -f "$1" && in_gateway conntrack -F 2>/dev/null
}

# load_sluice FILE: sessions, limits and counters start from nothing. The kernel's mapping and
# filtering are those that RFC 4787 calls address and port dependent.
load_sluice() {
	gateway_stop || true
	{
		gateway_block "martians pass" "mapping address-and-port-dependent" "filtering address-and-port-dependent"
		cat "$1"
	} >"$WORK/sluice.conf"
	gateway_launch && gateway_await
}

# compare FILE [OPTION...]: the two gateways as they are loaded.
compare() {
	local file=$1
	shift
	"$PYTHON" "$DIFFERENTIAL/compare.py" --left "${PAIR}k" --right "${PAIR}s" --ruleset "$file" \
		--used "$DIRECTORY/used" "$@"
}

# side_by_side FILE: with another, more patient look when there seems to be a difference.
side_by_side() {
	local file=$1 side status quiet
	for side in kernel sluice; do
		use $side
		furnish add "$file"
	done
	for quiet in 0.025 0.3; do
		use kernel
		load_kernel "$file" || { status=2; break; }
		use sluice
		load_sluice "$file" || { status=2; break; }
		compare "$file" --quiet $quiet >"$DIRECTORY/report" && status=0 || status=$?
		[[ $status -eq 1 ]] || break
	done
	[[ $status -eq 2 ]] || cat "$DIRECTORY/report"
	use sluice
	gateway_stop
	for side in kernel sluice; do
		use $side
		furnish del "$file"
	done
	return $status
}

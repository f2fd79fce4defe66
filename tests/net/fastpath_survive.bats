#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the kernel forwards goes on without a daemon, and the next one takes it over, or clears it.
bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"
source "$BATS_TEST_DIRNAME/survival.sh"

MODE=tcx

# leads_to INTERFACE: the index of that by which the one flow leaves whose packets come in there. In the key the index
# stands above the protocol, in the value behind the slot.
leads_to() {
	local byte
	byte=$(ip -n "$NS-gateway" -j link show "$1" | jq -r '.[0].ifindex' | xargs printf '0x%02x')
	among gateway bpftool -j map dump pinned "$PINS/flows4" |
		jq -r --arg byte "$byte" '.[] | select(.key[13] == $byte) | .value[4]' | xargs printf '%d\n'
}

@test "killed for five seconds: what is established flows on, and is known to the last packet afterwards" { case_killed; }

@test "replaced by SIGUSR1 again and again, nothing is lost; stopped, nothing is left" { case_replaced; }

@test "after a reload it is taken over, after another configuration it is not" { case_configuration; }

@test "another capacity, no state file, or no fast path: nothing of before forwards" { case_other_start; }

@test "sessions that the state file has lost go from the kernel before the first packet" { case_state_lost; }

@test "a session that one of the maps has lost comes back whole" { case_element_lost; }

@test "a route that changed meanwhile is taken" { case_route; }

@test "a route that leads out elsewhere now is taken, and no third element is left behind" {
	cable gateway wan2 server eth1
	ip -n "$NS-gateway" addr add 203.0.113.1/24 dev wan2
	ip -n "$NS-server" addr add 203.0.113.2/24 dev eth1
	gateway_stop
	go_on
	stream_start 41062 3000
	kill_daemon
	ip -n "$NS-gateway" route add 198.51.100.2/32 via 203.0.113.2 dev wan2
	go_on
	grep 'sessions went on in the kernel; 0' "$WORK/sluiced.log"
	wait_for 10 lent 41062
	[[ "$(leads_to lan)" == "$(ip -n "$NS-gateway" -j link show wan2 | jq '.[0].ifindex')" ]]
	[[ $(among gateway bpftool -j map dump pinned "$PINS/flows4" | jq length) == 2 ]]
	ip -n "$NS-gateway" link del wan2
}

@test "what is attached stays attached: its links are those of before" {
	links() { among gateway bash -c "for link in $PINS/link-*; do bpftool -j link show pinned \$link | jq .id; done"; }
	stream_start 41068 3000
	local before
	before=$(links)
	[[ $(wc -l <<<"$before") == 2 ]]
	kill_daemon
	go_on
	[[ "$(links)" == "$before" ]]
}

@test "an element that leads elsewhere than its session is nobody's" {
	stream_start 41064 3000
	kill_daemon
	# The last byte of the destination, behind struct flow and the source.
	among gateway bash -c "bpftool -j map dump pinned $PINS/flows4 |
		jq -r '.[] | select(.value[28] == \"0x0a\") | (.key | join(\" \")) + \" value \" + (.value[31] = \"0x0b\" | .value | join(\" \"))' |
		xargs bpftool map update pinned $PINS/flows4 key"
	go_on
	grep 'sessions went on in the kernel; 1 of its entries were nobody' "$WORK/sluiced.log"
	lent 41064
	run -0 among gateway bpftool -j map dump pinned "$PINS/flows4"
	[[ $(jq '[.[] | select(.value[28:32] == ["0x0a", "0x00", "0x00", "0x0a"])] | length' <<<"$output") == 1 ]]
}

@test "the maps of another program are not taken over" {
	echo '__attribute__((section("tc"))) int other(void *skb) { return skb ? -1 : 0; }' |
		clang -target bpf -O2 -x c -c -o "$WORK/other.o" - || skip "no clang here"
	stream_start 41066 3000
	kill_daemon
	among gateway rm "$PINS/program"
	among gateway bpftool prog load "$WORK/other.o" "$PINS/program" type classifier
	go_on
	run ! grep -q 'sessions went on in the kernel' "$WORK/sluiced.log"
	wait_for 10 lent 41066
}

@test "an address that went meanwhile: cleared" {
	ip -n "$NS-gateway" addr add 198.51.100.9/24 dev wan
	stream_start 41070 3000
	kill_daemon
	ip -n "$NS-gateway" addr del 198.51.100.9/24 dev wan
	go_on
	run ! grep -q 'sessions went on in the kernel' "$WORK/sluiced.log"
}

@test "what others put into the directory is not believed, and what cannot be removed is left alone" {
	stream_start 41080 3000
	kill_daemon
	among gateway bash -c "rm $PINS/flows4; bpftool map create $PINS/flows4 type hash key 8 value 8 entries 8 name foreign"
	go_on
	run ! grep -q 'sessions went on in the kernel' "$WORK/sluiced.log"
	wait_for 10 lent 41080
	kill_daemon
	among gateway bash -c "rm $PINS/flows4; mkdir $PINS/flows4"
	go_on
	grep -q 'established sessions rest while no daemon runs: nothing can be pinned' "$WORK/sluiced.log"
	wait_for 10 lent 41080
	gateway_stop
	[[ "$(pins)" == flows4 ]]
	among gateway rmdir "$PINS/flows4"
	among gateway chmod 777 "$PINS"
	go_on
	grep -q 'established sessions rest while no daemon runs: others may write to' "$WORK/sluiced.log"
	gateway_stop
	among gateway rmdir "$PINS"
}

@test "without a BPF file system one line says so" {
	gateway_stop
	rm -f "$STATE"
	start sluiced gateway unshare --mount bash -c "umount -l /sys/fs/bpf 2>/dev/null; exec '$SLUICED' -f '$WORK/sluice.conf'"
	gateway_await
	[[ $(grep -c 'no BPF file system at /sys/fs/bpf' "$WORK/sluiced.log") == 1 ]]
	[[ $(status .fastpath.mode) == tcx ]]
}

@test "two daemons in two network namespaces keep apart" {
	stream_start 41090 3000
	sed "s|$WORK/control.sock|$WORK/other.sock|; s|$STATE|$WORK/state/other|" "$WORK/sluice.conf" >"$WORK/other.conf"
	start other client2 nsenter --mount="/proc/$(pid_of mounts)/ns/mnt" -- "$SLUICED" -f "$WORK/other.conf"
	wait_for 10 "$SLUICECTL" -s "$WORK/other.sock" status
	[[ $(among gateway ls /sys/fs/bpf/sluice | wc -l) == 2 ]]
	kill_daemon
	stop other
	[[ $(among gateway ls /sys/fs/bpf/sluice | wc -l) == 1 ]]
	go_on
	grep -q 'sessions went on in the kernel; 0' "$WORK/sluiced.log"
	lent 41090
}

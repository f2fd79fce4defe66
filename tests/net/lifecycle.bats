#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What happens while the world, the configuration or the daemon changes.

bats_require_minimum_version 1.5.0
source "$BATS_TEST_DIRNAME/lib.sh"

setup_file() {
	topology_up
	responder_start server
	nginx_start server
}

teardown_file() { topology_down; }

setup() {
	rules_default | gateway_start
}

teardown() {
	explain
	stop held
	stop noise INT
	gateway_stop
}

# Traffic of all kinds, from before something happens until after it.
noise_start() {
	start noise client bash -c 'ping -q -i 0.005 198.51.100.2 &
		while :; do for port in 20001 20002 20003; do
			echo x >/dev/udp/198.51.100.2/$port; echo y >/dev/tcp/198.51.100.2/7; done
			sleep 0.005; done 2>/dev/null'
}

noise_stop() {
	local pid
	for pid in $(ip netns pids "$NS-client"); do
		[[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != @(ping|bash|sleep) ]] || kill -KILL "$pid" 2>/dev/null
	done
	rm -f "$WORK/noise.pid"
}

served() { fetch client --max-time 2 http://198.51.100.2/ip; }

@test "masquerade follows an address that changes" {
	run -0 served
	[[ "$output" == "198.51.100.1 "* ]]
	ip -n "$NS-gateway" addr del 198.51.100.1/24 dev wan
	ip -n "$NS-gateway" addr add 198.51.100.9/24 dev wan
	wait_for 3 eval '[[ "$(served)" == "198.51.100.9 "* ]]'
	ip -n "$NS-gateway" addr del 198.51.100.9/24 dev wan
	ip -n "$NS-gateway" addr add 198.51.100.1/24 dev wan
	wait_for 3 eval '[[ "$(served)" == "198.51.100.1 "* ]]'
}

@test "the outside interface goes and comes back" {
	ip -n "$NS-gateway" link set wan down
	run ! served
	ip -n "$NS-gateway" link set wan up
	ip -n "$NS-gateway" -6 addr replace 2001:db8::1/64 dev wan nodad
	wait_for 5 served
}

@test "SIGHUP with a broken configuration keeps the old one" {
	local generation
	generation=$(status .generation)
	start held client "$PYTHON" "$NET/probe.py" tcp 198.51.100.2 7 --hold 20
	wait_for 3 grep -q 198.51.100.1 "$WORK/held.log"
	echo 'table inet broken { chain x { tcp dport nonsense accept } }' >>"$WORK/sluice.conf"
	kill -HUP "$(pid_of sluiced)"
	wait_for 3 grep -qE "$WORK/sluice.conf:[0-9]+:[0-9]+: error:" "$WORK/sluiced.log"
	run -0 served
	[[ $(status .generation) -eq $generation ]]
	running held
}

@test "SIGHUP with a configuration that is gone keeps the old one" {
	rm "$WORK/sluice.conf"
	kill -HUP "$(pid_of sluiced)"
	wait_for 3 grep -q "sluice.conf" "$WORK/sluiced.log"
	run -0 served
}

@test "SIGHUP with a good configuration swaps it, sessions stay" {
	local generation lines
	generation=$(status .generation)
	start held client "$PYTHON" "$NET/probe.py" tcp 198.51.100.2 7 --hold 20
	wait_for 3 grep -q 198.51.100.1 "$WORK/held.log"
	{
		gateway_block
		rules_default | sed '/oifname "wan" accept/i iifname "lan" tcp dport 80 reject with tcp reset'
	} >"$WORK/sluice.conf"
	kill -HUP "$(pid_of sluiced)"
	wait_for 3 eval "[[ \$(status .generation) -gt $generation ]]"
	run -1 probe client tcp 198.51.100.2 80
	[[ "$output" == refused ]]
	lines=$(wc -l <"$WORK/held.log")
	wait_for 3 eval "[[ \$(wc -l <'$WORK/held.log') -gt $((lines + 3)) ]]"
	[[ $(sort -u "$WORK/held.log" | wc -l) -eq 1 ]]
}

@test "SIGTERM leaves nothing behind" {
	local pid
	served
	gateway_stop
	nsenter --net="/run/netns/$NS-gateway" -- "$SLUICED" -f "$WORK/sluice.conf" 2>"$WORK/again.log" 3>&- &
	pid=$!
	wait_for 5 control status
	served
	[[ -n "$(kernel_state)" ]]
	kill -TERM $pid
	wait $pid # fails unless it exits with 0
	[[ -z "$(kernel_state)" ]]
	[[ ! -e "$WORK/control.sock" ]]
}

@test "SIGINT ends as SIGTERM does" {
	stop sluiced INT
	[[ -z "$(kernel_state)" ]]
	[[ ! -e "$WORK/control.sock" ]]
}

@test "killed and started again: nothing untranslated leaves, new connections work at once" {
	capture_start leak server "$INTERNAL"
	noise_start
	wait_for 3 eval '[[ $(status .packets.accepted) -gt 50 ]]'
	kill -KILL "$(pid_of sluiced)"
	wait_for 2 gone sluiced
	sleep 0.3
	run ! served
	gateway_launch
	gateway_await
	wait_for 1 served
	noise_stop
	[[ $(capture_count leak) -eq 0 ]]
}

@test "reload under traffic: nothing untranslated leaves" {
	capture_start leak server "$INTERNAL"
	noise_start
	for _ in {1..20}; do
		kill -HUP "$(pid_of sluiced)"
		sleep 0.02
	done
	run -0 served
	noise_stop
	[[ $(capture_count leak) -eq 0 ]]
}

@test "start under traffic: once it is ready nothing untranslated leaves" {
	gateway_stop
	noise_start
	capture_start before server "$INTERNAL"
	# Nobody translates yet: this shows that the capture would see it.
	wait_for 3 eval '[[ $(tcpdump -n -r "$WORK/before.pcap" 2>/dev/null | wc -l) -gt 0 ]]'
	stop before INT
	gateway_launch
	gateway_await
	capture_start leak server "$INTERNAL"
	wait_for 3 served
	noise_stop
	[[ $(capture_count leak) -eq 0 ]]
}

@test "stopped for five seconds: nothing untranslated leaves, and it goes on" {
	capture_start leak server "$INTERNAL"
	noise_start
	kill -STOP "$(pid_of sluiced)"
	sleep 5
	kill -CONT "$(pid_of sluiced)"
	wait_for 1 served
	noise_stop
	[[ $(capture_count leak) -eq 0 ]]
}

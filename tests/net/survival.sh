# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For tests of what goes on without a daemon: a gateway with a state file and pins, and what must hold for it however
# the program is attached ($MODE, set by who sources this).
#
# The BPF file system is one of our own, in a mount namespace that all gateways share; there
# the user exists that the daemon changes to, and only root may enter the file system.

setup_file() {
	topology_up
	responder_start server
	nginx_start server
	dd if=/dev/urandom of="$WORK/www/page" bs=1M count=40 status=none
	{ grep -v '^sluice:' /etc/passwd; echo 'sluice:x:64998:64998::/:/bin/false'; } >"$WORK/passwd"
	mkdir "$WORK/state"
	chown 64998 "$WORK/state"
	start mounts gateway unshare --mount --propagation private bash -c "
		mount -t bpf -o mode=700 bpf /sys/fs/bpf && mount --bind '$WORK/passwd' /etc/passwd && echo ready &&
		exec sleep 3600"
	wait_for 5 grep -q ready "$WORK/mounts.log" || echo "no BPF file system" >"$WORK/absent"
	[[ -x "$SLUICED" ]] || echo "built without the fast path" >"$WORK/absent"
	[[ -e "$WORK/absent" ]] || in_file_setup
}

# Is there a fast path at all?
in_file_setup() {
	STATE=$WORK/state/sessions
	configure
	gateway_launch
	gateway_await
	[[ "$(status .fastpath.mode)" == "$MODE" ]] || echo "no $MODE here" >"$WORK/absent"
	gateway_stop
}

teardown_file() { topology_down; }

# configure [LINE...]
configure() {
	{
		gateway_block "capacity ${CAPACITY:-4096}" "$@" | sed "s|state none|state \"$STATE\"|"
		rules_default
	} >"$WORK/sluice.conf"
}

# among HOST COMMAND...: where the BPF file system is
among() {
	local host=$1
	shift
	inside "$host" nsenter --mount="/proc/$(pid_of mounts)/ns/mnt" -- "$@"
}
gateway_launch() { start sluiced gateway nsenter --mount="/proc/$(pid_of mounts)/ns/mnt" -- "$SLUICED" -f "$WORK/sluice.conf" "$@"; }

setup() {
	[[ ! -e "$WORK/absent" ]] || skip "$(cat "$WORK/absent")"
	STATE=$WORK/state/sessions
	PINS=/sys/fs/bpf/sluice/netns-$(stat -Lc %i "/run/netns/$NS-gateway")
	rm -f "$STATE"
	configure
	gateway_launch
	gateway_await
}

teardown() {
	explain
	stop download
	stop stream
	gateway_stop
}

pins() { among gateway ls "$PINS" 2>/dev/null; }
of_session() { control -j sessions --sport "$1" | jq -r "$2"; }
lent() { [[ "$(of_session "$1" .fastpath)" == true ]]; }
kill_daemon() { stop sluiced KILL; }
go_on() {
	gateway_launch
	gateway_await
}

# stream_start PORT COUNT: as many datagrams, 100 a second, each answered before the next, or sent again.
stream_start() {
	cat >"$WORK/stream.py" <<-'PYTHON'
	import socket, sys, time
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.settimeout(3)
	s.bind(('', int(sys.argv[1])))
	answers = 0
	while answers < int(sys.argv[2]):
	    s.sendto(b'%d\n' % answers, ('198.51.100.2', 7))
	    try:
	        s.recv(100)
	        answers += 1
	        print(answers, flush=True)
	    except TimeoutError:
	        print('lost', flush=True)
	    time.sleep(0.01)
	PYTHON
	start stream client "$PYTHON" "$WORK/stream.py" "$1" "$2"
	wait_for 10 lent "$1"
}
answers() { grep -c '^[0-9]' "$WORK/stream.log"; }
download_start() {
	start download client curl -sS --max-time 150 --limit-rate "${2:-2M}" --local-port "$1" -o "$WORK/copy" http://198.51.100.2/page
	wait_for 10 lent "$1"
}
downloaded() { stat -c %s "$WORK/copy" 2>/dev/null || echo 0; }

# killed for five seconds: what is established flows on, and is known to the last packet afterwards
case_killed() {
	stream_start 41000 900
	download_start 41001
	kill_daemon
	local before=$(downloaded) heard=$(answers)
	# A new connection has to wait.
	run ! inside client timeout 1 bash -c 'exec 4<>/dev/tcp/198.51.100.2/7'
	sleep 4
	wait_for 5 eval "((\$(downloaded) > $before + 4000000))"
	wait_for 5 eval "((\$(answers) > $heard + 200))"
	go_on
	grep -q 'sessions went on in the kernel; 0 of its entries' "$WORK/sluiced.log"
	[[ $(ps -o uid= -p "$(pid_of sluiced)") -eq 64998 ]]
	lent 41000
	# On a slow machine it may be at its end.
	[[ $(of_session 41001 '.fastpath or .state != "ESTABLISHED"') == true ]]
	(($(status .fastpath.installed) >= 1))
	wait_for 40 gone download
	cat "$WORK/download.log"
	cmp "$WORK/copy" "$WORK/www/page"
	[[ ! -s "$WORK/download.log" ]]
	wait_for 5 eval '[[ $(of_session 41001 .state) == TIME_WAIT ]]'
	(($(of_session 41001 .reply.bytes) > 41943040))
	wait_for 30 gone stream
	[[ $(answers) == 900 ]]
	run ! grep lost "$WORK/stream.log"
	[[ $(of_session 41000 .original.packets) == 900 ]]
	[[ $(of_session 41000 .reply.packets) == 900 ]]
	[[ $(status '.drops["out-of-window"]') == 0 ]]
}

# replaced by SIGUSR1 again and again, nothing is lost; stopped, nothing is left
case_replaced() {
	stream_start 41010 600
	for _ in 1 2 3; do
		stop sluiced USR1
		[[ -n "$(pins)" ]]
		local heard=$(answers)
		wait_for 5 eval "((\$(answers) > $heard + 20))"
		go_on
		lent 41010
	done
	run ! grep lost "$WORK/stream.log"
	gateway_stop
	[[ -z "$(pins)" ]]
	run ! among gateway stat "$PINS"
	[[ -z "$(in_gateway bpftool net show 2>/dev/null | grep sluice_fastpath)" ]]
	local heard=$(answers)
	sleep 0.5
	# One may have been on its way.
	(($(answers) <= heard + 1))
}

# after a reload it is taken over, after another configuration it is not
case_configuration() {
	stream_start 41020 3000
	sed -i 's/masquerade/masquerade random/' "$WORK/sluice.conf"
	control reload
	wait_for 10 lent 41020
	kill_daemon
	go_on
	grep -q 'sessions went on in the kernel' "$WORK/sluiced.log"
	lent 41020
	kill_daemon
	sed -i 's/masquerade random/masquerade/' "$WORK/sluice.conf"
	go_on
	run ! grep -q 'sessions went on in the kernel' "$WORK/sluiced.log"
	grep -q 'sessions go on' "$WORK/sluiced.log"
	# And comes back by itself.
	wait_for 10 lent 41020
}

# another capacity, no state file, or no fast path: nothing of before forwards
case_other_start() {
	local what
	for what in "capacity 8192" "state none" "fastpath off"; do
		stream_start 41030 3000
		kill_daemon
		[[ -n "$(pins)" ]]
		case $what in
		capacity*) CAPACITY=8192 configure ;;
		state*) configure && sed -i 's/state ".*"/state none/' "$WORK/sluice.conf" ;;
		*) configure && sed -i '/fastpath/d; s/state "/fastpath off\n\tstate "/' "$WORK/sluice.conf" ;;
		esac
		go_on
		run ! grep -q 'sessions went on in the kernel' "$WORK/sluiced.log"
		[[ "$what" == capacity* || -z "$(pins)" ]]
		[[ $(among gateway ls /sys/fs/bpf/sluice | wc -l) == $([[ "$what" == capacity* ]] && echo 1 || echo 0) ]]
		stop stream KILL
		gateway_stop
		rm -f "$STATE"
		configure
		go_on
	done
}

# sessions that the state file has lost go from the kernel before the first packet
case_state_lost() {
	stream_start 41040 3000
	kill_daemon
	rm -f "$STATE"
	go_on
	grep -q 'sessions went on in the kernel; 2 of its entries were nobody' "$WORK/sluiced.log"
	# It begins anew, as a session from inside may.
	wait_for 10 lent 41040
	(($(of_session 41040 .original.packets) < $(answers)))
}

# a session that one of the maps has lost comes back whole
case_element_lost() {
	stream_start 41050 3000
	kill_daemon
	among gateway bash -c "bpftool -j map dump pinned $PINS/flows4 | jq -r '.[0].key | join(\" \")' |
		xargs bpftool map delete pinned $PINS/flows4 key"
	[[ $(among gateway bpftool -j map dump pinned "$PINS/flows4" | jq length) == 1 ]]
	go_on
	lent 41050
	[[ $(among gateway bpftool -j map dump pinned "$PINS/flows4" | jq length) == 2 ]]
	local heard=$(answers)
	wait_for 5 eval "((\$(answers) > $heard + 20))"
}

# a route that changed meanwhile is taken
case_route() {
	stream_start 41060 3000
	kill_daemon
	ip -n "$NS-gateway" route add 198.51.100.2/32 dev wan mtu 1400
	go_on
	# 1400 as the flow says it: little-endian, behind the differences of the checksum.
	among gateway bpftool -j map dump pinned "$PINS/flows4" | jq -r '.[].value | join(" ")' | grep '0x78 0x05'
	ip -n "$NS-gateway" route del 198.51.100.2/32 dev wan
	lent 41060 || wait_for 10 lent 41060
}

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
source "$(dirname "$0")/lib.sh"
scenario refused-or-timeout "Refused, silent or cut off: three failures that look alike"
topology <<'PICTURE'
    client              gateway (sluiced)               server
    10.0.0.10 ───── lan 10.0.0.1 │ 198.51.100.1 wan ───── 198.51.100.2
                                                          :80 works   :81 nobody listens
                                                          :82 a firewall drops   :83 crashes
PICTURE
topology_up direct
nginx_start server
in_server nft 'table ip firewall { chain input { type filter hook input priority 0; tcp dport 82 drop; }; }'
rules_default | gateway_start
start crashing server "$PYTHON" "$NET/reset.py" 83

works() { fetch client "http://198.51.100.2:$1/ip" --max-time 2; }
# The share of the four services that answer, in percent.
success() {
	local good=0 port
	for port in 80 81 82 "${SERVICE:-83}"; do
		in_client curl -s -o /dev/null --max-time 0.5 "http://198.51.100.2:$port/ip" && good=$((good + 25))
	done
	echo $good
}

say "A client uses four services of one host. Only port 80 answers"
series "services that answer, %" "$(success)"
check "port 80 answers" works 80
check_not "port 81 does not" works 81
check_not "port 82 does not" works 82
moment failure "three services fail"
note "To the user all of them \"do not work\". What the kernel's conntrack would show:"
show in_client curl -sS --max-time 2 http://198.51.100.2:81/
show in_client curl -sS --max-time 2 http://198.51.100.2:82/

say "The fourth one breaks in the middle: its server dies while connections are open"
start held client "$PYTHON" -c 'import socket,time
for i in range(3):
    s = socket.create_connection(("198.51.100.2", 83)); s.sendall(b"hello"); s.recv(100); s.sendall(b"more")
    globals()["s%d" % i] = s
print("open", flush=True)
time.sleep(60)'
wait_for 5 grep -q open "$WORK/held.log"
stop crashing KILL
series "services that answer, %" "$(success)"

say "The gateway sees both sides, and tells them apart"
check "port 81 is found refused" finds refused
check "port 82 is found to time out" finds timed-out
check "port 83 is found to reset" finds reset-midstream
show control diagnose

say "Each has its own cure: a server for 81, a hole in the firewall for 82, a restart for 83"
in_server nft delete table ip firewall
start second server "$PYTHON" -m http.server 81 --directory "$WORK/www"
start third server "$PYTHON" -m http.server 82 --directory "$WORK/www"
start fourth server "$PYTHON" -m http.server 83 --directory "$WORK/www"
echo ok >"$WORK/www/ip"
for port in 81 82 83; do
	wait_for 5 works $port
	check "port $port answers" works $port
done
series "services that answer, %" "$(success)"
moment cure "all four answer"

lesson "A RST says that the host is there and nobody listens; silence, that something drops on the way; a reset in the middle, that a server or a box between forgot the connection. Only the first two look alike to a user in a hurry, and only the last one is cured by trying again."
scenario_end

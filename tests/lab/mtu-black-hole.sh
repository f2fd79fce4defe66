#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/../net/path.sh"
scenario mtu-black-hole "Small requests work, the download hangs"
topology <<'PICTURE'
    client            gateway (sluiced)                 1400 bytes                  server
    10.0.0.10 ── lan 10.0.0.1 │ wan 198.51.100.1 ── near ══════════ far ── 203.0.113.2
    (nginx behind port 8080)                        both routers drop ICMP
PICTURE
path_up
mkdir -p "$WORK/www"
head -c 3000000 /dev/urandom >"$WORK/www/big"
nginx_start client
path_silent

bytes() { stat -c %s "$WORK/got" 2>/dev/null || echo 0; }
# download SECONDS: 0 when all of it came
download() {
	rm -f "$WORK/got"
	fetch server http://198.51.100.1:8080/big -o "$WORK/got" --max-time "$1" && cmp "$WORK/got" "$WORK/www/big"
}
watch_series "bytes of the download" 0.1 bytes

say "Somebody outside fetches a file from a server inside, through a port forward"
path_gateway 'black-holes report'
check "a small page comes" fetch server http://198.51.100.1:8080/ip --max-time 3
check_not "the file does not" download 6
moment failure "the download hangs"
note "Its packets of 1500 bytes do not fit the link; the routers that should say so are not heard."

say "What the gateway says"
check "it is found" finds mtu-black-hole
show control diagnose

say "The standard cure: a rule that lowers the MSS of every connection"
path_gateway 'black-holes report' 'tcp flags syn tcp option maxseg size set 1360'
check "the file comes" download 10
moment cure "a rule clamps the MSS"

say "Without such a rule: clamp what has proved to be a black hole"
path_gateway 'black-holes clamp'
check_not "the first download still hangs" download 5
check "the next one comes" download 10
moment cure "new connections are clamped"

say "Or repair the connection that hangs"
path_gateway 'black-holes repair'
begin=${EPOCHREALTIME/./}
check "the very first download comes" download 20
note "after $(((${EPOCHREALTIME/./} - begin) / 1000)) ms, the repair included"
show control status
moment cure "the live connection is repaired"

lesson "Never drop ICMP type 3 code 4. Where somebody else does, clamp the MSS; sluice notices by itself which destinations need it, and with black-holes repair sends the message that the path swallowed."
scenario_end

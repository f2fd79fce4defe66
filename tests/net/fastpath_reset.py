# SPDX-License-Identifier: GPL-2.0-or-later
"""A download that the fast path forwards, with forged resets on its way.

fastpath_reset.py SERVER PORT LOCAL-PORT CONTROL-SOCKET SLUICECTL

Runs on the client. Reads some megabytes slowly, then stops reading; a reset with a number
inside the server's window, but not the next, must leave the session ESTABLISHED; the one
that the client's own end sends when it closes must not.
"""
import json
import socket
import subprocess
import sys
import time

from scapy.all import IP, TCP, send, sniff

server, port, local, control, sluicectl = sys.argv[1:6]
port, local = int(port), int(local)


def session():
    lines = subprocess.run([sluicectl, "-s", control, "-j", "sessions", "--sport", str(local)],
                           capture_output=True, text=True, check=True).stdout.splitlines()
    return json.loads(lines[0])


s = socket.socket()
s.bind(("", local))
s.connect((server, port))
s.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\n\r\n")
taken = 0
while taken < 8000000:
    taken += len(s.recv(100000))
time.sleep(0.5)
assert session()["fastpath"], "not in the fast path"
hits = session()["reply"]["bytes"]
assert hits > 8000000, hits

# What the client acknowledges last says where the window is. Keepalives make it say so.
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
seen = sniff(filter="tcp and src port %d" % local, iface="eth0", count=1, timeout=5)
assert seen, "no keepalive"
sequence = seen[0][TCP].seq
# Some hundred bytes beyond what the client has sent: inside the window, not exact.
send(IP(src=seen[0][IP].src, dst=server) / TCP(sport=local, dport=port, flags="RA", seq=sequence + 500,
                                                ack=seen[0][TCP].ack), iface="eth0", verbose=0)
time.sleep(0.3)
state = session()["state"]
assert state in ("ESTABLISHED", "UNACKNOWLEDGED", "RETRANSMITTING"), state
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
s.close()
time.sleep(0.3)
assert session()["state"] == "CLOSE", session()["state"]
print("ok")

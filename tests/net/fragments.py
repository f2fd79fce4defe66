#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Fragments, sent as they come: fragments.py WHAT INTERFACE SOURCE DESTINATION PORT [MAC]

WHAT is reversed, shuffled, overlapping, beyond, gap or flood. Prints the bytes of payload.
"""
import random
import sys

from scapy.all import IP, UDP, Ether, IPv6, IPv6ExtHdrFragment, Raw, conf, fragment, fragment6, raw, send, sendp

what, interface, source, destination, port = sys.argv[1:6]
port = int(port)
conf.verb = 0
v6 = ":" in destination
payload = bytes(range(256)) * 16


def whole(identifier):
    if v6:
        return IPv6(src=source, dst=destination) / IPv6ExtHdrFragment(id=identifier) / UDP(sport=5000, dport=port) / payload
    return IP(src=source, dst=destination, id=identifier) / UDP(sport=5000, dport=port) / payload


def pieces(identifier):
    # raw() first: the checksum covers the whole datagram.
    if v6:
        return fragment6(IPv6(raw(whole(identifier))), 1280)
    return fragment(IP(raw(whole(identifier))), 1000)


def out(packets):
    for packet in packets:
        send(packet, iface=interface)


identifier = random.randrange(1, 65535)
parts = pieces(identifier)
if what == "reversed":
    out(reversed(parts))
elif what == "shuffled":
    random.shuffle(parts)
    out(parts)
elif what == "gap":
    out(parts[:1] + parts[2:])
elif what == "overlapping":
    # The second begins eight bytes too early, with other content.
    second = parts[1].copy()
    if v6:
        second[IPv6ExtHdrFragment].offset -= 1
        del second[IPv6].plen
        second[IPv6ExtHdrFragment].remove_payload()
        second = second / Raw(b"Z" * 8 + raw(parts[1][IPv6ExtHdrFragment].payload))
    else:
        second.frag -= 1
        del second.len, second.chksum
        second.remove_payload()
        second = second / Raw(b"Z" * 8 + raw(parts[1].payload))
    out([parts[0], second] + parts[2:])
elif what == "beyond":
    first = parts[0]
    last = IP(src=source, dst=destination, id=identifier, proto=17, frag=8189) / Raw(b"x" * 64)
    out([first, last])
elif what == "flood":
    # First fragments of datagrams that never become whole.
    sendp([Ether(raw(Ether(dst=sys.argv[6]) / pieces(n)[0])) for n in range(1, 4000)], iface=interface)
print(len(payload))

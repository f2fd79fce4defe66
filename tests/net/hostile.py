#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that mean harm, sent as they are: hostile.py WHAT INTERFACE MAC SOURCE DESTINATION PORT

Prints how many were sent.
"""
import sys

from scapy.all import (ICMP, IP, TCP, UDP, Ether, IPOption, IPOption_LSRR, IPOption_RR, IPOption_SSRR, Raw, conf,
                       fragment, raw, sendp)

what, interface, mac, source, destination, port = sys.argv[1:7]
port = int(port)
conf.verb = 0


def ip(**fields):
    return IP(src=source, dst=destination, **fields)


def udp(**fields):
    return UDP(sport=5000, dport=port, **fields) / Raw(b"hostile!")


def with_options(*options):
    return ip(options=list(options)) / udp()


def tiny():
    """A TCP header in two pieces: the flags come with the second."""
    whole = ip(id=77) / TCP(sport=5000, dport=port, flags="S") / Raw(b"x" * 16)
    return fragment(IP(raw(whole)), 8)[:1]


def teardrop():
    """The second piece lies within the first."""
    whole = IP(raw(ip(id=78) / UDP(sport=5000, dport=port) / Raw(b"x" * 56)))
    first = ip(id=78, proto=17, flags="MF") / Raw(raw(whole.payload)[:40])
    return [first, ip(id=78, proto=17, frag=3) / Raw(b"y" * 4)]


kinds = {
    "udp": lambda: [ip() / udp()],
    "loose-route": lambda: [with_options(IPOption_LSRR(routers=["192.0.2.7"]))],
    "strict-route": lambda: [with_options(IPOption_SSRR(routers=["192.0.2.7"]))],
    "record-route": lambda: [with_options(IPOption_RR(routers=["0.0.0.0"]))],
    "broken-option": lambda: [with_options(IPOption(b"\x44\x28\x05\x00"))],
    "zero-ports": lambda: [ip() / TCP(sport=0, dport=port), ip() / TCP(sport=5000, dport=0), ip() / UDP(sport=5000, dport=0)],
    "lengths": lambda: [ip() / udp(len=7), ip() / udp(len=99), ip() / TCP(sport=5000, dport=port, dataofs=3)],
    "checksums": lambda: [ip() / udp(chksum=0x1234), ip() / TCP(sport=5000, dport=port, chksum=0x1234),
                          ip() / ICMP(chksum=0x1234)],
    "tiny": tiny,
    "teardrop": teardrop,
}

packets = kinds[what]()
sendp([Ether(dst=mac) / packet for packet in packets], iface=interface)
print(len(packets))

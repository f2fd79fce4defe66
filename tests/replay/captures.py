#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the captures that tests/net/replay.bats plays, into the folder given."""
import struct
import sys

from scapy.all import ARP, ICMP, IP, TCP, UDP, Ether, IPv6, raw, wrpcapng

CLIENT, SERVER, GATEWAY = "10.0.0.2", "203.0.113.9", "198.51.100.1"
START = 1700000000

PACKETS = [
    (0, IP(src=CLIENT, dst=SERVER) / UDP(sport=4000, dport=53) / b"question"),
    (0.25, IP(src=SERVER, dst=GATEWAY) / UDP(sport=53, dport=4000) / b"answer"),
    (0.5, IP(src="203.0.113.77", dst=GATEWAY) / UDP(sport=53, dport=4000) / b"stranger"),
    (1, IP(src=CLIENT, dst=SERVER) / TCP(sport=5000, dport=25, flags="S")),
    (1.5, IP(src=SERVER, dst=GATEWAY) / TCP(sport=5000, dport=80, flags="S")),
    (2, IP(src="192.0.2.7", dst=GATEWAY) / ICMP(type=3, code=1) / IP(src=GATEWAY, dst=SERVER) / UDP(sport=4000, dport=53)),
    (3, IP(src=CLIENT, dst=SERVER) / ICMP(id=7)),
    (4, IP(src=CLIENT, dst=SERVER, ttl=1) / UDP(sport=1, dport=2)),
    (5, IPv6(src="fd00::2", dst="2001:db8:9::9") / UDP(sport=1, dport=53) / b"x"),
    (6, IP(src=GATEWAY, dst=SERVER) / UDP(sport=123, dport=123) / b"own"),
    (300.125, IP(src=SERVER, dst=GATEWAY) / UDP(sport=53, dport=4000) / b"in time"),
    (600.25, IP(src=SERVER, dst=GATEWAY) / UDP(sport=53, dport=4000) / b"late"),
]

ETHERNET = bytes.fromhex("020000000001020000000002")


def ethertype(packet):
    return struct.pack(">H", 0x86DD if IPv6 in packet else 0x0800)


LINKS = {
    "ethernet": (1, lambda p: ETHERNET + ethertype(p) + raw(p)),
    "vlan": (1, lambda p: ETHERNET + b"\x81\x00\x00\x05" + ethertype(p) + raw(p)),
    "qinq": (1, lambda p: ETHERNET + b"\x88\xa8\x00\x07\x81\x00\x00\x05" + ethertype(p) + raw(p)),
    "raw": (101, raw),
    "sll": (113, lambda p: b"\0\0\0\1\0\6\2\0\0\0\0\1\0\0" + ethertype(p) + raw(p)),
    "sll2": (276, lambda p: ethertype(p) + b"\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0" + raw(p)),
    "null": (0, lambda p: struct.pack("<I", 24 if IPv6 in p else 2) + raw(p)),
}


def write(path, link_type, records):
    """Records are (seconds, bytes in the file, length on the wire)."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type))
        for at, data, length in records:
            seconds = int(START + at)
            out.write(struct.pack("<IIII", seconds, round((at % 1) * 1000000), len(data), length))
            out.write(data)


def main(folder):
    for name, (link_type, frame) in LINKS.items():
        frames = [(at, frame(packet)) for at, packet in PACKETS]
        write(f"{folder}/{name}.pcap", link_type, [(at, data, len(data)) for at, data in frames])
    framed = [Ether() / packet for _, packet in PACKETS]
    for frame, (at, _) in zip(framed, PACKETS):
        frame.time = START + at
    wrpcapng(f"{folder}/ethernet.pcapng", framed)

    # 96 bytes of each frame, as old captures have it.
    long = IP(src=CLIENT, dst=SERVER) / TCP(sport=6000, dport=443, flags="S", seq=1000) / bytes(1000)
    write(f"{folder}/cut.pcap", 101, [(0, raw(long)[:96], len(long))])
    # A checksum that the network card was to finish: the pseudo-header's sum alone.
    partial = bytearray(raw(IP(src=CLIENT, dst=SERVER) / UDP(sport=6000, dport=53) / b"payload"))
    total = sum(struct.unpack(">4H", partial[12:20])) + 17 + len(partial) - 20
    partial[26:28] = struct.pack(">H", (total & 0xFFFF) + (total >> 16))
    wrong = bytearray(partial)
    wrong[26] ^= 1
    write(f"{folder}/unfinished.pcap", 101, [(i, bytes(p), len(p)) for i, p in enumerate((partial, wrong))])
    write(f"{folder}/foreign.pcap", 1, [(0, raw(Ether() / ARP()), 42), (1, b"\1\2\3", 3)])
    with open(f"{folder}/ethernet.pcap", "rb") as whole, open(f"{folder}/torn.pcap", "wb") as torn:
        torn.write(whole.read()[:-5])


if __name__ == "__main__":
    main(sys.argv[1])

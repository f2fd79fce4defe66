# SPDX-License-Identifier: GPL-2.0-or-later
"""IP packets as bytes and as fields: what the probes send and what arrives.

Written for speed (a run builds some ten thousand packets), and as a second opinion: checksums
are computed and checked here, without a line shared with sluice.
"""
import socket
import struct
from dataclasses import dataclass, field

ICMP, TCP, UDP, GRE, ESP, ICMP6, SCTP, UDPLITE = 1, 6, 17, 47, 50, 58, 132, 136
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
FLAG_LETTERS = "FSRPAUEC"


def checksum(data):
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def is_ipv6(address):
    return ":" in address


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if is_ipv6(address) else socket.AF_INET, address)


def unpacked(wire):
    return socket.inet_ntop(socket.AF_INET6 if len(wire) == 16 else socket.AF_INET, wire)


@dataclass
class Packet:
    """Either made from keywords, for build(), or by parse()."""

    src: str = ""
    dst: str = ""
    proto: int = 0
    ttl: int = 64
    tos: int = 0
    id: int = 0x5A01
    df: bool = True
    options: bytes = b""  # of IPv4
    sport: int = 0
    dport: int = 0
    seq: int = 0
    ack: int = 0
    flags: int = 0
    window: int = 64000
    tcp_options: bytes = b""
    type: int = 0
    code: int = 0
    rest: int = 0  # the second word of an ICMP header: identifier and sequence, MTU
    data: bytes = b""
    bad: str = ""  # what build() is to get wrong; what parse() found wrong
    fragment: tuple = (0, False)  # offset in bytes, more to come
    zero_sum: bool = False
    quote: object = None
    quoted: int = 0
    raw: bytes = field(default=b"", repr=False)


def pseudo(packet, proto, length):
    addresses = packed(packet.src) + packed(packet.dst)
    if is_ipv6(packet.src):
        return addresses + struct.pack("!IHBB", length, 0, 0, proto)
    return addresses + struct.pack("!BBH", 0, proto, length)


def transport(p):
    """The transport header and payload of @p, its checksum right unless @p.bad says otherwise."""
    if p.proto == TCP:
        words = 5 + len(p.tcp_options) // 4
        head = struct.pack("!HHIIBBHHH", p.sport, p.dport, p.seq, p.ack, words << 4, p.flags, p.window, 0, 0)
        body, at = head + p.tcp_options + p.data, 16
    elif p.proto in (UDP, UDPLITE):
        body, at = struct.pack("!HHHH", p.sport, p.dport, 8 + len(p.data), 0) + p.data, 6
    elif p.proto in (ICMP, ICMP6):
        body, at = struct.pack("!BBHI", p.type, p.code, 0, p.rest) + p.data, 2
    elif p.proto == SCTP:
        body = struct.pack("!HHII", p.sport, p.dport, p.seq, 0) + p.data
        return body[:8] + struct.pack("<I", crc32c(body)) + body[12:]
    else:
        return p.data
    if p.zero_sum:
        return body
    total = checksum((b"" if p.proto == ICMP else pseudo(p, p.proto, len(body))) + body)
    if p.bad == "checksum":
        total ^= 0x0101
    return body[:at] + struct.pack("!H", total or 0xFFFF) + body[at + 2 :]


def build(p):
    body = transport(p)
    offset, more = p.fragment
    if is_ipv6(p.src):
        head = struct.pack("!IHBB", 6 << 28 | p.tos << 20, len(body), p.proto, p.ttl)
        return head + packed(p.src) + packed(p.dst) + body
    words = 5 + len(p.options) // 4
    flags = (0x4000 if p.df else 0) | (0x2000 if more else 0) | offset // 8
    head = struct.pack("!BBHHHBBH", 0x40 | words, p.tos, words * 4 + len(body), p.id, flags, p.ttl, p.proto, 0)
    head += packed(p.src) + packed(p.dst) + p.options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def fragments(whole, size):
    """The IPv4 packet @whole in pieces of @size bytes of payload."""
    pieces = []
    body = whole[20:]
    for offset in range(0, len(body), size):
        part = body[offset : offset + size]
        more = 0x2000 if offset + size < len(body) else 0
        head = whole[:2] + struct.pack("!H", 20 + len(part)) + whole[4:6] + struct.pack("!H", more | offset // 8)
        head += whole[8:10] + b"\0\0" + whole[12:20]
        pieces.append(head[:10] + struct.pack("!H", checksum(head)) + head[12:] + part)
    return pieces


def parse_transport(p, body, whole):
    if p.proto == TCP and len(body) >= 8:
        p.sport, p.dport, p.seq = struct.unpack("!HHI", body[:8])
        if len(body) < 20:
            return
        p.ack, words, p.flags, p.window, total = struct.unpack("!IBBHH", body[8:18])
        words >>= 4
        p.tcp_options, p.data = body[20 : words * 4], body[words * 4 :]
    elif p.proto in (UDP, UDPLITE) and len(body) >= 8:
        p.sport, p.dport, _, total = struct.unpack("!HHHH", body[:8])
        p.data, p.zero_sum = body[8:], total == 0
        if p.zero_sum:
            return
    elif p.proto in (ICMP, ICMP6) and len(body) >= 8:
        p.type, p.code, _, p.rest = struct.unpack("!BBHI", body[:8])
        p.data = body[8:]
        errors = (3, 4, 5, 11, 12) if p.proto == ICMP else (1, 2, 3, 4)
        if p.type in errors and len(p.data) >= 28:
            p.quote, p.quoted = parse(p.data, whole=False), len(p.data)
    elif p.proto == SCTP and len(body) >= 12:
        p.sport, p.dport, p.seq, total = struct.unpack("!HHII", body[:12])
        p.data = body[12:]
        if whole and crc32c(body[:8] + b"\0\0\0\0" + body[12:]) != struct.unpack("<I", body[8:12])[0]:
            p.bad = "checksum"
        return
    else:
        p.data = body
        return
    if whole and checksum((b"" if p.proto == ICMP else pseudo(p, p.proto, len(body))) + body):
        p.bad = "checksum"


def parse(raw, whole=True):
    """A Packet, or None when @raw is no IP packet. @whole: False for what an ICMP error quotes."""
    p = Packet(raw=raw)
    if len(raw) < 20 or raw[0] >> 4 not in (4, 6):
        return None
    if raw[0] >> 4 == 4:
        length, p.id, flags, p.ttl, p.proto = struct.unpack("!HHHBB", raw[2:10])
        head = (raw[0] & 15) * 4
        p.tos, p.df, p.options = raw[1], bool(flags & 0x4000), raw[20:head]
        p.fragment = ((flags & 0x1FFF) * 8, bool(flags & 0x2000))
        p.src, p.dst = unpacked(raw[12:16]), unpacked(raw[16:20])
        if checksum(raw[:head]):
            p.bad = "ip-checksum"
    else:
        if len(raw) < 40:
            return None
        first, length, p.proto, p.ttl = struct.unpack("!IHBB", raw[:8])
        p.tos, head, length = first >> 20 & 0xFF, 40, length + 40
        p.src, p.dst = unpacked(raw[8:24]), unpacked(raw[24:40])
    body = raw[head:length]
    if p.fragment[0]:
        p.data = body
    else:
        parse_transport(p, body, (whole or length <= len(raw)) and not p.fragment[1])
    return p


def flag_letters(flags):
    return "".join(letter for bit, letter in enumerate(FLAG_LETTERS) if flags >> bit & 1) or "-"

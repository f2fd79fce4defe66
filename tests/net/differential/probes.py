# SPDX-License-Identifier: GPL-2.0-or-later
"""Probes: conversations that are sent through a gateway, one a line.

    PROTOCOL HOST [SOURCE] > DESTINATION [OPTION...]

PROTOCOL  tcp udp icmp (an echo, of the family of the addresses) icmp/TYPE/CODE udplite sctp gre esp
          ip/NUMBER nd (a neighbour solicitation), error (an ICMP error about nothing)
HOST      client, server, gateway: where it starts
SOURCE, DESTINATION
          ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT. Without a source: 10.0.0.20 or 198.51.100.20, the
          gateway's own address on that side, or their like in IPv6, and a port of this probe alone.
OPTION    answer=  talk (the default), silent, refuse, reset, unreach, router, toobig: what the far end does
          flags=SAFR  one TCP packet, with these flags, that opens no conversation
          ttl= tos= len= mss= (0: no option) shift (the option at an odd place) bad=checksum zero-sum
          pieces=N  IPv4 fragments with N bytes each
          options   IPv4 options (router alert)
          end=rst   the asker resets instead of closing
          x=N       as often, each from a port of its own; ports=same keeps the port
          phase=N   starts once all of the phases before are over (default 1)

Whoever plays a host answers from what the packet that arrived says, so the conversation goes on
through whatever translation there is, or ends where the gateway ends it.
"""
import re
import shlex
import struct

import wire
from wire import ACK, FIN, PSH, RST, SYN, Packet

HOSTS = {
    "client": ("10.0.0.20", "fd00:0:0:1:1::20"),
    "server": ("198.51.100.20", "2001:db8:0:0:1::20"),
}
# Who tells of an error on the way, on that side.
ROUTERS = {"client": ("10.0.0.29", "fd00:0:0:1:1::29"), "server": ("198.51.100.29", "2001:db8:0:0:1::29")}
PROTOCOLS = {"tcp": 6, "udp": 17, "udplite": 136, "sctp": 132, "gre": 47, "esp": 50}
CALLER, CALLED = 0x10, 0x80  # the last byte of the two first sequence numbers
MARK = 0xD5


def split_endpoint(text):
    if match := re.fullmatch(r"\[([0-9a-f:.]+)\](?::(\d+))?", text):
        return match[1], int(match[2] or 0)
    if text.count(":") > 1:
        return text, 0
    address, _, port = text.partition(":")
    return address, int(port or 0)


def gateway_source(dst):
    if wire.is_ipv6(dst):
        return "fd00:0:0:1::1" if dst.startswith("fd00:0:0:1:") else "2001:db8::1"
    return "10.0.0.1" if dst.startswith("10.0.0.") else "198.51.100.1"


class Probe:
    def __init__(self, line, number, copy):
        self.line, self.number = line, number
        self.name = line if not copy else "%s (%d)" % (line, copy + 1)
        words = shlex.split(line)
        arrow = words.index(">")
        self.protocol, self.host = words[0], words[1]
        self.dst, self.dport = split_endpoint(words[arrow + 1])
        family = wire.is_ipv6(self.dst)
        source = words[2] if arrow == 3 else ""
        self.src, self.sport = split_endpoint(source) if source else ("", 0)
        if not self.src:
            self.src = gateway_source(self.dst) if self.host == "gateway" else HOSTS[self.host][family]
        self.options = {}
        for word in words[arrow + 2 :]:
            key, _, value = word.partition("=")
            self.options[key] = value or True
        self.sport = self.sport or 20000 + number
        self.phase = self.number_of("phase", 1)
        self.answer = self.options.get("answer", "talk")
        # Three bytes that are in every packet of this probe: see mark_of().
        self.mark = struct.pack("!BH", MARK, number)

    def number_of(self, option, default=0):
        return int(self.options.get(option, default), 0) if option in self.options else default

    def sequence(self, low):
        return MARK << 24 | self.number << 8 | low

    def syn_options(self):
        mss = self.number_of("mss", 1460)
        if not mss:
            return b""
        option = struct.pack("!BBH", 2, 4, mss)
        # Window scaling, and no-operations that bring it to a multiple of four.
        return b"\1" + option + b"\3\3\7" if "shift" in self.options else option + b"\1\3\3\7"

    def base(self, **fields):
        common = {"src": self.src, "dst": self.dst, "ttl": self.number_of("ttl", 64), "tos": self.number_of("tos")}
        common["options"] = b"\x94\x04\0\0" if "options" in self.options else b""
        common["bad"] = self.options.get("bad", "")
        return Packet(**{**common, **fields})

    def start(self):
        """The packets that open the conversation, as bytes."""
        ports = {"sport": self.sport, "dport": self.dport}
        data = self.mark + b"ping" + b"." * self.number_of("len")
        if self.protocol == "tcp":
            p = self.base(proto=wire.TCP, seq=self.sequence(CALLER), flags=SYN, tcp_options=self.syn_options(), **ports)
            if "flags" in self.options:
                letters = self.options["flags"]
                p.flags = sum(1 << wire.FLAG_LETTERS.index(letter) for letter in letters if letter != "-")
                p.ack, p.tcp_options = self.sequence(CALLED) if p.flags & ACK else 0, b""
        elif self.protocol == "icmp":
            six = wire.is_ipv6(self.dst)
            p = self.base(proto=wire.ICMP6 if six else wire.ICMP, type=128 if six else 8, data=data)
            p.rest = self.sport << 16 | 1
        elif self.protocol.startswith("icmp/"):
            kind, code = map(int, self.protocol.split("/")[1:])
            p = self.base(proto=wire.ICMP6 if wire.is_ipv6(self.dst) else wire.ICMP, type=kind, code=code, data=data)
            p.rest = self.sport << 16 | 1
        elif self.protocol == "error":
            return [self.unasked_error(ports, data)]
        elif self.protocol == "nd":
            return [self.solicitation()]
        elif self.protocol == "sctp":
            init = struct.pack("!BBHIIHHI", 1, 0, 20, self.sequence(1), 65535, 1, 1, self.sequence(CALLER))
            p = self.base(proto=wire.SCTP, data=init, seq=0, **ports)
        else:
            number = PROTOCOLS.get(self.protocol) or int(self.protocol.split("/")[1])
            p = self.base(proto=number, data=data, **ports)
            if number == wire.GRE:
                p.data = b"\0\0\x08\0" + data
            elif number == wire.ESP:
                p.data = struct.pack("!II", 0x1000 + self.number, 1) + data
        p.zero_sum = "zero-sum" in self.options
        if "pieces" in self.options:
            p.df, p.id = False, 0x6000 | self.number
            return wire.fragments(wire.build(p), self.number_of("pieces"))
        return [wire.build(p)]

    def unasked_error(self, ports, data):
        quote = wire.build(Packet(src=self.dst, dst=self.src, proto=wire.UDP, data=data, **ports))
        six = wire.is_ipv6(self.dst)
        return wire.build(self.base(proto=wire.ICMP6 if six else wire.ICMP, type=1 if six else 3, code=3, data=quote))

    def solicitation(self):
        target = wire.packed(self.dst)
        group = wire.unpacked(b"\xff\2" + b"\0" * 9 + b"\1\xff" + target[13:])
        data = target + b"\1\1" + b"\2\0\0\0\0\1"
        return wire.build(self.base(dst=group, ttl=255, proto=wire.ICMP6, type=135, data=data))

    # ------------------------------------------------------------- reactions

    def react(self, host, p):
        """What whoever plays @host sends when @p has arrived there, as bytes."""
        if p.bad or p.fragment != (0, False):
            return []
        if p.proto == wire.TCP:
            return self.react_tcp(host, p)
        if p.proto in (wire.UDP, wire.UDPLITE):
            return self.react_data(host, p)
        if p.proto in (wire.ICMP, wire.ICMP6):
            return self.react_echo(host, p)
        if p.proto in (wire.GRE, wire.ESP) or p.proto > 200:
            if p.data.endswith(b"ping"):
                return [self.reply(p, data=p.data[:-4] + b"pong")]
        return []

    @staticmethod
    def reply(p, **fields):
        common = {"src": p.dst, "dst": p.src, "proto": p.proto, "sport": p.dport, "dport": p.sport, "id": 0x5A02}
        return wire.build(Packet(**{**common, **fields}))

    def tell_error(self, host, p):
        """The ICMP error that @p meets instead of an answer; None when it meets none."""
        six = wire.is_ipv6(p.src)
        kinds = {
            "unreach": ((3, 3, 0), (1, 4, 0)),
            "router": ((11, 0, 0), (3, 0, 0)),
            "toobig": ((3, 4, 1400), (2, 0, 1400)),
        }
        if self.answer not in kinds:
            return None
        kind, code, rest = kinds[self.answer][six]
        source = p.dst if self.answer == "unreach" else ROUTERS[host][six]
        proto = wire.ICMP6 if six else wire.ICMP
        return wire.build(Packet(src=source, dst=p.src, proto=proto, type=kind, code=code, rest=rest, data=p.raw[:528]))

    def react_tcp(self, host, p):
        called = p.seq & 0xFF < CALLED  # it came from the caller
        after = (p.seq + len(p.data) + bool(p.flags & SYN) + bool(p.flags & FIN)) & 0xFFFFFFFF
        if p.flags & RST:
            return []
        if p.flags & (SYN | ACK) == SYN:
            error = self.tell_error(host, p)
            if self.answer == "silent" or error:
                return [error] if error else []
            if self.answer == "refuse":
                return [self.reply(p, seq=0, ack=after, flags=RST | ACK)]
            seq = self.sequence(CALLED)
            return [self.reply(p, seq=seq, ack=after, flags=SYN | ACK, tcp_options=self.syn_options())]
        if p.flags & SYN:
            ask = self.reply(p, seq=p.ack, ack=after, flags=PSH | ACK, data=b"ping" + b"." * self.number_of("len"))
            return [self.reply(p, seq=p.ack, ack=after, flags=ACK), ask]
        if p.data.startswith(b"ping") and called:
            if self.answer == "reset":
                return [self.reply(p, seq=p.ack, ack=after, flags=RST | ACK)]
            return [self.reply(p, seq=p.ack, ack=after, flags=PSH | ACK, data=b"pong")]
        if p.data.startswith(b"pong") and not called:
            flags = RST | ACK if self.options.get("end") == "rst" else FIN | ACK
            return [self.reply(p, seq=p.ack, ack=after, flags=flags)]
        if p.flags & (FIN | ACK) == FIN | ACK:
            return [self.reply(p, seq=p.ack, ack=after, flags=FIN | ACK if called else ACK)]
        return []

    def react_data(self, host, p):
        if p.data[3:7] in (b"ping", b"more"):
            error = self.tell_error(host, p)
            if self.answer == "silent" or error:
                return [error] if error else []
            return [self.reply(p, data=self.mark + (b"pong" if p.data[3:7] == b"ping" else b"done"))]
        if p.data[3:7] == b"pong":
            return [self.reply(p, data=self.mark + b"more")]
        return []

    def react_echo(self, host, p):
        asked, answered = ((8, 0), (128, 129))[p.proto == wire.ICMP6]
        if p.type == asked and p.data[:1] == self.mark[:1]:
            error = self.tell_error(host, p)
            if self.answer == "silent" or error:
                return [error] if error else []
            return [self.reply(p, type=answered, rest=p.rest, data=p.data)]
        if p.type == answered and p.rest & 0xFFFF == 1:
            return [self.reply(p, type=asked, rest=p.rest + 1, data=p.data)]
        return []


def number_in(p):
    """The number of the probe that @p belongs to, or None."""
    if p is None:
        return None
    if p.quote:
        return number_in(p.quote)
    if p.proto == wire.TCP:
        for value in (p.seq, p.ack):
            if value >> 24 == MARK:
                return value >> 8 & 0xFFFF
        return None
    at = {wire.GRE: 4, wire.ESP: 8, wire.SCTP: 4}.get(p.proto, 0)
    data = p.data[at : at + 3]
    return data[1] << 8 | data[2] if len(data) == 3 and data[0] == MARK else None


def read(lines):
    """All probes of @lines; blank ones and comments are passed over."""
    probes = []
    for line in lines:
        line = " ".join(line.split())
        if not line or line.startswith("#"):
            continue
        match = re.search(r" x=(\d+)", line)
        first = len(probes)
        for copy in range(int(match[1]) if match else 1):
            probes.append(Probe(line, len(probes), copy))
            if "ports" in probes[-1].options:
                probes[-1].sport = probes[first].sport
    return probes

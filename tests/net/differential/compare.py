# SPDX-License-Identifier: GPL-2.0-or-later
"""Send the same packets through two gateways and compare what arrives, and what is answered.

    compare.py --left NS --right NS --ruleset FILE [--quiet SECONDS] [--used FILE] [--show]

Each side is a topology of tests/net/lib.sh (NS-client, NS-gateway, NS-server). Exit 0: no difference but
expected ones (expected.py); 1: differences, which are printed. A ruleset's own comments say more:

    # probe: ...              one more probe (probes.py), beside standard.probes
    # free-ports: LO-HI       the gateway may choose among these
    # free-addresses: A B ... likewise

Where the gateway chooses freely, the choice may differ, but it must be one that the rules allow and
stay the same for a whole conversation.
"""
import argparse
import ctypes
import os
import re
import select
import socket
import sys
import time

import expected
import probes
import wire

HERE = os.path.dirname(os.path.abspath(__file__))
ENDS = ("client", "server")
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
IPV6_HDRINCL = 36
ROUNDS = 14
CHATTER = (130, 131, 132, 133, 134, 135, 137, 143)


def chatter(p):
    """Is it what hosts say of their own accord: multicast groups, neighbours?"""
    return p.dst.startswith("ff") or p.proto == 2 or (p.proto == wire.ICMP6 and p.type in CHATTER)


def enter(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/run/netns/" + namespace) as handle:
        if libc.setns(handle.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns " + namespace)


class Side:
    """One topology: sockets at both ends, and raw ones inside the gateway."""

    def __init__(self, name, namespace):
        self.name, self.ends, self.frames = name, {}, {}
        self.names = {}  # (probe, what was chosen) -> what it is called
        macs = {}
        for end in ENDS:
            enter("%s-%s" % (namespace, end))
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(3))
            tap.bind(("eth0", 3))
            tap.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
            tap.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            macs[end] = tap.getsockname()[4]
            self.ends[end] = tap
        enter(namespace + "-gateway")
        for end, interface in (("client", "lan"), ("server", "wan")):
            self.frames[end] = self.mac(interface) + macs[end]
        self.raw4 = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.raw6.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
        self.queue = None
        if os.path.exists("/proc/thread-self/net/netfilter/nfnetlink_queue"):
            self.queue = open("/proc/thread-self/net/netfilter/nfnetlink_queue")

    @staticmethod
    def mac(interface):
        query = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        query.bind((interface, 0))
        return query.getsockname()[4]

    def send(self, host, packet):
        if host != "gateway":
            frame = self.frames[host]
            if packet[0] >> 4 == 6 and packet[24] == 0xFF:
                frame = b"\x33\x33" + packet[36:40] + frame[6:]
            self.ends[host].send(frame + (b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00") + packet)
        else:
            try:
                if packet[0] >> 4 == 6:
                    self.raw6.sendto(packet, (wire.unpacked(packet[24:40]), 0))
                else:
                    self.raw4.sendto(packet, (wire.unpacked(packet[16:20]), 0))
            except PermissionError:
                pass  # the output rules dropped it: so the kernel tells

    def busy(self):
        """Are packets waiting for the daemon's verdict?"""
        if not self.queue:
            return False
        self.queue.seek(0)
        return any(int(line.split()[2]) for line in self.queue.read().splitlines())

    def received(self):
        for end, tap in self.ends.items():
            while True:
                try:
                    frame = tap.recv(65536)
                except BlockingIOError:
                    break
                if frame[12:14] in (b"\x08\x00", b"\x86\xdd") and (packet := wire.parse(frame[14:])):
                    yield end, packet


class Freedom:
    """What of a packet a gateway may choose freely under this ruleset."""

    def __init__(self, text):
        self.known = {int(number) for number in re.findall(r"\d+", text) if int(number) < 65536}
        match = re.search(r"# free-ports: (\d+)-(\d+)", text)
        self.ports = range(int(match[1]), int(match[2]) + 1) if match else range(0)
        match = re.search(r"# free-addresses: (.*)", text)
        self.addresses = match[1].split() if match else []

    def name_port(self, side, probe, port):
        if port in self.ports:
            kind = "%d-%d" % (self.ports[0], self.ports[-1])
        elif port in (probe.sport, probe.dport) or port in self.known:
            return str(port)
        else:
            kind = "1024-" if port >= 1024 else "0-1023"
        return self.name(side, probe, port, kind)

    def name_address(self, side, probe, address):
        return self.name(side, probe, address, "addr") if address in self.addresses else address

    @staticmethod
    def name(side, probe, value, kind):
        taken = side.names.setdefault((probe.number, kind), [])
        if value not in taken:
            taken.append(value)
        return "{%s #%d}" % (kind, taken.index(value) + 1)


def sequence_name(value, probe):
    return "%02x" % (value & 0xFF) if value >> 8 == probe.sequence(0) >> 8 else ("0" if not value else "?")


def describe(side, probe, freedom, p, quoted=False):
    """One packet in words, with all that must not differ."""

    def end(address, port=None):
        address = freedom.name_address(side, probe, address)
        return address if port is None else "%s:%s" % (address, freedom.name_port(side, probe, port))

    words = []
    if p.proto in (wire.TCP, wire.UDP, wire.UDPLITE, wire.SCTP) and not p.fragment[0]:
        name = {wire.TCP: "tcp", wire.UDP: "udp", wire.SCTP: "sctp"}.get(p.proto, "udplite")
        words.append("%s %s > %s" % (name, end(p.src, p.sport), end(p.dst, p.dport)))
    elif p.proto in (wire.ICMP, wire.ICMP6) and not p.fragment[0]:
        words.append("icmp %s > %s type %d/%d" % (end(p.src), end(p.dst), p.type, p.code))
        if p.quote:
            words.append("%s {%d: %s}" % (p.rest, p.quoted, describe(side, probe, freedom, p.quote, True)))
        elif p.type in (0, 8, 128, 129):
            words.append("id %s seq %d" % (freedom.name_port(side, probe, p.rest >> 16), p.rest & 0xFFFF))
    else:
        words.append("ip/%d %s > %s" % (p.proto, end(p.src), end(p.dst)))
    if p.proto == wire.TCP and not p.fragment[0]:
        numbers = sequence_name(p.seq, probe), sequence_name(p.ack, probe)
        words.append("%s %s,%s" % (wire.flag_letters(p.flags), *numbers))
        words.append("win %d" % p.window)
        if p.tcp_options:
            words.append("opt " + p.tcp_options.hex())
    if p.fragment != (0, False):
        words.append("fragment %d%s" % (p.fragment[0], "+" if p.fragment[1] else ""))
    if p.data and not p.quote and not quoted:
        words.append("data %d %s" % (len(p.data), p.data.replace(probe.mark, b"")[:8].decode("ascii", "replace")))
    words.append("ttl %d tos %#x" % (p.ttl, p.tos))
    # What the gateway itself says has an identification of its own choice, and an ICMP error may carry DF:
    # with identification 0 it must (RFC 6864 section 4.1), and nobody ever fragments it.
    own = p.ttl == 64
    words.append("df" if p.df and not (p.quote and own) else "")
    # What may be fragmented gets a number of sluice's own where its source is translated (RFC 6864).
    words.append("id" if not own and p.df and p.id in (0x5A01, 0x5A02) else "")
    if p.options:
        words.append("ip-options " + p.options.hex())
    if p.bad:
        words.append("BAD " + p.bad)
    return " ".join(" ".join(words).split())


class Run:
    def __init__(self, sides, talks, freedom, quiet):
        self.sides, self.talks, self.freedom, self.quiet = sides, talks, freedom, quiet
        self.seen = {side.name: [[] for _ in talks] for side in sides}
        self.strays = {side.name: [] for side in sides}
        self.pieces = {}

    def owner(self, side, end, p):
        # A later fragment belongs to the first one that it will be put together with.
        datagram = (side.name, end, p.src, p.dst, p.proto, p.id)
        number = self.pieces.get(datagram) if p.fragment[0] else probes.number_in(p)
        if p.fragment[1] and not p.fragment[0]:
            self.pieces[datagram] = number
        if number is not None and number < len(self.talks):
            return self.talks[number]
        if p.proto == wire.ICMP6 and p.type == 136:
            return next((talk for talk in self.talks if talk.protocol == "nd" and talk.host == end), None)
        return None

    def take(self, side, end, p):
        """Notes a packet that arrived; what its receiver sends in turn."""
        talk = self.owner(side, end, p)
        if not talk:
            if not chatter(p):
                self.strays[side.name].append("%s %s" % (end, p))
            return []
        self.seen[side.name][talk.number].append("%s %s" % (end, describe(side, talk, self.freedom, p)))
        return [(end, reply) for reply in talk.react(end, p)]

    def settle(self):
        """Waits until nothing moves any more; what is to be sent next, by side."""
        answers = {side.name: [] for side in self.sides}
        taps = [tap for side in self.sides for tap in side.ends.values()]
        end = time.monotonic() + self.quiet
        limit = end + 5
        while time.monotonic() < min(end, limit):
            ready = select.select(taps, [], [], 0.004)[0]
            for side in self.sides if ready else ():
                for host, packet in side.received():
                    answers[side.name] += self.take(side, host, packet)
            if ready or any(side.busy() for side in self.sides):
                end = time.monotonic() + self.quiet
        return answers

    def phase(self, number):
        opening = [(talk.host, packet) for talk in self.talks if talk.phase == number for packet in talk.start()]
        sending = {side.name: opening for side in self.sides}
        for _ in range(ROUNDS):
            for side in self.sides:
                last = None
                for host, packet in sending[side.name]:
                    source = packet[8:24] if packet[0] >> 4 == 6 else packet[12:16]
                    # Hosts wait in queues of their own: judged in the order they were sent only with time between.
                    if last not in (None, source):
                        time.sleep(0.003)
                    last = source
                    side.send(host, packet)
            sending = self.settle()
            if not any(sending.values()):
                return

    def all(self):
        for number in sorted({talk.phase for talk in self.talks}):
            self.phase(number)


def missing(these, those):
    """What is in @these and not in @those, each counted."""
    rest = list(those)
    return [line for line in these if not (line in rest and not rest.remove(line))]


def report(run, ruleset, text, used):
    left, right = (run.seen[side.name] for side in run.sides)
    names = [side.name for side in run.sides]
    bad = 0
    for talk in run.talks:
        only = missing(left[talk.number], right[talk.number]), missing(right[talk.number], left[talk.number])
        if not any(only):
            continue
        known = expected.find(ruleset, text, talk.line, *only)
        if known:
            used.add(known)
            continue
        bad += 1
        print("%s: %s" % (ruleset, talk.name))
        for name, lines in zip(names, only):
            for line in lines or ["nothing more"]:
                print("    only %-8s %s" % (name, line))
    for name, strays in run.strays.items():
        for stray in strays:
            print("%s: a stray packet of %s: %s" % (ruleset, name, stray))
            bad += 1
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--left", required=True)
    parser.add_argument("--right", required=True)
    parser.add_argument("--names", default="kernel,sluice")
    parser.add_argument("--ruleset", required=True)
    parser.add_argument("--quiet", type=float, default=0.025)
    parser.add_argument("--used")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    with open(options.ruleset) as handle:
        text = handle.read()
    with open(os.path.join(HERE, "standard.probes")) as handle:
        lines = handle.read().splitlines()
    talks = probes.read(lines + re.findall(r"^\s*# probe: (.*)$", text, re.M))
    names = options.names.split(",")
    sides = [Side(names[0], options.left), Side(names[1], options.right)]
    run = Run(sides, talks, Freedom(text), options.quiet)
    run.all()
    if options.show:
        for talk in talks:
            print(talk.name)
            for side in sides:
                for line in run.seen[side.name][talk.number]:
                    print("    %-8s %s" % (side.name, line))
    used = set()
    ruleset = os.path.basename(options.ruleset).removesuffix(".nft")
    bad = report(run, ruleset, text, used)
    arrived = [sum(map(len, run.seen[side.name])) for side in sides]
    print("%s: %d probes, %d and %d packets arrived, %d differences, %d of them expected" %
          (ruleset, len(talks), *arrived, bad + len(used), len(used)))
    if options.used:
        with open(options.used, "a") as handle:
            handle.writelines("%s\n" % key for key in sorted(used))
    if not all(arrived):
        print("%s: a side from which nothing came proves nothing" % ruleset)
        return 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

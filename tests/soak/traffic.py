#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A host's traffic of many kinds, until it is told to end by SIGTERM.

    traffic.py --seed N --host NAME --out FILE --page FILE KIND[=COUNT]...

Each KIND is COUNT loops that exchange, check what came back and rest. What fails is a line in
FILE.failures, `BEGAN ENDED KIND TEXT`, times in seconds since 1970; at the end FILE has, as JSON, how
many exchanges of each kind went well. What loops do follows from the seed alone, but for time.

    traffic.py flood syn|udp SOURCE DESTINATION PORT COUNT

COUNT packets of a source that answers nothing, each a flow of its own, as fast as they go.
"""
import argparse
import http.client
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

SERVER = {4: "198.51.100.2", 6: "2001:db8::2"}
GATEWAY = "198.51.100.1"
# Under what names the server may see the hosts inside: the second only while the first is away.
OUTSIDE = {"198.51.100.1", "198.51.100.9", "fd00:0:0:1::10", "fd00:0:0:1::11"}
PATIENCE = 30  # a SYN that falls into a restart is sent again after 1, 3, 7 seconds

stopping = threading.Event()


class Wrong(Exception):
    """What came back is not what should have."""


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def check_name(line, names):
    address = line.decode().split(" ")[0]
    if address not in names:
        raise Wrong(f"seen as {line!r}")


def ask(talk, names):
    talk.sendall(b"hello\n")
    line = talk.recv(200)
    if not line:
        raise Wrong("closed by the other side")
    check_name(line, names)


# ---------------------------------------------------------------------- kinds

def connection(rng, address, port, names):
    """Short, and ended in one of the ways in which programs end connections."""
    with socket.create_connection((address, port), timeout=PATIENCE) as talk:
        for _ in range(rng.randint(1, 4)):
            ask(talk, names)
        way = rng.choice(("close", "reset", "half"))
        if way == "reset":
            talk.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif way == "half":
            talk.shutdown(socket.SHUT_WR)
            if talk.recv(10):
                raise Wrong("data after the end")


def held(rng, address):
    """Stays, and speaks twice a second."""
    with socket.create_connection((address, 7), timeout=PATIENCE) as talk:
        for _ in range(rng.randint(60, 300)):
            ask(talk, OUTSIDE)
            if stopping.wait(0.5):
                return


def datagrams(rng, address, size):
    """A question and its answer, asked again when there is none; long ones travel in fragments."""
    question = rng.randbytes(size) if size else b"hello\n"
    with socket.socket(family(address), socket.SOCK_DGRAM) as talk:
        if family(address) == socket.AF_INET:
            talk.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: don't
        talk.settimeout(2)
        talk.connect((address, 7))
        for _ in range(PATIENCE // 2):
            try:
                talk.send(question)
                answer = talk.recv(65536)
            except (TimeoutError, ConnectionRefusedError):
                continue
            if not size:
                check_name(answer, OUTSIDE)
            elif answer != question:
                raise Wrong("an answer that differs")
            return
    raise Wrong("no answer")


def names(rng):
    """A name looked up: the answer is long enough to come in fragments."""
    query = rng.randbytes(2) + bytes.fromhex("01000001000000000000016100" "00100001")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        talk.settimeout(2)
        for _ in range(PATIENCE // 2):
            try:
                talk.sendto(query, (SERVER[4], 53))
                answer = talk.recv(65536)
            except (TimeoutError, ConnectionRefusedError):
                continue
            if answer[:2] != query[:2] or len(answer) < 4000:
                raise Wrong("not the answer")
            return
    raise Wrong("no answer")


def ping(rng, address):
    size = rng.choice((0, 56, 1000, 4000))
    command = ["ping", "-q", "-n", "-c", "20", "-i", "0.2", "-W", str(PATIENCE), "-w", str(PATIENCE), "-s", str(size)]
    done = subprocess.run(command + [address], capture_output=True, text=True, check=False)
    if not stopping.is_set() and ", 0 received" in done.stdout:
        raise Wrong("no echo")


def page(address):
    client = http.client.HTTPConnection(address, 80, timeout=PATIENCE)
    try:
        client.request("GET", "/page")
        if client.getresponse().read() != wanted_page:
            raise Wrong("a page that differs")
    except http.client.HTTPException as error:
        raise Wrong(repr(error)) from error
    finally:
        client.close()


KINDS = {
    "connection": lambda rng: connection(rng, SERVER[4], 7, OUTSIDE),
    "connection6": lambda rng: connection(rng, SERVER[6], 7, OUTSIDE),
    "hairpin": lambda rng: connection(rng, GATEWAY, 8080, OUTSIDE | {"10.0.0.1"}),
    "inbound": lambda rng: connection(rng, GATEWAY, 8080, {SERVER[4]}),
    "held": lambda rng: held(rng, SERVER[4]),
    "held6": lambda rng: held(rng, SERVER[6]),
    "datagram": lambda rng: datagrams(rng, SERVER[4], 0),
    "datagram6": lambda rng: datagrams(rng, SERVER[6], 0),
    "fragments": lambda rng: datagrams(rng, SERVER[4], rng.randint(1600, 9000)),
    "fragments6": lambda rng: datagrams(rng, SERVER[6], rng.randint(1600, 9000)),
    "names": names,
    "ping": lambda rng: ping(rng, SERVER[4]),
    "ping6": lambda rng: ping(rng, SERVER[6]),
    "page": lambda rng: page(SERVER[4]),
    "page6": lambda rng: page(SERVER[6]),
}
# Seconds of rest between two exchanges, at most.
RESTS = {"page": 2, "page6": 2, "fragments": 0.6, "fragments6": 0.6, "names": 0.6}


# ---------------------------------------------------------------------- loops

def loop(kind, number):
    rng = random.Random(f"{options.seed} {options.host} {kind} {number}")
    stopping.wait(rng.uniform(0, 1))
    while not stopping.is_set():
        began = time.time()
        try:
            KINDS[kind](rng)
        except (OSError, Wrong) as error:
            # What is cut off by the end is no failure.
            if not stopping.is_set():
                failures.write(f"{began:.3f} {time.time():.3f} {kind} {error!r}\n")
                failures.flush()
                stopping.wait(0.5)
        else:
            went_well[kind] = went_well.get(kind, 0) + 1
        stopping.wait(rng.uniform(0, RESTS.get(kind, 0.3)))


def run(kinds):
    threads = []
    for word in kinds:
        kind, _, count = word.partition("=")
        threads += [threading.Thread(target=loop, args=(kind, n), daemon=True) for n in range(int(count or 1))]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    stopping.wait()
    for thread in threads:
        thread.join(PATIENCE)
    with open(options.out, "w", encoding="ascii") as out:
        json.dump(went_well, out)


# ---------------------------------------------------------------------- floods

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def flood(what, source, destination, port, count):
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    protocol = {"syn": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}[what]
    out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for i in range(int(count)):
        sport = 1024 + i * 7 % 60000
        if what == "syn":
            body = struct.pack("!HHIIBBHHH", sport, int(port), i * 7919, 0, 0x50, 2, 65535, 0, 0)
            at = 16
        else:
            body = struct.pack("!HHHH", sport, int(port), 8, 0)
            at = 6
        total = checksum(ends + struct.pack("!HH", protocol, len(body)) + body)
        body = body[:at] + struct.pack("!H", total or 0xffff) + body[at + 2:]
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), i & 0xffff, 0x4000, 64, protocol, 0) + ends
        try:
            out.sendto(header + body, (destination, 0))
        except OSError:
            pass


if sys.argv[1] == "flood":
    flood(*sys.argv[2:])
    sys.exit(0)

parser = argparse.ArgumentParser()
parser.add_argument("--seed", required=True)
parser.add_argument("--host", required=True)
parser.add_argument("--out", required=True)
parser.add_argument("--page", required=True)
parser.add_argument("kinds", nargs="+")
options = parser.parse_args()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
os.nice(5)
went_well = {}
with open(options.page, "rb") as file:
    wanted_page = file.read()
with open(options.out + ".failures", "w", encoding="utf-8") as failures:
    run(options.kinds)

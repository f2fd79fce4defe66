#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends of many connections, or of odd ones, for the tests of paths.

path_ends.py sink PORT COUNT            take COUNT connections, read all, say when all have ended
path_ends.py send ADDRESS PORT N BYTES  N connections at once, BYTES over each
path_ends.py stuck PORT                 take one connection and read nothing
path_ends.py quiet ADDRESS PORT SECONDS connect, ask for a small page, be silent, ask once more
path_ends.py echo PORT                  answer datagrams with their beginning
path_ends.py datagrams ADDRESS PORT     small ones, answered, and large ones, which may not be
"""
import resource
import selectors
import socket
import sys
import time


def ready():
    print("ready", flush=True)


def listen(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    s.listen(2048)
    return s


def sink(port, count):
    selector = selectors.DefaultSelector()
    server = listen(port)
    selector.register(server, selectors.EVENT_READ)
    ready()
    ended = 0
    while ended < count:
        for key, _ in selector.select():
            if key.fileobj is server:
                selector.register(server.accept()[0], selectors.EVENT_READ)
            elif not key.fileobj.recv(65536):
                selector.unregister(key.fileobj)
                key.fileobj.close()
                ended += 1
    print("all", ended, flush=True)


def send(address, port, count, size):
    selector = selectors.DefaultSelector()
    payload, left = b"x" * size, {}
    for _ in range(count):
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setblocking(False)
        s.connect_ex((address, port))
        selector.register(s, selectors.EVENT_WRITE)
        left[s] = size
    end = time.monotonic() + 60
    while left and time.monotonic() < end:
        for key, _ in selector.select(1):
            s = key.fileobj
            left[s] -= s.send(payload[: left[s]])
            if not left[s]:
                selector.unregister(s)
                s.shutdown(socket.SHUT_WR)
                # Kept open until the process ends: closing with unread data would reset.
                keep.append(s)
                del left[s]
    deadline = time.monotonic() + 40
    for s in keep:
        s.settimeout(max(0.1, deadline - time.monotonic()))
        s.recv(1)
    sys.exit(1 if left else 0)


def stuck(port):
    server = listen(port)
    ready()
    keep.append(server.accept()[0])
    time.sleep(60)


def quiet(address, port, seconds):
    s = socket.create_connection((address, port), timeout=10)
    for _ in range(2):
        s.sendall(b"GET /ip HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(4096)
        time.sleep(seconds)


def echo(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", port))
    ready()
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(data[:100], peer)


def datagrams(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, 10, 3)  # IP_MTU_DISCOVER: probe, as QUIC does
    s.connect((address, port))
    s.settimeout(1.2)
    for _ in range(4):
        for size in (100, 1450, 100):
            s.send(b"x" * size)
            try:
                s.recv(2048)
            except socket.timeout:
                pass


keep = []
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
numbers = [int(word) if word.isdigit() else word for word in sys.argv[2:]]
{"sink": sink, "send": send, "stuck": stuck, "quiet": quiet, "echo": echo, "datagrams": datagrams}[sys.argv[1]](*numbers)

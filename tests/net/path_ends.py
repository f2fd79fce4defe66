#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ends of many connections, or of odd ones, for the tests of paths.

path_ends.py sink PORT COUNT            take COUNT connections, read all, say when all have ended
path_ends.py send ADDRESS PORT N BYTES  N connections at once, BYTES over each
path_ends.py stuck PORT                 take one connection and read nothing
path_ends.py quiet ADDRESS PORT SECONDS connect, ask for a small page, be silent, ask once more
path_ends.py echo PORT                  answer datagrams with their beginning
path_ends.py whole PORT                 answer datagrams with themselves, and say who sent how much
path_ends.py exchange ADDRESS PORT BYTES  one datagram and its answer
path_ends.py names PORT                 a DNS server with one answer, of 4 KB
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


def whole(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind(("::", port))
    ready()
    while True:
        data, peer = s.recvfrom(65536)
        print(len(data), peer[0].replace("::ffff:", ""), peer[1], flush=True)
        s.sendto(data, peer)


def exchange(address, port, size):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    if ":" not in address:
        s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: don't
    payload = bytes(i * 7 % 251 for i in range(size))
    s.settimeout(2)
    for _ in range(3):
        s.sendto(payload, (address, port))
        try:
            if s.recvfrom(65536)[0] == payload:
                return
        except socket.timeout:
            pass
    sys.exit("no answer to %d bytes" % size)


def names(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, 10, 0)
    s.bind(("", port))
    ready()
    texts = b"".join(b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x3c\x00\xc9\xc8" + b"t" * 200 for _ in range(20))
    while True:
        query, peer = s.recvfrom(4096)
        end = query.index(b"\0", 12) + 5
        head = query[:2] + b"\x84\x00\x00\x01\x00\x14\x00\x00\x00\x00"
        try:
            s.sendto(head + query[12:end] + texts, peer)
        except OSError:
            pass  # no way there, for a moment


keep = []
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
numbers = [int(word) if word.isdigit() else word for word in sys.argv[2:]]
{"sink": sink, "send": send, "stuck": stuck, "quiet": quiet, "echo": echo, "datagrams": datagrams,
 "whole": whole, "exchange": exchange, "names": names}[sys.argv[1]](*numbers)

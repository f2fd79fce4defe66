#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A few control clients without manners: rude.py SOCKET SEED"""
import random
import socket
import sys
import time

rng = random.Random(sys.argv[2])
QUESTIONS = [b'{"command":"%s"}\n' % name for name in
             (b"status", b"sessions", b"mappings", b"rules", b"diagnose", b"metrics", b"events", b"pools")]


def half_a_line(client):
    client.sendall(rng.choice(QUESTIONS)[: rng.randint(1, 15)])


def noise(client):
    client.sendall(rng.randbytes(rng.randint(1, 3000)) + b"\n")


def endless_line(client):
    client.sendall(b"[" * 200000)


def deep(client):
    client.sendall(b'{"command":' + b"[" * rng.randint(100, 30000) + b"\n")


def never_reads(client):
    for _ in range(300):
        client.sendall(rng.choice(QUESTIONS))


def goes_at_once(client):
    client.sendall(rng.choice(QUESTIONS) * 3)


def unknown(client):
    client.sendall(b'{"command":"%d","limit":-1,"filter":{"source":{}}}\n' % rng.getrandbits(64))


WAYS = [half_a_line, noise, endless_line, deep, never_reads, goes_at_once, unknown]
clients = []
for _ in range(12):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(0.2)
    try:
        client.connect(sys.argv[1])
        rng.choice(WAYS)(client)
    except OSError:
        pass  # thrown out, as it should be
    clients.append(client)
time.sleep(rng.uniform(0, 1))

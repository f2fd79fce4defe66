# SPDX-License-Identifier: GPL-2.0-or-later
"""Ask a responder one thing and print the answer.

    probe.py tcp|udp ADDRESS PORT [--sport N] [--size N] [--ttl N] [--hold SECONDS] [--every SECONDS]

Exit 0 answered, 1 refused, 2 no answer. With --hold the connection stays and is used again every
--every seconds; each answer is a line.
"""
import argparse
import os
import socket
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("protocol", choices=("tcp", "udp"))
parser.add_argument("address")
parser.add_argument("port", type=int)
parser.add_argument("--sport", type=int, default=0)
parser.add_argument("--size", type=int, default=0)
parser.add_argument("--ttl", type=int, default=64)
parser.add_argument("--hold", type=float, default=0)
parser.add_argument("--every", type=float, default=0.1)
parser.add_argument("--timeout", type=float, default=2)
options = parser.parse_args()

family = socket.AF_INET6 if ":" in options.address else socket.AF_INET
kind = socket.SOCK_STREAM if options.protocol == "tcp" else socket.SOCK_DGRAM
talk = socket.socket(family, kind)
talk.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
talk.settimeout(options.timeout)
if family == socket.AF_INET:
    talk.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, options.ttl)


def ask():
    question = os.urandom(options.size) if options.size else b"hello\n"
    talk.sendall(question)
    reply = talk.recv(65536)
    if options.size:
        print("same" if reply == question else "different", flush=True)
    else:
        print(reply.decode().strip() or "closed", flush=True)
    return bool(reply)


try:
    talk.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", options.sport))
    talk.connect((options.address, options.port))
    end = time.monotonic() + options.hold
    alive = ask()
    while alive and time.monotonic() < end:
        time.sleep(options.every)
        alive = ask()
    sys.exit(0 if alive else 1)
except (ConnectionRefusedError, ConnectionResetError):
    print("refused")
    sys.exit(1)
except OSError as error:
    print(error)
    sys.exit(2)

# SPDX-License-Identifier: GPL-2.0-or-later
"""The ends of the virtual machine's network: `serve NAME` answers HTTP on port 80: /ip with the asker's address, /name
with NAME, /slow with 600,000 bytes in half a minute. `noise` sends datagrams to the server, each from a port of its own."""
import socket
import sys
import threading
import time


def answer(connection, address):
    path = connection.recv(4096).split(b" ")[1]
    page = address.encode() if path == b"/ip" else sys.argv[2].encode()
    pieces = [b"x" * 2000] * 300 if path == b"/slow" else [page]
    length = sum(len(piece) for piece in pieces)
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
    for piece in pieces:
        connection.sendall(piece)
        time.sleep(0.1 if len(pieces) > 1 else 0)
    connection.close()


def serve():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", 80))
    listener.listen(16)
    while True:
        connection, peer = listener.accept()
        threading.Thread(target=answer, args=(connection, peer[0]), daemon=True).start()


if sys.argv[1] == "serve":
    serve()
while True:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        try:
            sender.sendto(b"noise", ("198.51.100.2", 20000))
        except OSError:
            pass
    time.sleep(0.02)

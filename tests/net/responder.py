# SPDX-License-Identifier: GPL-2.0-or-later
"""Answer every line (TCP) or datagram (UDP) on port 7, both families, with the address and port
it came from. A datagram longer than 100 bytes is sent back whole: it must arrive as it left.
"""
import selectors
import socket

selector = selectors.DefaultSelector()


def plain(address):
    return address.removeprefix("::ffff:")


def accept(listener):
    connection, _ = listener.accept()
    selector.register(connection, selectors.EVENT_READ, serve)


def serve(connection):
    try:
        data = connection.recv(65536)
        if data:
            host, port = connection.getpeername()[:2]
            connection.sendall(f"{plain(host)} {port}\n".encode())
            return
    except OSError:
        pass
    selector.unregister(connection)
    connection.close()


def answer(datagrams):
    data, peer = datagrams.recvfrom(65536)
    reply = data if len(data) > 100 else f"{plain(peer[0])} {peer[1]}\n".encode()
    try:
        datagrams.sendto(reply, peer)
    except OSError:
        pass


listening = socket.create_server(("::", 7), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
selector.register(listening, selectors.EVENT_READ, accept)
datagram = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagram.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
datagram.bind(("::", 7))
selector.register(datagram, selectors.EVENT_READ, answer)
print("ready", flush=True)
while True:
    for key, _ in selector.select():
        key.data(key.fileobj)

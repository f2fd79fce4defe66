# SPDX-License-Identifier: GPL-2.0-or-later
"""Accept connections on a port, read a little and hold them, so that whoever kills this process
resets them: what the client sent on is unread.

    reset.py PORT
"""
import socket
import sys

listener = socket.create_server(("0.0.0.0", int(sys.argv[1])))
held = []
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(1)
    connection.sendall(b"welcome\n")
    held.append(connection)
    print("held", flush=True)

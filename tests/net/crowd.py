#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of real TCP connections at once.

	crowd.py serve PORT                      accepts, and sends back what comes
	crowd.py connect [--timeout S] [--stay] --from ADDRESS,... TO:PORT=COUNT...

connect opens COUNT connections to each TO in turn, keeps them all, sends eight bytes of its own on each
and expects them back. One line of JSON for each TO: how many were wanted, came to be and work. With
--stay it keeps them until it is killed.
"""
import argparse
import json
import os
import resource
import select
import socket
import struct
import sys
import time

IN_FLIGHT = 400
WORKERS = 4
NO_PORT_YET = 24  # IP_BIND_ADDRESS_NO_PORT: the port is chosen by destination too


def raise_limit():
	hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
	resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def serve(port):
	# No process may have as many descriptors as there are connections: the kernel spreads them.
	for _ in range(WORKERS - 1):
		if os.fork() == 0:
			break
	listener = socket.socket()
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
	listener.bind(("0.0.0.0", port))
	listener.listen(4096)
	listener.setblocking(False)
	poll = select.epoll()
	poll.register(listener, select.EPOLLIN)
	connections = {}
	os.write(1, b"ready\n")  # in one piece: all the workers write to one log
	while True:
		for fd, _ in poll.poll():
			if fd == listener.fileno():
				try:
					while True:
						connection, _ = listener.accept()
						connection.setblocking(False)
						connections[connection.fileno()] = connection
						poll.register(connection, select.EPOLLIN)
				except BlockingIOError:
					continue
			try:
				data = connections[fd].recv(64)
				if data:
					connections[fd].send(data)
					continue
			except OSError:
				pass
			poll.unregister(fd)
			connections.pop(fd).close()


class Crowd:
	def __init__(self, sources, timeout):
		self.sources, self.timeout = sources, timeout
		self.kept, self.serial = [], 0

	def begin(self, poll, to, pending):
		connection = socket.socket()
		connection.setblocking(False)
		connection.setsockopt(socket.IPPROTO_IP, NO_PORT_YET, 1)
		connection.bind((self.sources[self.serial % len(self.sources)], 0))
		self.serial += 1
		connection.connect_ex(to)
		pending[connection.fileno()] = [connection, struct.pack("!Q", self.serial), False, time.monotonic()]
		poll.register(connection, select.EPOLLOUT)

	def step(self, poll, fd, pending):
		"""One event of a connection; True when it is known to work, False when it failed, None: go on."""
		connection, token, sent, _ = pending[fd]
		try:
			if not sent:
				if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
					return False
				connection.send(token)
				pending[fd][2] = True
				poll.modify(fd, select.EPOLLIN)
				return None
			return connection.recv(64) == token
		except OSError:
			return False

	def fill(self, to, count):
		poll, pending = select.epoll(), {}
		began, started, connected, works = time.monotonic(), 0, 0, 0
		while started < count or pending:
			while started < count and len(pending) < IN_FLIGHT:
				self.begin(poll, to, pending)
				started += 1
			ended = []
			for fd, _ in poll.poll(0.1):
				before = pending[fd][2]
				result = self.step(poll, fd, pending)
				connected += pending[fd][2] and not before
				if result is not None:
					works += result
					ended.append((fd, result))
			now = time.monotonic()
			late = [fd for fd, entry in pending.items() if now - entry[3] > self.timeout]
			for fd, result in ended + [(fd, False) for fd in late if fd not in dict(ended)]:
				poll.unregister(fd)
				entry = pending.pop(fd)
				if result:
					self.kept.append(entry[0])
				else:
					entry[0].close()
		return {"to": to[0], "wanted": count, "connected": connected, "works": works,
			"seconds": round(time.monotonic() - began, 2)}


def main():
	raise_limit()
	if sys.argv[1:2] == ["serve"]:
		serve(int(sys.argv[2]))
	parser = argparse.ArgumentParser()
	parser.add_argument("verb", choices=["connect"])
	parser.add_argument("--timeout", type=float, default=20)
	parser.add_argument("--from", dest="sources", required=True)
	parser.add_argument("--stay", action="store_true")
	parser.add_argument("to", nargs="+")
	options = parser.parse_args()
	crowd = Crowd(options.sources.split(","), options.timeout)
	for word in options.to:
		where, count = word.split("=")
		address, port = where.split(":")
		print(json.dumps(crowd.fill((address, int(port)), int(count))), flush=True)
	print("done", flush=True)
	if options.stay:
		time.sleep(600)


main()

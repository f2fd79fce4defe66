# SPDX-License-Identifier: GPL-2.0-or-later
"""Be the journal for one program: print each entry it sends as a line of JSON.

    journal.py COMMAND...

Runs in a mount namespace of its own, where /run is empty. The program's stderr is a pipe that
JOURNAL_STREAM names; what comes there instead is an entry with the one member "stderr".
"""
import json
import os
import socket
import subprocess
import sys
import threading

os.makedirs("/run/systemd/journal", exist_ok=True)
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.bind("/run/systemd/journal/socket")
os.chmod("/run/systemd/journal/socket", 0o666)
reading, writing = os.pipe()
status = os.fstat(writing)
environment = dict(os.environ, JOURNAL_STREAM=f"{status.st_dev}:{status.st_ino}")


def say(entry):
    sys.stdout.write(json.dumps(entry) + "\n")
    sys.stdout.flush()


def listen():
    while True:
        # Values without a newline are NAME=value lines; none of ours has one.
        say(dict(line.split("=", 1) for line in journal.recv(65536).decode().splitlines() if "=" in line))


def listen_stderr():
    for line in os.fdopen(reading):
        say({"stderr": line.rstrip("\n")})


threading.Thread(target=listen, daemon=True).start()
threading.Thread(target=listen_stderr, daemon=True).start()
program = subprocess.Popen(sys.argv[1:], stderr=writing, env=environment)
os.close(writing)
sys.exit(program.wait())

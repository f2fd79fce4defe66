# SPDX-License-Identifier: GPL-2.0-or-later
"""How long packets take through the gateway while something else happens: echoes of the server, one after another."""
import socket
import time


def pace(until):
    """One echo after another until until() is true; their milliseconds, None for what did not come back."""
    times = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.connect(("198.51.100.2", 7))
        echo.settimeout(2)
        while not until():
            begin = time.monotonic()
            echo.send(b"x")
            try:
                echo.recv(100)
            except socket.timeout:
                times.append(None)
                continue
            times.append((time.monotonic() - begin) * 1000)
            time.sleep(0.002)
    return times


def middle(values):
    return sorted(values)[len(values) // 2]


def late(values):
    return sorted(values)[len(values) * 99 // 100]

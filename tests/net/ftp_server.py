# SPDX-License-Identifier: GPL-2.0-or-later
"""An FTP server for the tests: anonymous, read and write, in the folder named. Passive ports 50000-50009."""
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

authorizer = DummyAuthorizer()
authorizer.add_anonymous(sys.argv[1], perm="elradfmw")


class Handler(FTPHandler):
    """Announces the address it was asked at, and connects to the client's only."""


Handler.authorizer = authorizer
Handler.passive_ports = range(50000, 50010)
Handler.banner = "ready"
server = FTPServer((sys.argv[2], 21), Handler)
print("ready", flush=True)
server.serve_forever()

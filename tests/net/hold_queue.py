# SPDX-License-Identifier: GPL-2.0-or-later
"""Listen to an NFQUEUE, as some other program would, and keep it until killed."""
import socket
import struct
import sys
import time

NETLINK_NETFILTER = 12
NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG = 3, 2
NFQA_CFG_CMD, NFQNL_CFG_CMD_BIND = 1, 1
NLM_F_REQUEST, NLM_F_ACK = 1, 4

number = int(sys.argv[1])
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
netlink.bind((0, 0))
command = struct.pack("!BxH", NFQNL_CFG_CMD_BIND, socket.AF_UNSPEC)
attribute = struct.pack("=HH", 4 + len(command), NFQA_CFG_CMD) + command
body = struct.pack("!BBH", socket.AF_UNSPEC, 0, number) + attribute
kind = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG
netlink.send(struct.pack("=IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body)
error = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
if error:
    sys.exit(f"queue {number}: error {error}")
print("holding", flush=True)
time.sleep(600)

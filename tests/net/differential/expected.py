# SPDX-License-Identifier: GPL-2.0-or-later
"""Where sluice differs from the kernel on purpose, and why."""
import fnmatch
import re
from collections import namedtuple

# @ruleset: a pattern of names. @text: an expression that is in the ruleset. @probe: an expression that
# is in the probe's line. @kernel, @sluice: what every packet seen only there looks like; "": none.
Difference = namedtuple("Difference", "key ruleset text probe kernel sluice why")

NAT = r"\b(masquerade|snat)\b"

DIFFERENCES = [
    Difference(
        "untranslated", "*", NAT, r"^(tcp client .* flags=(-|F|SF|SR|FPU|R|SA)$|icmp/0/0 client)",
        r".*", "",
        "The kernel does not translate what belongs to no connection and lets it out with its internal "
        "address, where no rule drops what is invalid. No internal address ever leaves sluice.",
    ),
    Difference(
        "checksum", "*", "", r"bad=checksum", r".*BAD checksum$", "",
        "A packet with a wrong transport checksum is invalid for the kernel, and goes on if the rules let "
        "it. sluice drops it always: nothing acts before its checksum is seen to be right.",
    ),
    Difference(
        "error-unasked", "*", "", r"^error ", r"(server|client) icmp .* type [13]/3 ", "",
        "RFC 5508 REQ-4: an ICMP error that quotes no session is dropped silently, whatever the rules say.",
    ),
    Difference(
        "mask-request", "*", "", r"^icmp/17/0 ", r".* type 17/0 ", "",
        "RFC 1812 section 4.3.3.9: no router forwards an address mask request.",
    ),
    Difference(
        "fib-routes", "fib-routes", "", r"", r".*", r".*",
        "The daemon does not follow routes: a fib expression about an interface matches nothing.",
    ),
    Difference(
        "hairpin", "fib", "", r"tcp client > 198\.51\.100\.1:81$",
        r"client tcp (10\.0\.0\.20:\S+ > 10\.0\.0\.21:80|198\.51\.100\.1:81 > )",
        r"client tcp (198\.51\.100\.1:\S+ > 10\.0\.0\.21:80|198\.51\.100\.1:81 > )",
        "RFC 4787 REQ-9: an inner host that reaches another by the external address is seen with that one. The "
        "kernel leaves its source alone, and on a real LAN the answer goes past the gateway.",
    ),
    Difference(
        "port-zero", "*", "", r"> 198\.51\.100\.20:0$", r".*:0 ", "",
        "No service has UDP port 0 (RFC 768 knows it as a source only); packets to it are malformed to sluice.",
    ),
    Difference(
        "udp-lite", "*", "", r"^udplite ", r".* udplite ", r".* udplite ",
        "The kernel checks the checksum of UDP-Lite as if it were UDP's (protocol 17 in the pseudo-header), so "
        "all of it is invalid where it is checked. sluice follows RFC 3828.",
    ),
    Difference(
        "privileged-port", "*", NAT, r"^tcp (client 10\.0\.0\.21:443 > 203\.0\.113\.5:443|server > 10\.0\.0\.20:80 flags=SA)$",
        r"server tcp \S+( #1\})?:(443|80) > ", r"(server tcp \S+( #1\})?:\{1024- #1\}|client tcp 203\.0\.113\.5:443) > ",
        "The kernel keeps a source port below 1024. The setting port-range begins at 1024 by default, so that no "
        "mapping ever holds a port of a service.",
    ),
    Difference(
        "mss-learned", "mss", "", r"^tcp client > \S+:1002 mss=", r"client tcp \S+:1002 > .* SA .* opt 020405",
        r"client tcp \S+:1002 > .* SA .* opt 020405",
        "A router on the way to the server has said that 1400 bytes are too big (answer=toobig). The kernel does "
        "not listen to what it only forwards; sluice learns it, and rt mtu tells the client so in the SYN-ACK.",
    ),
    Difference(
        "mss-odd-place", "mss", "", r" shift$", r".* BAD checksum$", r".*",
        "The kernel leaves a wrong checksum when the option does not begin at an even place.",
    ),
]


def fits(pattern, lines):
    return all(pattern and re.match(pattern, line) for line in lines)


def find(ruleset, text, probe, kernel, sluice):
    """The key of the expected difference that this is, or None."""
    for known in DIFFERENCES:
        if (
            fnmatch.fnmatchcase(ruleset, known.ruleset)
            and re.search(known.text, text)
            and re.search(known.probe, probe)
            and fits(known.kernel, kernel)
            and fits(known.sluice, sluice)
        ):
            return known.key
    return None

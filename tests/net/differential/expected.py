# SPDX-License-Identifier: GPL-2.0-or-later
"""Where sluice differs from the kernel on purpose, and why."""
import fnmatch
from collections import namedtuple

# @ruleset, @probe: patterns. @kernel, @sluice: a pattern that every packet seen only there fits; "": there is none.
Difference = namedtuple("Difference", "key ruleset probe kernel sluice why")

DIFFERENCES = []


def fits(pattern, lines):
    return all(pattern and fnmatch.fnmatchcase(line, pattern) for line in lines)


def literal(pattern):
    """Brackets stand for themselves: IPv6 addresses have them."""
    return pattern.replace("[", "[[]")


def find(ruleset, probe, kernel, sluice):
    """The key of the expected difference that this is, or None."""
    for known in DIFFERENCES:
        if (
            fnmatch.fnmatchcase(ruleset, known.ruleset)
            and fnmatch.fnmatchcase(probe, literal(known.probe))
            and fits(literal(known.kernel), kernel)
            and fits(literal(known.sluice), sluice)
        ):
            return known.key
    return None

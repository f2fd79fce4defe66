/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every reason for which a packet is dropped: enum, JSON key and text from one
 * list. A drop without a reason does not compile.
 */
#ifndef SLUICE_REASONS_H
#define SLUICE_REASONS_H

/*        name                    key                       text                                                          */
#define SLUICE_REASONS(X) \
	X(NONE,                   "none",                   "not dropped")                                                 \
	X(TRUNCATED,              "truncated",              "the kernel handed over only part of the packet")              \
	X(SHORT_HEADER,           "short-header",           "a header is cut off")                                         \
	X(BAD_IP_HEADER,          "bad-ip-header",          "IP version, header length or total length is wrong")          \
	X(BAD_IP_CHECKSUM,        "bad-ip-checksum",        "IPv4 header checksum is wrong")                               \
	X(BAD_EXTENSION,          "bad-extension",          "IPv6 extension headers are malformed or too many")            \
	X(BAD_FRAGMENT,           "bad-fragment",           "a fragment that cannot be judged or must not exist")          \
	X(BAD_L4_HEADER,          "bad-l4-header",          "transport header length or contents are wrong")               \
	X(BAD_L4_CHECKSUM,        "bad-l4-checksum",        "transport checksum is wrong")                                 \
	X(MARTIAN,                "martian",                "an address that cannot be in such a packet")                  \
	X(POLICY,                 "policy",                 "a rule or a chain policy drops it")                           \
	X(REJECTED,               "rejected",               "a rule rejects it and an answer was sent")                    \
	X(INVALID,                "invalid",                "belongs to no session and may not open one")                  \
	X(OUT_OF_WINDOW,          "out-of-window",          "TCP sequence or acknowledgement outside the window")          \
	X(BAD_FLAGS,              "bad-flags",              "TCP flags that no packet may carry together")                 \
	X(FILTERED,               "filtered",               "the mapping's filtering behaviour does not admit this peer")  \
	X(UNSOLICITED,            "unsolicited",            "from outside to an external endpoint that nothing maps")      \
	X(UNTRANSLATED,           "untranslated",           "would have left with an internal address")                    \
	X(ICMP_UNMATCHED,         "icmp-unmatched",         "ICMP error that quotes no session")                           \
	X(ICMP_INVALID,           "icmp-invalid",           "ICMP error whose quoted packet does not fit its session")     \
	X(ICMP_FORBIDDEN,         "icmp-forbidden",         "ICMP type that a gateway does not forward")                   \
	X(TABLE_FULL,             "table-full",             "no room in the session table")                                \
	X(SOURCE_QUOTA,           "source-quota",           "the source holds or opens as much as it may")                 \
	X(POOL_EXHAUSTED,         "pool-exhausted",         "no external port is free")                                    \
	X(DESTINATION_EXHAUSTED,  "destination-exhausted",  "no external port is free for this destination")               \
	X(HOLD_DOWN,              "hold-down",              "all free external ports are still quarantined")               \
	X(NO_EXTERNAL_ADDRESS,    "no-external-address",    "masquerade, but the interface has no address")                \
	X(TUPLE_CLASH,            "tuple-clash",            "another session already answers to the same tuple")           \
	X(STALE_TRANSLATION,      "stale-translation",      "its session's translation no longer fits this hook")          \
	X(HELPER,                 "helper",                 "a line of a followed protocol cannot be translated")         \
	X(WRONG_HOOK,             "wrong-hook",             "arrived from a hook that sluice does not serve")

enum reason {
#define SLUICE_REASON_ENUM(name, key, text) REASON_##name,
	SLUICE_REASONS(SLUICE_REASON_ENUM)
#undef SLUICE_REASON_ENUM
	REASON_COUNT,
};

/* The JSON key of @reason; never NULL. */
static inline const char *reason_key(enum reason reason)
{
	static const char *const keys[] = {
#define SLUICE_REASON_KEY(name, key, text) key,
		SLUICE_REASONS(SLUICE_REASON_KEY)
#undef SLUICE_REASON_KEY
	};

	return reason < REASON_COUNT ? keys[reason] : "unknown";
}

/* A sentence fragment for people; never NULL. */
static inline const char *reason_text(enum reason reason)
{
	static const char *const texts[] = {
#define SLUICE_REASON_TEXT(name, key, text) text,
		SLUICE_REASONS(SLUICE_REASON_TEXT)
#undef SLUICE_REASON_TEXT
	};

	return reason < REASON_COUNT ? texts[reason] : "unknown";
}

#endif

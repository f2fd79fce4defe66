/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP tracking by scenarios: one row a packet. Sequence numbers count from each
 * side's SYN, and every scenario runs with several initial sequence numbers, some
 * of which wrap around in its middle.
 */
#ifndef TESTS_MODEL_TRACK_SCENARIO_H
#define TESTS_MODEL_TRACK_SCENARIO_H

#include "tests/model/track_wire.h"

#define ORIG DIRECTION_ORIGINAL
#define REPLY DIRECTION_REPLY

/**
 * struct row - a packet and what must become of it
 * @flags: letters of S A F R P U
 * @expect: the state it leaves: the packet counts and the timer starts anew;
 *	"=STATE": it passes and changes nothing; "!reason": invalid, and not a bit
 *	of the session changes; "~": it opens the tuple anew
 * @scale: window scale option, plus one
 * @class: timeout class, plus one
 */
struct row {
	enum direction direction;
	const char *flags;
	uint32_t sequence, acknowledgement, length, window;
	const char *expect;
	uint8_t scale;
	bool sack_permitted;
	uint32_t sack;
	uint32_t timestamp, echo;
	int class;
};

#define ROW(from, letters, seq, ack, data, offered, wanted, ...) \
	{ \
		.direction = (from), .flags = (letters), .sequence = (seq), .acknowledgement = (ack), \
		.length = (data), .window = (offered), .expect = (wanted), __VA_ARGS__ \
	}

/** struct bench - one session on its own */
struct bench {
	struct settings settings;
	union track track;
	enum timeout timeout;
	bool open, seen_reply, assured;
	uint32_t base[2];
	struct track_result result;
	char failure[160]; /* what went wrong, "" while all is well */
};

/* The default timeouts, with tcp-loose and tcp-liberal off. */
struct settings track_scenario_settings(void);

/* Send one row through @bench. Return: false, and @bench->failure says why. */
bool track_scenario_send(struct bench *bench, const struct row *row, size_t number);

/* Play all rows with each pair of initial sequence numbers. Return: as above; @bench is the last one. */
bool track_scenario_play(struct bench *bench, struct settings settings, const struct row *rows, size_t count);

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define CLASS(name) .class = TIMEOUT_TCP_##name + 1

#define PLAY_WITH(settings, rows) \
	do { \
		struct bench played; \
		if (!track_scenario_play(&played, settings, rows, COUNT(rows))) \
			fail_msg("%s", played.failure); \
	} while (0)
#define PLAY(rows) PLAY_WITH(track_scenario_settings(), rows)
#define PLAY_LOOSE(rows) \
	do { \
		struct settings loosely = track_scenario_settings(); \
		loosely.tcp_loose = true; \
		PLAY_WITH(loosely, rows); \
	} while (0)

/* clang-format off */
/* A connection with windows of 10000 each way. */
#define HANDSHAKE \
	ROW(ORIG, "S", 0, 0, 0, 10000, "SYN_SENT"), \
	ROW(REPLY, "SA", 0, 1, 0, 10000, "SYN_RECV"), \
	ROW(ORIG, "A", 1, 1, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED))
/* The same with 100 bytes each way, acknowledged. */
#define TALK \
	HANDSHAKE, \
	ROW(ORIG, "PA", 1, 1, 100, 10000, "ESTABLISHED"), \
	ROW(REPLY, "PA", 1, 101, 100, 10000, "ESTABLISHED"), \
	ROW(ORIG, "A", 101, 101, 0, 10000, "ESTABLISHED", CLASS(ESTABLISHED))
/* The same, and both have closed. */
#define CLOSED \
	TALK, \
	ROW(ORIG, "FA", 101, 101, 0, 10000, "FIN_WAIT"), \
	ROW(REPLY, "FA", 101, 102, 0, 10000, "LAST_ACK"), \
	ROW(ORIG, "A", 102, 102, 0, 10000, "TIME_WAIT")
/* clang-format on */

#endif

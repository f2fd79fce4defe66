/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes as a play in which an engine is the stage: settings and rules first, then one
 * step after another: packets of a few flows between a few endpoints, true, bent or
 * random, in the order of the kernel's hooks and sometimes held up between them; time;
 * changes of addresses, rules and sessions. After each step all invariants must hold,
 * and every packet that leaves must be right.
 */
#ifndef SLUICE_ENGINE_PLAY_H
#define SLUICE_ENGINE_PLAY_H

#include "sluice/explain.h"
#include "tests/model/wire_model.h"

#define PLAY_LAN 2
#define PLAY_WAN 3
#define PLAY_PACKET 700
#define PLAY_MEMORY 16
#define PLAY_HELD_UP 4
#define PLAY_CONFIGURATIONS 4

/* What passed, and by which interface; @iif 0: the router's own. */
struct play_packet {
	bool valid;
	uint32_t iif, oif;
	uint32_t mark;
	bool unfinished;
	struct wire_head {
		enum family family;
		uint8_t protocol;
		uint16_t l4;
	} head;
	uint16_t length;
	uint8_t bytes[PLAY_PACKET];
};

/* One that was accepted: as it came and as it left. */
struct play_memory {
	struct play_packet came, left;
};

/**
 * struct play - one run
 * @data, @size, @offset: what steps are read from; zeros after the end
 * @random: for what does not matter, payloads
 * @leaks_count: every ruleset so far hides inside addresses from the outside
 * @explain: before every packet the engine is asked what would become of it; set before
 *	play_run()
 * @plain: no port is held, overloaded or mapped one to one; set before play_run(). Of these the
 *	allocator keeps notes of its own, which a question may bring up to date
 * @survive: the engine's sessions are in memory that outlives it, and once in a while it is
 *	replaced by another one; set before play_run()
 * @damage: and the memory is damaged first; the play then ends. With @forged the seals are made
 *	to fit what they seal
 * @digest: of everything that was decided: two runs that differ in @explain only agree in it
 * @expected: the answer for the packet on its way, while @expects
 * @failure: what is wrong; NULL while nothing is
 * @steps, @accepted, @rewritten: how much happened
 */
struct play {
	const uint8_t *data;
	size_t size, offset;
	uint64_t random;
	struct engine_preview previews[3];
	struct engine *engine;
	struct configuration *configurations[PLAY_CONFIGURATIONS];
	size_t configuration_count;
	struct mono now;
	bool leaks_count;
	bool explain, plain, expects, survive, damage, forged;
	void *storage;
	uint8_t links; /* as set_links() was told */
	uint64_t digest, compared;
	struct explanation expected;
	const char *failure;
	char text[256];
	struct play_memory memory[PLAY_MEMORY];
	unsigned int memory_next;
	struct play_packet held_up[PLAY_HELD_UP];
	uint64_t steps, accepted, rewritten, survived;
};

/**
 * play_run() - from the first byte to the last
 *
 * Return: NULL, or a sentence that says what went wrong; it lives in @play.
 */
const char *play_run(struct play *play, const uint8_t *data, size_t size);

uint8_t play_byte(struct play *play);
uint32_t play_below(struct play *play, uint32_t limit);

/* engine_play_packets.c: the packet that the next bytes ask for; false: there is none. */
bool play_compose(struct play *play, struct play_packet *packet);

/* FTP between two of those endpoints. */
void play_ftp(struct play *play);

/* engine_play_ftp.c: a control connection from that client's endpoint, and what it announces. */
void play_converse(struct play *play, uint32_t iif, const struct tuple *tuple);

/* engine_play_hooks.c: the packet through its hooks, with all that must hold. */
void play_send(struct play *play, struct play_packet *packet);
/* From where it was held up. */
void play_resume(struct play *play, struct play_packet *packet);

/* engine_play_explain.c: asks about the packet, and holds what became of it against the answer. */
void play_explain(struct play *play, const struct play_packet *packet);
void play_compare(struct play *play, enum reason reason, const struct play_packet *left);
void play_digest(struct play *play, const struct engine_verdict *verdict, const struct play_packet *packet);

/* Is that address behind the router, or the router's own? */
bool play_is_inside(const struct address *address);
bool play_is_own(const struct address *address);
/* The interface behind which it lies; as struct oracle asks. */
uint32_t play_route(void *context, const struct address *address, uint32_t via_interface, uint32_t mark);

/* Hands over interfaces and addresses; bits say which there are. */
void play_set_links(struct play *play, uint8_t present);

void play_fail(struct play *play, const char *sentence);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: packet bytes + hook + time -> verdict, rewritten bytes, effects.
 *
 * All state hangs from `struct engine`. It makes no system call, reads no clock
 * and draws no random number: time, hash key and seed are arguments. All memory
 * is taken when it is created or when a ruleset is applied; nothing in the packet
 * path allocates.
 *
 * A packet may come by twice, in prerouting and again in forward or input. It is
 * tracked (and can change a session's state) exactly once: in the hook where its
 * fate is settled.
 */
#ifndef SLUICE_ENGINE_H
#define SLUICE_ENGINE_H

#include "sluice/effects.h"
#include "sluice/link.h"
#include "sluice/ruleset.h"

struct engine;
struct fastpath_slot;

/**
 * struct engine_secrets - what remote parties must not guess; drawn by the shell
 * @hash_key: keys the session table's hash
 * @seed: starts the generator behind port choice
 */
struct engine_secrets {
	uint64_t hash_key[2];
	uint64_t seed[4];
};

/**
 * engine_create() - an engine with no ruleset: every packet is dropped
 * @settings: copied; capacity counts here and never again
 *
 * Return: NULL without memory.
 */
struct engine *engine_create(const struct settings *settings, const struct engine_secrets *secrets, struct mono now);
void engine_destroy(struct engine *engine);

/**
 * engine_apply() - put a configuration in force between two packets
 * @configuration: the engine keeps a pointer; the caller destroys it only after
 *	another one was applied or the engine is gone
 *
 * Sessions stay and keep their translation. Capacity cannot change.
 * Return: 0, or -ENOMEM: then the old one stays in force, whole.
 */
int engine_apply(struct engine *engine, struct configuration *configuration, struct mono now);

/**
 * engine_set_links() - hand over the machine's interfaces and addresses, whole
 *
 * Copied. Mappings on an external address that is gone end with their sessions: some with this call, the
 * rest in engine_tick() or with their next packet.
 * Return: 0, or -ENOMEM: then the old table stays.
 */
int engine_set_links(struct engine *engine, const struct link_table *links, struct mono now);

/**
 * struct listener - a port that a program on this machine serves
 * @address: unspecified: on every address, of IPv4 only when it is 0.0.0.0
 * @port: host order
 */
struct listener {
	struct address address;
	uint8_t protocol;
	uint16_t port;
};

/**
 * engine_set_listeners() - hand over the machine's own services, whole
 *
 * Copied. No new mapping gets one of their ports; one that has it keeps it.
 * Return: 0, or -ENOMEM: then the old list stays.
 */
int engine_set_listeners(struct engine *engine, const struct listener *list, size_t count);

/* Questions only the shell can answer (routes); NULL members are allowed. Copied. */
void engine_set_oracle(struct engine *engine, const struct oracle *oracle);

/**
 * struct engine_fastpath - what forwards established sessions without asking us
 * @slots: one for each session of the capacity, shared with whatever does the forwarding; zeros, or
 *	what was there when an earlier process ended, whose sessions engine_recover() is to find
 * @identifications: FASTPATH_IDENTIFICATIONS counters, shared likewise
 * @recall: forget session @index, whose packets arrive as @arrives. When it returns
 *	nothing passes there any more
 */
struct engine_fastpath {
	void *context;
	struct fastpath_slot *slots;
	uint64_t *identifications;
	void (*recall)(void *context, uint32_t index, const struct tuple arrives[2]);
};

/* NULL: there is none, or no more; what was installed must have been recalled. Copied. */
void engine_set_fastpath(struct engine *engine, const struct engine_fastpath *fastpath);

/**
 * struct engine_flow - a session that EFFECT_INSTALL offers
 * @arrives, @leaves: a packet of either direction, before and after translation
 * @identification: the counter of its packets, or FASTPATH_IDENTIFICATION_KEPT
 */
struct engine_flow {
	struct tuple arrives[2], leaves[2];
	uint32_t identification[2];
};

/**
 * engine_lend() - the fast path takes a session over: its slot is filled
 *
 * From now on the engine believes what the slot says. When the fast path then cannot
 * take it after all, engine_recall() undoes this.
 * Return: false when the session is gone or no longer fit for it.
 */
bool engine_lend(struct engine *engine, struct session_handle handle, struct engine_flow *flow);

/* Is the session in slot @index lent? Then @handle and @flow receive what they say of it. */
bool engine_lent(const struct engine *engine, uint32_t index, struct session_handle *handle, struct engine_flow *flow);

/* Take one session, or all of them, back from the fast path. */
void engine_recall(struct engine *engine, struct session_handle handle, struct mono now);
void engine_recall_all(struct engine *engine, struct mono now);

/**
 * struct packet_meta - what came along with a packet
 * @preview: what engine_preview() made of this very packet, or NULL
 * @iif, @oif: interface indices, 0 where the hook has none
 * @room: bytes behind the packet that may be written: it may grow by so many
 * @truncated: the kernel kept part of the packet back
 * @checksum_unfinished: the transport checksum is still the pseudo-header's; when
 *	the packet is rewritten the engine computes it in full
 * @checksum_verified: the kernel vouches for the transport checksum
 */
struct packet_meta {
	const struct engine_preview *preview;
	enum hook hook;
	uint32_t iif, oif;
	uint32_t mark;
	uint32_t room;
	bool truncated;
	bool checksum_unfinished;
	bool checksum_verified;
};

/**
 * struct engine_verdict
 * @reason: REASON_NONE exactly when accepted
 * @rewritten: the bytes changed and must go back with the verdict
 * @settled: later hooks need not ask about this packet: set the mark bit
 * @mark_changed: @mark is to be set on the packet (without sluice's own bit)
 * @rule: that decided, for ruleset_rule_place(); RULE_NONE: a chain's policy, or none was asked
 * @length: of the packet now
 */
struct engine_verdict {
	enum verdict verdict;
	enum reason reason;
	bool rewritten;
	bool settled;
	bool mark_changed;
	uint32_t mark;
	uint32_t rule;
	uint32_t length;
};

/**
 * struct engine_preview - one packet of a batch
 * @bytes, @length, @hook: as they will be given to engine_process()
 * @known, @fresh, @tuple, @hash, @inverse: what engine_preview() found out
 */
struct engine_preview {
	const uint8_t *bytes;
	uint32_t length;
	enum hook hook;
	bool known, fresh;
	struct tuple tuple;
	uint32_t hash, inverse;
};

/* As many packets as one preview may have. */
#define ENGINE_PREVIEW 64

/**
 * engine_preview() - have the memory that a batch of packets needs fetched
 *
 * To be called before the first of them is processed. Changes nothing that anybody sees; what
 * becomes of a packet is the same without.
 */
void engine_preview(const struct engine *engine, struct engine_preview *previews, unsigned int count);

/**
 * engine_process() - decide one packet
 * @bytes: the packet from its IP header on; rewritten in place
 * @length: bytes there
 */
struct engine_verdict engine_process(struct engine *engine, const struct packet_meta *meta, uint8_t *bytes,
				     size_t length, struct mono now);

/**
 * engine_tick() - let time pass: expire sessions and mappings, raise alerts
 * @budget: entries to look at, at most
 *
 * Return: true when more is due at once.
 */
bool engine_tick(struct engine *engine, struct mono now, unsigned int budget);

/**
 * engine_next_effect() - take the oldest effect not yet taken
 *
 * Return: false when there is none. Effects that find no room are counted.
 */
bool engine_next_effect(struct engine *engine, struct effect *effect);

/** engine_sessions_opened() - how many sessions have begun since the engine was made */
uint64_t engine_sessions_opened(const struct engine *engine);

/** engine_effects_lost() - those that found no room, since the engine was made */
uint64_t engine_effects_lost(const struct engine *engine);

/* Shall what becomes of sessions be effects? At first it is. */
void engine_watch_sessions(struct engine *engine, bool wanted);

/* Shall mappings that come and go be effects, also where the configuration does not log them? */
void engine_watch_mappings(struct engine *engine, bool wanted);

/* The configuration in force; NULL before the first engine_apply(). */
const struct configuration *engine_configuration(const struct engine *engine);

#endif

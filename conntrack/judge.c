/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From packets to rules and back: asks the base chains of a hook one after
 * another and turns what they decide into the passage's next steps.
 */
#include "conntrack/compose.h"
#include "conntrack/engine_private.h"
#include "conntrack/mss.h"
#include "conntrack/rewrite.h"
#include "conntrack/storage.h"

/* ---------------------------------------------------------------- answering */

static bool is_own(const struct link_table *table, const struct address *address)
{
	for (size_t i = 0; i < table->count; i++) {
		for (unsigned int j = 0; j < table->links[i].address_count; j++) {
			if (address_equal(&table->links[i].addresses[j].address, address))
				return true;
		}
	}
	return false;
}

/*
 * The address the router answers from: the one that was asked, where that is the
 * router's own or stands for another host; else the interface's that the packet
 * came in by (RFC 1812 section 4.3.2.4).
 */
static const struct address *own_address(const struct passage *passage, bool translated)
{
	const struct link *link = passage->context.iif ? passage->context.iif : passage->context.oif;

	if (translated || is_own(&passage->engine->link_table, &passage->original.destination.address))
		return &passage->original.destination.address;
	for (unsigned int i = 0; link && i < link->address_count; i++) {
		const struct link_address *candidate = &link->addresses[i];

		if (candidate->usable && candidate->global &&
		    address_family(&candidate->address) == passage->packet.family)
			return &candidate->address;
	}
	return NULL;
}

/* Composes the answer that a reject statement asks for (RFC 9293, RFC 792, RFC 4443). */
void judge_answer(struct passage *passage, const struct rule_outcome *outcome)
{
	struct outbox *outbox = &passage->engine->outbox;
	uint8_t *room = outbox_packet(outbox);
	bool translated = !tuple_equal(&passage->packet.tuple, &passage->original);
	const struct address *from = own_address(passage, translated);
	size_t length = 0;

	if (!room)
		return;
	/* The sender knows nothing of translations: it hears of the packet as it sent it. */
	if (translated)
		rewrite_tuple(&passage->packet, &passage->original, passage->meta->checksum_unfinished);
	if (outcome->reject_with == REJECT_TCP_RESET)
		length =
		    packet_is_tcp(&passage->packet) ? compose_tcp_reset(&passage->packet, room, OUTBOX_PACKET_SIZE) : 0;
	else if (from)
		length = compose_icmp_error(&passage->packet, from, passage->packet.family == FAMILY_IPV4 ? 3 : 1,
					    outcome->reject_code, 0, room, OUTBOX_PACKET_SIZE);
	outbox_inject(outbox, room, length, passage->now);
}

static void send_logs(struct passage *passage, const struct rule_outcome *outcome, enum hook hook)
{
	for (unsigned int i = 0; i < outcome->log_count; i++) {
		struct effect *effect = outbox_add(&passage->engine->outbox, EFFECT_LOG, passage->now);

		if (!effect)
			return;
		effect->log.prefix = outcome->logs[i].prefix;
		effect->log.level = outcome->logs[i].level;
		effect->log.rule = outcome->logs[i].rule;
		effect->log.hook = hook;
		effect->log.iif = passage->meta->iif;
		effect->log.oif = passage->meta->oif;
		effect->log.tuple = passage->context.view;
		effect->log.length = passage->packet.length;
	}
}

/* --------------------------------------------------------------------- MSS */

static void lower(uint32_t *mtu, uint32_t other)
{
	if (other && other < *mtu)
		*mtu = other;
}

/* `rt mtu`: the lowest of both interfaces' MTU and what is known of the path. */
static uint16_t mss_of_route(const struct passage *passage)
{
	const struct oracle *oracle = &passage->engine->oracle;
	const struct path_mtus *learned = passage->engine->path_mtus;
	const struct tuple *view = &passage->context.view;
	uint32_t mtu = UINT16_MAX;

	if (passage->context.iif && !passage->context.iif->loopback)
		lower(&mtu, passage->context.iif->mtu);
	if (passage->context.oif && !passage->context.oif->loopback)
		lower(&mtu, passage->context.oif->mtu);
	lower(&mtu, path_mtus_lookup(learned, &view->destination.address, passage->now));
	lower(&mtu, path_mtus_lookup(learned, &view->source.address, passage->now));
	if (oracle->path_mtu) {
		lower(&mtu, oracle->path_mtu(oracle->context, &view->destination.address));
		lower(&mtu, oracle->path_mtu(oracle->context, &view->source.address));
	}
	return mss_for_mtu(passage->packet.family, mtu);
}

static void note_mss(struct passage *passage, uint16_t mss)
{
	if (mss && (!passage->mss || mss < passage->mss))
		passage->mss = mss;
}

/* ----------------------------------------------------------------- judging */

/* A nat chain decided: remember it, and let later chains see a new destination. */
static enum reason take_request(struct passage *passage, const struct nat_request *request)
{
	if (request->kind == NAT_SNAT || request->kind == NAT_MASQUERADE) {
		passage->snat = *request;
		passage->has_snat = true;
		return REASON_NONE;
	}
	passage->dnat = *request;
	passage->has_dnat = true;
	passage->context.ct_status |= CT_STATUS_DNAT;
	return nat_destination(passage, request, &passage->context.view.destination);
}

enum reason judge(struct passage *passage, enum hook hook, bool nat)
{
	struct ruleset *ruleset = passage->engine->configuration->ruleset;
	size_t count;
	const struct base_chain *const *chains = ruleset_base_chains(ruleset, hook, &count);
	struct rule_outcome outcome;
	enum reason reason;

	passage->context.hook = hook;
	if (count && passage->session)
		session_tell_tuples(passage);
	for (size_t i = 0; i < count; i++) {
		bool is_nat = base_chain_type(chains[i]) == CHAIN_NAT;
		bool decided = hook == HOOK_PREROUTING || hook == HOOK_OUTPUT ? passage->has_dnat : passage->has_snat;

		if (!base_chain_sees(chains[i], passage->packet.family) ||
		    (is_nat && (!nat || decided || passage->notrack)))
			continue;
		if (passage->trace) {
			ruleset_rehearse(ruleset, chains[i], &passage->context, &outcome, passage->trace);
		} else {
			ruleset_evaluate(ruleset, chains[i], &passage->context, &outcome);
			send_logs(passage, &outcome, hook);
		}
		note_mss(passage, outcome.mss);
		if (outcome.mss_route)
			note_mss(passage, mss_of_route(passage));
		if (outcome.notrack && base_chain_priority(chains[i]) < TRACKING_PRIORITY) {
			passage->notrack = true;
			passage->context.ct_state = CT_STATE_UNTRACKED;
		}
		passage->helper |= outcome.helper;
		if (outcome.rule != RULE_NONE || passage->rule == RULE_NONE)
			passage->rule = is_nat && passage->rule != RULE_NONE ? passage->rule : outcome.rule;
		switch (outcome.action) {
		case RULE_DROP:
			passage->rule = outcome.rule;
			return REASON_POLICY;
		case RULE_REJECT:
			passage->rule = outcome.rule;
			if (!passage->trace)
				judge_answer(passage, &outcome);
			return REASON_REJECTED;
		case RULE_NAT:
			reason = take_request(passage, &outcome.nat);
			if (reason != REASON_NONE)
				return reason;
			break;
		case RULE_ACCEPT:
			break;
		}
	}
	return REASON_NONE;
}

bool judge_established(const struct passage *passage, enum hook hook)
{
	const struct packet *packet = &passage->packet;

	/* SYNs have rules of their own; with FIN or RST they are never valid, and dropped whatever rules say. */
	if (packet_is_tcp(packet) && (packet->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST)) == TCP_SYN)
		return false;
	return ruleset_established_accepted(passage->engine->configuration->ruleset, hook, packet->family);
}

void judge_count_established(struct passage *passage, enum hook hook)
{
	ruleset_count_established(passage->engine->configuration->ruleset, hook, passage->packet.family, 1,
				  passage->packet.length);
}

/* ------------------------------------------------------------------- places */

/* A place is the file's number in the upper byte (from 1) and the line below it. */
#define PLACE_LINE_BITS 24

static uint32_t place_of(struct engine *engine, struct rule_place at)
{
	uint32_t file = 0;

	if (!at.file)
		return 0;
	while (file < PLACE_FILES && engine->place_files[file][0] &&
	       strncmp(engine->place_files[file], at.file, PLACE_FILE_SIZE - 1) != 0)
		file++;
	if (file == PLACE_FILES)
		return 0;
	if (!engine->place_files[file][0]) {
		strncpy(engine->place_files[file], at.file, PLACE_FILE_SIZE - 1);
		if (engine->storage)
			memcpy(engine->storage->place_files[file], engine->place_files[file], PLACE_FILE_SIZE);
	}
	return (file + 1) << PLACE_LINE_BITS | (at.line & ((1U << PLACE_LINE_BITS) - 1));
}

bool place_adopt(struct engine *engine, const char files[PLACE_FILES][PLACE_FILE_SIZE])
{
	for (unsigned int i = 0; i < PLACE_FILES; i++)
		if (files[i][PLACE_FILE_SIZE - 1] || (i && files[i][0] && !files[i - 1][0]))
			return false;
	memcpy(engine->place_files, files, sizeof(engine->place_files));
	return true;
}

bool place_is_sound(const struct engine *engine, uint32_t place)
{
	uint32_t file = place >> PLACE_LINE_BITS;

	return place == 0 || (file > 0 && file <= PLACE_FILES && engine->place_files[file - 1][0]);
}

uint32_t place_of_rule(struct engine *engine, uint32_t rule)
{
	return place_of(engine, ruleset_rule_place(engine->configuration->ruleset, rule));
}

uint32_t place_of_policy(struct engine *engine, enum hook hook, enum family family)
{
	return place_of(engine, ruleset_policy_place(engine->configuration->ruleset, hook, family));
}

const char *place_file(const struct engine *engine, uint32_t place)
{
	return place ? engine->place_files[(place >> PLACE_LINE_BITS) - 1] : NULL;
}

unsigned int place_line(uint32_t place)
{
	return place & ((1U << PLACE_LINE_BITS) - 1);
}

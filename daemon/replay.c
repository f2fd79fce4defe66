/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation. Time is the capture's: the engine's clock starts with the
 * first packet, and between two packets it ticks as often as the daemon would. The
 * secrets are fixed, so that port choices repeat. Each packet passes the hooks that
 * the kernel would lead it through, as queue.c would hand it over: prerouting, then
 * input or forward by its destination then; or output, when its source is the
 * gateway's own.
 */
#include "daemon/replay.h"

#include <inttypes.h>
#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>

#include "conntrack/checksum.h"
#include "daemon/replay_line.h"
#include "daemon/replay_links.h"
#include "sluice/snapshot.h"

#define TICK_NS (100 * NS_PER_MS)
#define TICK_BUDGET 4096u
/* An hour of ticks; a longer silence has longer ticks. */
#define TICKS_LIMIT 36000u
/* The engine's clock at the first packet: a time of 0 would be an edge that no machine meets. */
#define EPOCH_NS (1000 * NS_PER_S)
#define PACKET_LIMIT 65576 /* 65535 bytes of payload behind an IPv6 header, and more than any IPv4 packet */
#define SNAPSHOT_LENGTH 262144

struct replay {
	struct engine *engine;
	const struct ruleset *ruleset;
	struct replay_links links;
	pcap_t *capture, *dead;
	pcap_dumper_t *out;
	uint64_t first_ns;
	struct mono now;
	uint64_t frames, foreign, accepted, dropped;
	uint8_t bytes[PACKET_LIMIT];
};

/* The packet in hand: @length by its headers, of which @captured bytes are in the file. */
struct replayed {
	uint32_t length, captured;
};

/* ------------------------------------------------------------- link layers */

/* Behind Ethernet addresses, over VLAN tags (IEEE 802.1Q, 802.1ad). */
static size_t ethernet_header(const uint8_t *bytes, size_t length)
{
	size_t at = 12;

	while (at + 6 <= length) {
		uint16_t type = (uint16_t)(bytes[at] << 8 | bytes[at + 1]);

		if (type == 0x0800 || type == 0x86dd)
			return at + 2;
		if (type != 0x8100 && type != 0x88a8)
			return 0;
		at += 4;
	}
	return 0;
}

/* Where the IP header begins; @length when the frame holds none. */
static size_t ip_offset(int link_type, const uint8_t *bytes, size_t length)
{
	size_t at = 0;

	switch (link_type) {
	case DLT_EN10MB:
		at = ethernet_header(bytes, length);
		if (!at)
			return length;
		break;
	case DLT_LINUX_SLL:
		at = 16;
		break;
	case DLT_LINUX_SLL2:
		at = 20;
		break;
	case DLT_NULL:
	case DLT_LOOP:
		at = 4;
		break;
	default:
		break;
	}
	if (at >= length || (bytes[at] >> 4 != 4 && bytes[at] >> 4 != 6))
		return length;
	/* "Cooked" frames name their protocol; what it is not must not be guessed from one nibble. */
	if (link_type == DLT_LINUX_SLL || link_type == DLT_LINUX_SLL2) {
		const uint8_t *type = bytes + (link_type == DLT_LINUX_SLL ? 14 : 0);

		if (memcmp(type, "\x08\x00", 2) != 0 && memcmp(type, "\x86\xdd", 2) != 0)
			return length;
	}
	return at;
}

static bool link_type_known(int link_type)
{
	static const int known[] = { DLT_EN10MB, DLT_RAW,  DLT_IPV4,	  DLT_IPV6,
				     DLT_NULL,	 DLT_LOOP, DLT_LINUX_SLL, DLT_LINUX_SLL2 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == link_type)
			return true;
	return false;
}

/* ----------------------------------------------------------------- leaving */

static void write_out(struct replay *replay, const uint8_t *bytes, uint32_t captured, uint32_t length)
{
	uint64_t ns = replay->first_ns + replay->now.ns - EPOCH_NS;
	struct pcap_pkthdr header = {
		/* With nanoseconds asked for, libpcap takes tv_usec as such. */
		.ts = { .tv_sec = (time_t)(ns / NS_PER_S), .tv_usec = (suseconds_t)(ns % NS_PER_S) },
		.caplen = captured < length ? captured : length,
		.len = length,
	};

	if (replay->out)
		pcap_dump((u_char *)replay->out, &header, bytes);
}

static void put_time(const struct replay *replay)
{
	uint64_t us = (replay->now.ns - EPOCH_NS) / 1000;

	printf("%" PRIu64 ".%06" PRIu64 " ", us / 1000000, us % 1000000);
}

/*
 * What the engine asked for. Of all that only packets matter here: an answer to
 * the packet whose line is being written ends that line, others have their own.
 */
static void take_effects(struct replay *replay, bool in_line)
{
	static uint8_t copy[PACKET_LIMIT];
	struct effect effect;
	struct packet packet;

	while (engine_next_effect(replay->engine, &effect)) {
		bool readable;

		if (effect.kind != EFFECT_INJECT || effect.inject.length > sizeof(copy))
			continue;
		memcpy(copy, effect.inject.bytes, effect.inject.length);
		readable = packet_parse(&packet, copy, effect.inject.length) == REASON_NONE;
		if (in_line)
			fputs(" answer ", stdout);
		else
			put_time(replay);
		replay_line_packet(stdout, readable ? &packet : NULL);
		if (!in_line) {
			replay_line_verdict(stdout, "sent", "none", replay->ruleset, RULE_NONE,
					    readable ? &packet : NULL, false);
			putchar('\n');
		}
		write_out(replay, copy, effect.inject.length, effect.inject.length);
	}
}

/* Lets time pass until @to: all that is due by then is done before the next packet. */
static void pass_time(struct replay *replay, struct mono to)
{
	uint64_t gap = to.ns > replay->now.ns ? to.ns - replay->now.ns : 0;
	uint64_t step = gap / TICKS_LIMIT > TICK_NS ? gap / TICKS_LIMIT : TICK_NS;

	while (replay->now.ns < to.ns) {
		replay->now.ns = to.ns - replay->now.ns > step ? replay->now.ns + step : to.ns;
		while (engine_tick(replay->engine, replay->now, TICK_BUDGET))
			take_effects(replay, false);
		take_effects(replay, false);
	}
}

/* ----------------------------------------------------------- through the hooks */

/*
 * A capture on the sending machine sees checksums that the hardware has yet to
 * finish: they hold the pseudo-header's sum alone.
 */
static bool checksum_unfinished(const struct packet *packet)
{
	uint8_t protocol = packet->tuple.protocol;
	const uint8_t *field = packet->bytes + packet->l4_offset;

	if (packet->fragment || (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP))
		return false;
	field += checksum_field_offset(protocol);
	return checksum_load16(field) ==
	       checksum_fold(checksum_pseudo(packet->family, packet->bytes + packet->pseudo_source,
					     packet->bytes + packet->pseudo_destination, protocol, packet->l4_length));
}

static struct engine_verdict through_hook(struct replay *replay, struct packet_meta *meta, enum hook hook,
					  struct replayed *replayed)
{
	struct engine_verdict verdict;

	meta->hook = hook;
	meta->room = PACKET_LIMIT - replayed->length;
	verdict = engine_process(replay->engine, meta, replay->bytes, replayed->length, replay->now);
	if (verdict.verdict == VERDICT_ACCEPT) {
		if (replayed->captured == replayed->length)
			replayed->captured = verdict.length;
		replayed->length = verdict.length;
	}
	if (verdict.mark_changed)
		meta->mark = verdict.mark;
	return verdict;
}

/* After prerouting: where its destination lies now. NULL: the engine's reason stands. */
static const char *route(struct replay *replay, struct packet_meta *meta, struct replayed *replayed,
			 struct engine_verdict *verdict)
{
	struct engine_verdict before = *verdict;
	struct packet packet;

	if (verdict->verdict == VERDICT_DROP || packet_parse(&packet, replay->bytes, replayed->length) != REASON_NONE)
		return NULL;
	if (replay_links_ends_here(&replay->links, &packet.tuple.destination.address)) {
		if (!before.settled)
			*verdict = through_hook(replay, meta, HOOK_INPUT, replayed);
	} else {
		/* The kernel's own check stands between routing and the forward hook. */
		if (packet.ttl <= 1) {
			verdict->verdict = VERDICT_DROP;
			return "ttl-exceeded";
		}
		meta->oif = replay_links_route(&replay->links, &packet.tuple.destination.address);
		if (!before.settled)
			*verdict = through_hook(replay, meta, HOOK_FORWARD, replayed);
	}
	verdict->rewritten |= before.rewritten;
	if (verdict->rule == RULE_NONE && verdict->verdict == VERDICT_ACCEPT)
		verdict->rule = before.rule;
	return NULL;
}

static const char *through_hooks(struct replay *replay, const struct packet *packet, struct replayed *replayed,
				 struct engine_verdict *verdict)
{
	struct packet_meta meta = { .checksum_verified = replayed->captured < replayed->length };
	const struct address *source = packet ? &packet->tuple.source.address : NULL;

	if (packet && !meta.checksum_verified)
		meta.checksum_unfinished = checksum_unfinished(packet);
	if (packet && replay_links_own(&replay->links, source)) {
		meta.oif = replay_links_route(&replay->links, &packet->tuple.destination.address);
		*verdict = through_hook(replay, &meta, HOOK_OUTPUT, replayed);
		return NULL;
	}
	meta.iif = packet ? replay_links_route(&replay->links, source) : replay->links.fallback;
	*verdict = through_hook(replay, &meta, HOOK_PREROUTING, replayed);
	return route(replay, &meta, replayed, verdict);
}

/* ------------------------------------------------------------------ packets */

static void replay_packet(struct replay *replay, struct replayed *replayed)
{
	struct engine_verdict verdict;
	struct packet packet, left;
	bool readable = packet_parse(&packet, replay->bytes, replayed->length) == REASON_NONE, leaves;
	const char *reason;

	put_time(replay);
	replay_line_packet(stdout, readable ? &packet : NULL);
	reason = through_hooks(replay, readable ? &packet : NULL, replayed, &verdict);
	leaves =
	    verdict.verdict == VERDICT_ACCEPT && packet_parse(&left, replay->bytes, replayed->length) == REASON_NONE;
	replay_line_verdict(stdout, leaves ? "accept" : "drop", reason ? reason : reason_key(verdict.reason),
			    replay->ruleset, verdict.rule, leaves ? &left : NULL, verdict.rewritten);
	replay->accepted += leaves;
	replay->dropped += !leaves;
	if (leaves)
		write_out(replay, replay->bytes, replayed->captured, replayed->length);
	take_effects(replay, true);
	putchar('\n');
}

/* One frame of the capture; what is cut off is zeros, and its checksum is not judged. */
static void replay_frame(struct replay *replay, const struct pcap_pkthdr *header, const u_char *frame)
{
	/* With nanoseconds asked for, libpcap puts them into tv_usec. */
	uint64_t ns = (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec;
	size_t offset = ip_offset(pcap_datalink(replay->capture), frame, header->caplen);
	struct replayed replayed;
	size_t whole;

	if (!replay->frames++)
		replay->first_ns = ns;
	/* A capture can go back in time, the engine cannot. */
	if (ns > replay->first_ns)
		pass_time(replay, (struct mono){ ns - replay->first_ns + EPOCH_NS });
	if (offset >= header->caplen) {
		replay->foreign++;
		put_time(replay);
		puts("- - - skip no-ip - - -");
		return;
	}
	whole = (header->len > header->caplen ? header->len : header->caplen) - offset;
	replayed.length = (uint32_t)(whole < PACKET_LIMIT ? whole : PACKET_LIMIT);
	replayed.captured = (uint32_t)(header->caplen - offset);
	if (replayed.captured > replayed.length)
		replayed.captured = replayed.length;
	memset(replay->bytes + replayed.captured, 0, replayed.length - replayed.captured);
	memcpy(replay->bytes, frame + offset, replayed.captured);
	replay_packet(replay, &replayed);
}

static int replay_capture(struct replay *replay, const char *path)
{
	struct snapshot_status status;
	struct pcap_pkthdr *header;
	const u_char *frame;
	int got;

	while ((got = pcap_next_ex(replay->capture, &header, &frame)) == 1)
		replay_frame(replay, header, frame);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		perror("sluiced: cannot print");
		return EXIT_FAILURE;
	}
	snapshot_status(replay->engine, &status);
	fprintf(stderr,
		"sluiced: %" PRIu64 " frames: %" PRIu64 " accepted, %" PRIu64 " dropped, %" PRIu64
		" without IP; %u sessions at the end\n",
		replay->frames, replay->accepted, replay->dropped, replay->foreign, status.sessions.current);
	if (got != PCAP_ERROR_BREAK) {
		fprintf(stderr, "sluiced: %s: %s\n", path, pcap_geterr(replay->capture));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* ------------------------------------------------------------ start and end */

static int open_capture(struct replay *replay, const char *path)
{
	char error[PCAP_ERRBUF_SIZE];

	replay->capture = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
	if (!replay->capture) {
		fprintf(stderr, "sluiced: %s: %s\n", path, error);
		return EXIT_FAILURE;
	}
	if (!link_type_known(pcap_datalink(replay->capture))) {
		const char *name = pcap_datalink_val_to_name(pcap_datalink(replay->capture));

		fprintf(stderr, "sluiced: %s: cannot read link type %s\n", path, name ? name : "of that number");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static int open_out(struct replay *replay, const char *path)
{
	if (!path)
		return EXIT_SUCCESS;
	replay->dead = pcap_open_dead_with_tstamp_precision(DLT_RAW, SNAPSHOT_LENGTH, PCAP_TSTAMP_PRECISION_NANO);
	replay->out = replay->dead ? pcap_dump_open(replay->dead, path) : NULL;
	if (!replay->out) {
		fprintf(stderr, "sluiced: %s\n", replay->dead ? pcap_geterr(replay->dead) : "no memory");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

static int find_links(struct replay *replay, const struct replay_options *options)
{
	char why[160] = "no memory";
	int error;

	if (options->link_count)
		error = replay_links_parse(&replay->links, options->links, options->link_count, why, sizeof(why));
	else if ((error = replay_links_machine(&replay->links)) < 0)
		snprintf(why, sizeof(why), "cannot read this machine's interfaces: %s", strerror(-error));
	if (error)
		fprintf(stderr, "sluiced: %s\n", why);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int start_engine(struct replay *replay, struct configuration *configuration)
{
	static const struct engine_secrets secrets = { { 1, 2 }, { 3, 4, 5, 6 } };
	struct oracle oracle = replay_links_oracle(&replay->links);

	replay->now.ns = EPOCH_NS;
	replay->ruleset = configuration->ruleset;
	replay->engine = engine_create(&configuration->settings, &secrets, replay->now);
	if (!replay->engine || engine_apply(replay->engine, configuration, replay->now) < 0 ||
	    engine_set_links(replay->engine, &replay->links.table, replay->now) < 0) {
		fputs("sluiced: no memory for a session table of that capacity\n", stderr);
		return EXIT_FAILURE;
	}
	engine_set_oracle(replay->engine, &oracle);
	return EXIT_SUCCESS;
}

int replay_run(struct configuration *configuration, const struct replay_options *options)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	int result = EXIT_FAILURE;

	if (!replay) {
		fputs("sluiced: no memory\n", stderr);
		return result;
	}
	if (open_capture(replay, options->capture) || find_links(replay, options) ||
	    start_engine(replay, configuration) || open_out(replay, options->out))
		goto cleanup;
	result = replay_capture(replay, options->capture);
	if (replay->out && pcap_dump_flush(replay->out) < 0) {
		fprintf(stderr, "sluiced: %s: cannot write\n", options->out);
		result = EXIT_FAILURE;
	}
cleanup:
	if (replay->out)
		pcap_dump_close(replay->out);
	if (replay->dead)
		pcap_close(replay->dead);
	engine_destroy(replay->engine);
	replay_links_fini(&replay->links);
	if (replay->capture)
		pcap_close(replay->capture);
	free(replay);
	return result;
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "tests/model/track_scenario.h"

struct settings track_scenario_settings(void)
{
	struct settings settings = { .tcp_loose = false };

#define TEST_TIMEOUT(name, protocol, state, seconds) settings.timeout_s[TIMEOUT_##name] = seconds;
	SLUICE_TIMEOUTS(TEST_TIMEOUT)
#undef TEST_TIMEOUT
	return settings;
}

static uint8_t flags_of(const char *letters)
{
	uint8_t flags = 0;

	for (; *letters; letters++) {
		flags |= *letters == 'S' ? TCP_SYN : 0;
		flags |= *letters == 'A' ? TCP_ACK : 0;
		flags |= *letters == 'F' ? TCP_FIN : 0;
		flags |= *letters == 'R' ? TCP_RST : 0;
		flags |= *letters == 'P' ? TCP_PSH : 0;
		flags |= *letters == 'U' ? TCP_URG : 0;
	}
	return flags;
}

/* Acknowledgement 0 without further ado stays 0 on the wire, as does sequence 0 of an RST from the reply. */
static struct track_wire wire_of(const struct bench *bench, const struct row *row)
{
	uint8_t flags = flags_of(row->flags);
	uint32_t own = bench->base[row->direction], other = bench->base[!row->direction];
	bool bare = flags & TCP_RST && row->sequence == 0;

	return (struct track_wire){
		.flags = flags,
		.sequence = bare ? 0 : own + row->sequence,
		.acknowledgement = row->acknowledgement ? other + row->acknowledgement : 0,
		.length = row->length,
		.window = (uint16_t)row->window,
		.scale = row->scale ? (uint8_t)(row->scale - 1) : TRACK_WIRE_NO_SCALE,
		.sack_permitted = row->sack_permitted,
		.timestamps = row->timestamp,
		.timestamp = row->timestamp,
		.echo = row->echo,
		.sack_left = other + row->sack - (row->sack ? 10 : 0),
		.sack_right = other + row->sack,
	};
}

static const char *outcome_of(const struct bench *bench, char *text, size_t size)
{
	const struct track_result *result = &bench->result;

	if (result->reason != REASON_NONE)
		snprintf(text, size, "!%s", reason_key(result->reason));
	else if (result->reopen)
		snprintf(text, size, "~");
	else
		snprintf(text, size, "%s%s", result->refresh ? "" : "=",
			 track_state_name(PROTOCOL_TCP, &bench->track, bench->timeout));
	return text;
}

static bool check_row(struct bench *bench, const struct row *row, size_t number, const union track *before)
{
	char got[64];
	bool changed = memcmp(&bench->track, before, sizeof(*before)) != 0;

	if (strcmp(outcome_of(bench, got, sizeof(got)), row->expect) != 0)
		snprintf(bench->failure, sizeof(bench->failure), "row %zu (bases %#x %#x): %s instead of %s", number,
			 bench->base[0], bench->base[1], got, row->expect);
	else if (*row->expect == '!' && bench->open && changed)
		snprintf(bench->failure, sizeof(bench->failure), "row %zu: invalid, and the state changed", number);
	else if (row->class && bench->timeout != (enum timeout)(row->class - 1))
		snprintf(bench->failure, sizeof(bench->failure), "row %zu: timeout class %d instead of %d", number,
			 (int)bench->timeout, row->class - 1);
	return bench->failure[0] == '\0';
}

bool track_scenario_send(struct bench *bench, const struct row *row, size_t number)
{
	struct track_wire wire = wire_of(bench, row);
	uint8_t options[40];
	struct packet packet = track_wire_packet(&wire, options);
	union track before = bench->track;

	if (bench->open)
		bench->result = track_packet(&bench->track, bench->timeout, &packet, row->direction, bench->seen_reply,
					     &bench->settings);
	else
		bench->result = track_open(&bench->track, &packet, &bench->settings);
	if (bench->result.reason == REASON_NONE && !bench->result.reopen) {
		bench->open = true;
		bench->timeout = bench->result.timeout;
		bench->seen_reply |= row->direction == REPLY;
		bench->assured |= bench->result.assured;
	}
	return check_row(bench, row, number, &before);
}

static const uint32_t bases[][2] = {
	{ 1000, 5000 }, { 0xffffffff, 0x7fffffff }, { 0xfffffff0, 0xffffff00 }, { 0x7ffffff0, 1 }, { 0, 0xfffffe00 },
};

bool track_scenario_play(struct bench *bench, struct settings settings, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < COUNT(bases); i++) {
		*bench = (struct bench){ .settings = settings, .base = { bases[i][0], bases[i][1] } };
		for (size_t row = 0; row < count; row++) {
			if (!track_scenario_send(bench, &rows[row], row))
				return false;
		}
	}
	return true;
}

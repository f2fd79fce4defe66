/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/effects.h"

#include <errno.h>
#include <stdio.h>

#include <arpa/inet.h>

#include "daemon/control.h"
#include "daemon/events.h"
#include "daemon/inject.h"
#include "daemon/links.h"
#include "daemon/log.h"
#include "daemon/shell.h"

/* Packets that `log` statements match, a second; the kernel's own log is limited as well. */
#define LOG_PACKETS 200u
/* Lines about alerts, a minute. */
#define LOG_ALERTS 120u
#define ADDRESS_TEXT 48

static void address_text(const struct address *address, char text[ADDRESS_TEXT])
{
	if (address_is_ipv4(address))
		inet_ntop(AF_INET, address->bytes + 12, text, ADDRESS_TEXT);
	else
		inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT);
}

static const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_ICMP:
		return "ICMP";
	case PROTOCOL_TCP:
		return "TCP";
	case PROTOCOL_UDP:
		return "UDP";
	case PROTOCOL_ICMPV6:
		return "ICMPv6";
	case PROTOCOL_UDPLITE:
		return "UDPLITE";
	case PROTOCOL_ESP:
		return "ESP";
	case PROTOCOL_AH:
		return "AH";
	case PROTOCOL_SCTP:
		return "SCTP";
	default:
		return NULL;
	}
}

/* The end of the line, in the words of the kernel's log. */
static void transport_text(const struct tuple *tuple, char *text, size_t size)
{
	const char *name = protocol_name(tuple->protocol);
	unsigned int source = be16_to_host(tuple->source.port), destination = be16_to_host(tuple->destination.port);

	switch (tuple->protocol) {
	case PROTOCOL_TCP:
	case PROTOCOL_UDP:
	case PROTOCOL_UDPLITE:
	case PROTOCOL_SCTP:
		snprintf(text, size, "%s SPT=%u DPT=%u", name, source, destination);
		break;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		snprintf(text, size, "%s TYPE=%u ID=%u", name, destination, source);
		break;
	default:
		if (name)
			snprintf(text, size, "%s", name);
		else
			snprintf(text, size, "%u", tuple->protocol);
	}
}

static const char *interface_name(const struct shell *shell, uint32_t index)
{
	const struct link *link = index ? link_lookup(links_table(shell->links), index) : NULL;

	return link ? link->name : "";
}

static void log_packet(const struct shell *shell, const struct effect *effect)
{
	static struct log_limit limit = { .burst = LOG_PACKETS, .interval_ms = 1000 };
	char source[ADDRESS_TEXT], destination[ADDRESS_TEXT], transport[64];
	const struct tuple *tuple = &effect->log.tuple;
	uint64_t suppressed;

	if (!log_limit_pass(&limit, effect->at, &suppressed))
		return;
	if (suppressed)
		log_write(LOG_LEVEL_WARNING, "%llu packets more should have been logged",
			  (unsigned long long)suppressed);
	address_text(&tuple->source.address, source);
	address_text(&tuple->destination.address, destination);
	transport_text(tuple, transport, sizeof(transport));
	log_event((enum log_level)(effect->log.level & 7), true,
		  (const struct log_field[]){ { "EVENT", "packet" },
					      { "PREFIX", effect->log.prefix },
					      { "IN", interface_name(shell, effect->log.iif) },
					      { "OUT", interface_name(shell, effect->log.oif) },
					      { "SRC", source },
					      { "DST", destination },
					      { "PROTO", transport },
					      { NULL, NULL } },
		  "%sIN=%s OUT=%s SRC=%s DST=%s LEN=%u PROTO=%s", effect->log.prefix ? effect->log.prefix : "",
		  interface_name(shell, effect->log.iif), interface_name(shell, effect->log.oif), source, destination,
		  effect->log.length, transport);
}

static void send_packet(struct shell *shell, const struct effect *effect)
{
	static struct log_limit limit = { .burst = 1, .interval_ms = 10000 };
	int error = inject_send(shell->inject, effect->inject.bytes, effect->inject.length);
	uint64_t suppressed;

	if (!error || !log_limit_pass(&limit, effect->at, &suppressed))
		return;
	errno = -error;
	log_write(LOG_LEVEL_INFO, "cannot send a packet of our own: %m");
}

/* Every one of them: what a carrier must be able to look up is not held back. */
static void log_mapping(const struct shell *shell, const struct effect *effect)
{
	const struct settings *settings = &shell->configuration->settings;
	char text[192];

	if (!settings->log_mappings || (settings->port_block && !effect->mapping.is_block))
		return;
	events_describe_mapping(effect, text, sizeof(text));
	log_always(LOG_LEVEL_INFO, "%s", text);
}

/* The engine tells edges only; this is for one that would tell very many. */
static void log_alert(const struct effect *effect)
{
	static struct log_limit limit = { .burst = LOG_ALERTS, .interval_ms = 60000 };
	uint64_t suppressed;

	if (!log_limit_pass(&limit, effect->at, &suppressed))
		return;
	if (suppressed)
		log_write(LOG_LEVEL_WARNING, "%llu alerts more should have been logged",
			  (unsigned long long)suppressed);
	log_event(effect->alert.raised ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, false,
		  (const struct log_field[]){ { "EVENT", "alert" },
					      { "ALERT", effect->alert.name },
					      { "SUBJECT", effect->alert.subject },
					      { "RAISED", effect->alert.raised ? "1" : "0" },
					      { NULL, NULL } },
		  "%s%s: %s: %s", effect->alert.raised ? "" : "over: ", effect->alert.name, effect->alert.subject,
		  effect->alert.text);
}

static void raise_alert(struct shell *shell, const struct effect *effect)
{
	log_alert(effect);
	control_publish(shell->control, effect);
}

/* Who follows the events learns that some are missing; `status` counts them. */
static void tell_lost(struct shell *shell)
{
	uint64_t lost = engine_effects_lost(shell->engine);

	if (lost == shell->effects_lost)
		return;
	control_publish_lost(shell->control, lost - shell->effects_lost);
	shell->effects_lost = lost;
}

void effects_drain(struct shell *shell)
{
	struct effect effect;

	while (engine_next_effect(shell->engine, &effect)) {
		switch (effect.kind) {
		case EFFECT_INJECT:
			send_packet(shell, &effect);
			break;
		case EFFECT_LOG:
			log_packet(shell, &effect);
			break;
		case EFFECT_SESSION_EVENT:
			control_publish(shell->control, &effect);
			break;
		case EFFECT_MAPPING_EVENT:
			log_mapping(shell, &effect);
			control_publish(shell->control, &effect);
			break;
		case EFFECT_ALERT:
			raise_alert(shell, &effect);
			break;
		case EFFECT_INSTALL:
			offers_add(&shell->offers, &effect);
			break;
		}
	}
	tell_lost(shell);
}

void effects_announce(struct shell *shell, const char *name, bool raised, const char *subject, const char *text)
{
	struct effect effect = { .kind = EFFECT_ALERT, .at = loop_now(), .alert = { .raised = raised, .name = name } };

	snprintf(effect.alert.subject, sizeof(effect.alert.subject), "%s", subject);
	snprintf(effect.alert.text, sizeof(effect.alert.text), "%s", text);
	control_publish(shell->control, &effect);
}

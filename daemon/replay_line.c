/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/replay_line.h"

#include "daemon/words.h"

static void put_address(FILE *out, const struct address *address, bool has_port, struct be16 port)
{
	char text[WORDS_ADDRESS_SIZE];

	words_address(address, text);
	if (!has_port)
		fprintf(out, " %s", text);
	else
		fprintf(out, address_is_ipv4(address) ? " %s:%u" : " [%s]:%u", text, be16_to_host(port));
}

static void put_protocol(FILE *out, uint8_t protocol)
{
	const char *word = words_protocol(protocol);

	if (strcmp(word, "unknown") == 0)
		fprintf(out, "ip/%u", protocol);
	else
		fputs(word, out);
}

static void put_endpoints(FILE *out, const struct tuple *tuple, bool source_port, bool destination_port)
{
	put_address(out, &tuple->source.address, source_port, tuple->source.port);
	put_address(out, &tuple->destination.address, destination_port, tuple->destination.port);
}

static void put_packet_endpoints(FILE *out, const struct packet *packet)
{
	bool ports = words_has_ports(packet->tuple.protocol) && !packet->later_fragment;
	bool icmp = packet_is_icmp(packet);

	put_endpoints(out, &packet->tuple, ports || (icmp && packet->icmp.query),
		      ports || (icmp && packet->icmp.reply));
}

void replay_line_packet(FILE *out, const struct packet *packet)
{
	if (!packet) {
		fputs("- - -", out);
		return;
	}
	put_protocol(out, packet->tuple.protocol);
	if (packet_is_icmp(packet))
		fprintf(out, "/%u/%u", packet->icmp.type, packet->icmp.code);
	put_packet_endpoints(out, packet);
}

static void put_quote(FILE *out, const struct packet_quote *quote)
{
	bool icmp = quote->tuple.protocol == PROTOCOL_ICMP || quote->tuple.protocol == PROTOCOL_ICMPV6;
	bool ports = words_has_ports(quote->tuple.protocol) && !quote->fragment;

	fputs(" quoting ", out);
	put_protocol(out, quote->tuple.protocol);
	/* Errors are about requests: nobody complains of an answer with an identifier of its own. */
	put_endpoints(out, &quote->tuple, ports || (icmp && !quote->fragment), ports);
}

void replay_line_verdict(FILE *out, const char *verdict, const char *reason, const struct ruleset *ruleset,
			 uint32_t rule, const struct packet *left, bool rewritten)
{
	struct rule_place place = { 0 };

	if (rule != RULE_NONE)
		place = ruleset_rule_place(ruleset, rule);
	fprintf(out, " %s %s ", verdict, reason);
	if (place.file)
		fprintf(out, "%s:%u", place.file, place.line);
	else
		fputs("-", out);
	if (left && rewritten)
		put_packet_endpoints(out, left);
	else
		fputs(" - -", out);
	if (left && packet_is_icmp_error(left))
		put_quote(out, &left->icmp.quote);
}

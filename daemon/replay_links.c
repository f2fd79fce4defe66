/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/replay_links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/links.h"
#include "daemon/loop.h"

#define FIRST_INDEX 2 /* 1 is the loopback's */
#define DEFAULT_MTU 1500
#define MTU_LEAST 68 /* RFC 791 */

/* --------------------------------------------------------------- in words */

static int parse_address(const char *text, struct link_address *address)
{
	char copy[64], *slash, *end;
	unsigned long length;
	uint8_t wire[16];
	bool v4;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	slash = strchr(copy, '/');
	if (!slash)
		return -EINVAL;
	*slash++ = '\0';
	v4 = inet_pton(AF_INET, copy, wire) == 1;
	if (!v4 && inet_pton(AF_INET6, copy, wire) != 1)
		return -EINVAL;
	length = strtoul(slash, &end, 10);
	if (*slash < '0' || *slash > '9' || *end || length > (v4 ? 32 : 128))
		return -EINVAL;
	*address = (struct link_address){
		.address = v4 ? address_from_ipv4(wire) : address_from_ipv6(wire),
		.prefix_length = (uint8_t)length,
		.global = v4 || wire[0] != 0xfe || (wire[1] & 0xc0) != 0x80,
		.usable = true,
	};
	return 0;
}

static int parse_mtu(const char *text, uint32_t *mtu)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < MTU_LEAST || value > UINT16_MAX)
		return -EINVAL;
	*mtu = (uint32_t)value;
	return 0;
}

/* One of the words behind NAME=. */
static int parse_word(struct replay_links *links, struct link *link, const char *word)
{
	if (strcmp(word, "default") == 0) {
		links->fallback = link->index;
		return 0;
	}
	if (strncmp(word, "mtu=", 4) == 0)
		return parse_mtu(word + 4, &link->mtu);
	if (link->address_count == LINK_ADDRESS_LIMIT)
		return -E2BIG;
	return parse_address(word, &link->addresses[link->address_count++]);
}

static int parse_link(struct replay_links *links, struct link *link, char *text, char *error, size_t size)
{
	char *equals = strchr(text, '='), *rest = NULL;
	size_t length = equals ? (size_t)(equals - text) : 0;

	if (!length || length >= sizeof(link->name)) {
		snprintf(error, size, "'%s' is not NAME=ADDRESS/LENGTH, NAME of 1 to 15 characters", text);
		return -EINVAL;
	}
	memcpy(link->name, text, length);
	for (char *word = strtok_r(equals + 1, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		if (parse_word(links, link, word) < 0) {
			snprintf(error, size, "interface %s: '%s' is not ADDRESS/LENGTH, mtu=N or default", link->name,
				 word);
			return -EINVAL;
		}
	}
	return 0;
}

int replay_links_parse(struct replay_links *links, char *const *specs, size_t count, char *error, size_t size)
{
	int result = 0;

	*links = (struct replay_links){ .list = calloc(count ? count : 1, sizeof(*links->list)) };
	if (!links->list)
		return -ENOMEM;
	for (size_t i = 0; i < count && !result; i++) {
		struct link *link = &links->list[i];
		char *text = strdup(specs[i]);

		link->index = (uint32_t)(FIRST_INDEX + i);
		link->mtu = DEFAULT_MTU;
		link->type = 1; /* ARPHRD_ETHER */
		link->up = true;
		result = text ? parse_link(links, link, text, error, size) : -ENOMEM;
		free(text);
	}
	links->table = (struct link_table){ count, links->list };
	if (!links->fallback && count)
		links->fallback = links->list[count - 1].index;
	if (result)
		replay_links_fini(links);
	return result;
}

/* ------------------------------------------------------------ this machine */

/* The interface of the default route, or the last one that is no loopback. */
static uint32_t machine_fallback(const struct link_table *table)
{
	char line[256], name[INTERFACE_NAME_SIZE];
	unsigned int destination, mask;
	uint32_t index = 0;
	FILE *routes = fopen("/proc/net/route", "re");

	for (size_t i = 0; i < table->count; i++)
		if (!table->links[i].loopback)
			index = table->links[i].index;
	while (routes && fgets(line, sizeof(line), routes)) {
		if (sscanf(line, "%15s %x %*x %*x %*d %*d %*d %x", name, &destination, &mask) != 3 || destination ||
		    mask)
			continue;
		for (size_t i = 0; i < table->count; i++)
			if (strcmp(table->links[i].name, name) == 0)
				index = table->links[i].index;
		break;
	}
	if (routes)
		fclose(routes);
	return index;
}

static void ignore_change(void *context)
{
	(void)context;
}

int replay_links_machine(struct replay_links *links)
{
	struct loop *loop = loop_create();
	struct links *followed = NULL;
	const struct link_table *table;
	int error = -ENOMEM;

	*links = (struct replay_links){ 0 };
	if (!loop)
		return error;
	error = links_create(loop, ignore_change, NULL, &followed);
	if (error)
		goto cleanup;
	table = links_table(followed);
	links->list = calloc(table->count ? table->count : 1, sizeof(*links->list));
	if (!links->list) {
		error = -ENOMEM;
		goto cleanup;
	}
	memcpy(links->list, table->links, table->count * sizeof(*links->list));
	links->table = (struct link_table){ table->count, links->list };
	links->fallback = machine_fallback(&links->table);
cleanup:
	links_destroy(followed);
	loop_destroy(loop);
	return error;
}

void replay_links_fini(struct replay_links *links)
{
	free(links->list);
	*links = (struct replay_links){ 0 };
}

/* ----------------------------------------------------------------- routing */

/* Bits that @length covers of 16 bytes, in either family. */
static unsigned int prefix_bits(const struct link_address *own)
{
	return own->prefix_length + (address_is_ipv4(&own->address) ? 96U : 0U);
}

static bool prefix_holds(const struct link_address *own, const struct address *address)
{
	unsigned int bits = prefix_bits(own), bytes = bits / 8;
	uint8_t mask = (uint8_t)(0xff00U >> bits % 8);

	return memcmp(own->address.bytes, address->bytes, bytes) == 0 &&
	       (!mask || ((own->address.bytes[bytes] ^ address->bytes[bytes]) & mask) == 0);
}

uint32_t replay_links_route(const struct replay_links *links, const struct address *address)
{
	uint32_t index = links->fallback;
	unsigned int best = 0;

	for (size_t i = 0; i < links->table.count; i++) {
		const struct link *link = &links->list[i];

		for (unsigned int j = 0; j < link->address_count; j++) {
			if (prefix_bits(&link->addresses[j]) > best && prefix_holds(&link->addresses[j], address)) {
				best = prefix_bits(&link->addresses[j]);
				index = link->index;
			}
		}
	}
	return index;
}

/* The interface, @only or any, that has that very address. */
static const struct link *owner_of(const struct replay_links *links, const struct address *address,
				   const struct link *only)
{
	for (size_t i = 0; i < links->table.count; i++)
		for (unsigned int j = 0; j < links->list[i].address_count; j++)
			if (address_equal(&links->list[i].addresses[j].address, address) &&
			    (!only || only->index == links->list[i].index))
				return &links->list[i];
	return NULL;
}

bool replay_links_own(const struct replay_links *links, const struct address *address)
{
	return owner_of(links, address, NULL);
}

static bool is_group(const struct address *address)
{
	return address_is_ipv4(address) ? (address->bytes[12] & 0xf0) == 0xe0 : address->bytes[0] == 0xff;
}

/* 255.255.255.255, or the last address of a network of ours (RFC 919). */
static bool is_broadcast(const struct replay_links *links, const struct address *address)
{
	uint32_t value, host;

	if (!address_is_ipv4(address))
		return false;
	memcpy(&value, address->bytes + 12, 4);
	value = ntohl(value);
	if (value == UINT32_MAX)
		return true;
	for (size_t i = 0; i < links->table.count; i++) {
		for (unsigned int j = 0; j < links->list[i].address_count; j++) {
			const struct link_address *own = &links->list[i].addresses[j];

			if (!address_is_ipv4(&own->address) || own->prefix_length == 0 || own->prefix_length > 30)
				continue;
			host = UINT32_MAX >> own->prefix_length;
			if ((value & host) == host && prefix_holds(own, address))
				return true;
		}
	}
	return false;
}

bool replay_links_ends_here(const struct replay_links *links, const struct address *address)
{
	return replay_links_own(links, address) || is_group(address) || is_broadcast(links, address);
}

static enum address_type oracle_type(void *context, const struct address *address, const struct link *link)
{
	const struct replay_links *links = context;

	if (owner_of(links, address, link))
		return ADDRESS_TYPE_LOCAL;
	if (is_group(address))
		return ADDRESS_TYPE_MULTICAST;
	return is_broadcast(links, address) ? ADDRESS_TYPE_BROADCAST : ADDRESS_TYPE_UNICAST;
}

static uint32_t oracle_route(void *context, const struct address *address, uint32_t via_interface, uint32_t mark)
{
	uint32_t index = replay_links_route(context, address);

	(void)mark;
	return !via_interface || via_interface == index ? index : 0;
}

static const struct link *oracle_link(void *context, uint32_t index)
{
	const struct replay_links *links = context;

	return link_lookup(&links->table, index);
}

struct oracle replay_links_oracle(struct replay_links *links)
{
	return (struct oracle){
		.context = links,
		.address_type = oracle_type,
		.route_interface = oracle_route,
		.link = oracle_link,
	};
}

/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/model/finding_words.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/model/wire_model.h"

static struct finding list[FINDING_LIMIT];

static void describe(size_t found, char *why, size_t size)
{
	size_t length = 0;

	length += (size_t)snprintf(why, size, "there are %zu:", found);
	for (size_t i = 0; i < found && length < size; i++)
		length += (size_t)snprintf(why + length, size - length, " %s %s %u (%s);", finding_name(list[i].name),
					   list[i].subject, list[i].count, list[i].text);
}

static bool count_holds(const struct engine *engine, struct mono now, char *const *words, size_t count, char *why,
			size_t size)
{
	struct address address;
	size_t found;

	if (count == 4)
		address = wire_address(words[3]);
	found = engine_diagnose(engine, count == 4 ? &address : NULL, now, list, FINDING_LIMIT);
	describe(found, why, size);
	return found == (size_t)atoi(words[1]);
}

bool finding_words_hold(const struct engine *engine, struct mono now, char *const *words, size_t count, char *why,
			size_t size)
{
	char text[FINDING_TEXT_SIZE] = "";
	size_t found;

	if (strcmp(words[0], "findings") == 0 && (count == 2 || (count == 4 && strcmp(words[2], "about") == 0)))
		return count_holds(engine, now, words, count, why, size);
	snprintf(why, size, "not a finding in words");
	if (count < 4)
		return false;
	for (size_t i = 4; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), i > 4 ? " %s" : "%s", words[i]);
	found = engine_diagnose(engine, NULL, now, list, FINDING_LIMIT);
	describe(found, why, size);
	for (size_t i = 0; i < found; i++)
		if (strcmp(finding_name(list[i].name), words[1]) == 0 &&
		    (strcmp(words[2], "*") == 0 || strcmp(list[i].subject, words[2]) == 0) &&
		    list[i].count == (uint32_t)atoi(words[3]) && strstr(list[i].text, text))
			return true;
	return false;
}

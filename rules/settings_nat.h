/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The settings about ports and quotas that take more than one plain value:
 * new-per-source, quota-exempt, port-set, port-block.
 */
#ifndef SLUICE_RULES_SETTINGS_NAT_H
#define SLUICE_RULES_SETTINGS_NAT_H

#include "rules/parse.h"
#include "rules/print.h"

/**
 * settings_nat_parse() - read the setting @name
 * @word: the first word of its value; reports what is wrong with it
 *
 * Return: false when @name is not one of these settings.
 */
bool settings_nat_parse(struct parser *parser, struct settings *settings, const char *name,
			const struct setting_word *word);

/* Does the setting take several words, and say itself what may follow? */
bool settings_nat_takes_words(const char *name);

/* The line or lines of setting @name; false when it is not one of these. */
bool settings_nat_print(struct text *text, const struct settings *settings, const char *name);

#endif

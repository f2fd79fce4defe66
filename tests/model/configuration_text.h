/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configurations and interfaces from words, without files and without a kernel.
 */
#ifndef SLUICE_CONFIGURATION_TEXT_H
#define SLUICE_CONFIGURATION_TEXT_H

#include "sluice/ruleset.h"

/**
 * configuration_from_text() - what a file with @text would say
 * @file: its name in diagnostics and rules
 *
 * Includes find nothing. Return: NULL when it is wrong; @diagnostics says why.
 */
struct configuration *configuration_from_text(const char *file, const char *text, struct diagnostics *diagnostics);

/* An interface that is up and has one address, global and usable, in words; MTU 1500. */
struct link link_with_address(uint32_t index, const char *name, const char *address, uint8_t prefix_length);

#endif

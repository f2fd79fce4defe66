/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration files, for the rule language, which opens none itself.
 */
#ifndef SLUICE_DAEMON_FILES_H
#define SLUICE_DAEMON_FILES_H

#include "sluice/ruleset.h"

/**
 * files_load() - read and check the configuration at @path
 * @message: receives every diagnostic as text, malloc()ed; "" when there is none,
 *	NULL without memory
 *
 * Return: the configuration, or NULL when it has an error.
 */
struct configuration *files_load(const char *path, char **message);

#endif

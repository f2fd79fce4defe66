/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The answer to `diagnose` for people.
 */
#ifndef SLUICE_CTL_FINDINGS_H
#define SLUICE_CTL_FINDINGS_H

#include <stdio.h>

#include "daemon/ctl/document.h"

/** screen_diagnosis() - findings, those that hurt most first, or that there are none */
void screen_diagnosis(FILE *out, const struct document *answer);

#endif

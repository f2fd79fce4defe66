/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The answer to `why`, for people. */
#ifndef SLUICE_CTL_WHY_H
#define SLUICE_CTL_WHY_H

#include <stdio.h>

#include "daemon/ctl/document.h"

/** why_print() - the way, the rules, the verdict, the session, the last drops */
void why_print(FILE *out, const struct document *answer);

#endif

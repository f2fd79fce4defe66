/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions and events as conntrack(8) prints them, field by field, so that what
 * reads conntrack's output reads ours.
 */
#ifndef SLUICE_CTL_FLOW_H
#define SLUICE_CTL_FLOW_H

#include <stdio.h>

#include "daemon/ctl/document.h"

/** flow_print_session() - a line of `conntrack -L`; @accounting: as where nf_conntrack_acct is on */
void flow_print_session(FILE *out, const struct document *session, bool accounting);

/** flow_print_event() - a line of `conntrack -E`, with `-o timestamp` when @timestamp */
void flow_print_event(FILE *out, const struct document *event, bool timestamp);

#endif

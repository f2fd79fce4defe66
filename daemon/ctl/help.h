/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `sluicectl --help` prints: at most 24 lines of 80 columns. */
#ifndef SLUICE_CTL_HELP_H
#define SLUICE_CTL_HELP_H

#define CTL_DEFAULT_SOCKET "/run/sluice/control.sock"

extern const char ctl_help[];

#endif

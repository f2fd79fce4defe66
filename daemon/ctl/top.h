/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `sluicectl top`: what the gateway does now, redrawn each second.
 */
#ifndef SLUICE_CTL_TOP_H
#define SLUICE_CTL_TOP_H

/**
 * top_run() - show the screen until the user has seen enough
 * @path: the control socket
 *
 * A daemon that goes away after the first picture is waited for.
 * Return: 0; negative errno of the first connection, with the terminal untouched;
 * 1: no terminal, and standard error says so.
 */
int top_run(const char *path);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs that time a part of sluice share: clocks, medians, numbers at random
 * that are the same in each run.
 */
#ifndef SLUICE_STOPWATCH_H
#define SLUICE_STOPWATCH_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds on the wall, and of this thread alone. */
uint64_t clock_ns(void);
uint64_t thread_ns(void);

/* median() - the middle one of @list, which is sorted by it: a machine has other things to do */
double median(double *list, size_t count);

/* draw() - 64 bits, of one sequence for the whole program (xorshift64*, Vigna 2016) */
uint64_t draw(void);

#endif

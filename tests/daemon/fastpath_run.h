/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fast path's program, run by the kernel on one frame at a time, attached to
 * nothing. Keys and values of its maps are computed here from scratch, sharing no
 * code with daemon/fastpath.c.
 */
#ifndef TESTS_DAEMON_FASTPATH_RUN_H
#define TESTS_DAEMON_FASTPATH_RUN_H

#include "sluice/fastpath.h"
#include "tests/model/wire_model.h"

#define RUN_ETHERNET 14 /* bytes of header before the IP packet */
#define RUN_FRAME 2048
#define RUN_SLOTS 8

/* What the program returns: leave it to the kernel; sent to the neighbour. */
#define RUN_UP (-1)
#define RUN_REDIRECTED 7

/**
 * struct run_frame - one frame, from its Ethernet header on
 * @interface: it came in by
 * @segment_size, @segments: bytes of payload of each segment the large packet stands for, and
 *	their number; 0: it is none
 */
struct run_frame {
	uint32_t interface, segment_size, segments;
	size_t length;
	uint8_t bytes[RUN_FRAME];
};

/**
 * struct run_flow - one direction of a session
 * @arrives, @leaves: before and after translation
 * @interface: its packets come in by
 * @mtu: of the way out
 * @counter: its packets that may be fragmented are numbered from; 0: they keep their numbers
 */
struct run_flow {
	uint32_t slot, interface;
	enum direction direction;
	struct tuple arrives, leaves;
	uint16_t mtu;
	uint32_t counter;
};

/* Return: NULL, or why there is nothing to test here. */
const char *run_open(void);
void run_close(void);

/* The slots that the program sees. */
struct fastpath_slot *run_slots(void);

/* The number that the next packet of that counter gets. */
void run_count_from(uint32_t counter, uint64_t next);
uint64_t run_counted(uint32_t counter);

void run_install(const struct run_flow *flow);
void run_remove(const struct run_flow *flow);

/* The frame around @wire, addressed to the host. */
void run_frame_make(struct run_frame *frame, const struct wire *wire, uint32_t interface);

/* Return: what the program says; @frame is what it makes of it. */
int run_frame_pass(struct run_frame *frame);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One session on the fast path, a packet of it, and what must become of that. */
#ifndef TESTS_DAEMON_FASTPATH_STAGE_H
#define TESTS_DAEMON_FASTPATH_STAGE_H

#include "tests/daemon/fastpath_run.h"

#define STAGE_INTERFACE 5
#define STAGE_SLOT 3
#define STAGE_MTU 1400
#define STAGE_WINDOW 40000u

/* Around the place where numbers start anew. */
#define STAGE_SENT 0xffffff00u		   /* the end of what the sender has sent */
#define STAGE_EDGE (STAGE_SENT + 30000u)   /* up to which the receiver lets it send */
#define STAGE_ACKED (STAGE_SENT - 500u)	   /* what the receiver has acknowledged */
#define STAGE_HEARD 0x00000080u		   /* the end of what the receiver has sent */
#define STAGE_REACHED (STAGE_HEARD - 700u) /* what the sender has acknowledged of it */

/**
 * struct stage - start with zeros and stage_begin()
 * @random: what is random comes from here; see stage_begin()
 * @shape, @wire, @frame: the packet, each made of the one before
 */
struct stage {
	struct run_flow flow;
	struct wire_shape shape;
	struct wire wire;
	struct run_frame frame;
	uint64_t random;
};

/* Of a group of tests: the program is loaded; where that cannot be, each test is skipped by stage_begin(). */
int stage_open(void **state);
int stage_close(void **state);

/* What is random in a test comes from one seed. */
void stage_begin(struct stage *stage);
uint64_t stage_seed(void);

/* A session between random endpoints, established; its packet is the next of its sender. */
void stage_make(struct stage *stage, enum family family, uint8_t protocol, size_t payload);
void stage_clear(struct stage *stage);

/* The packet anew from @shape, its numbers as the receiver waits for them; TTL 64. */
void stage_build(struct stage *stage);

/* Other numbers, and the frame again. */
void stage_number(struct stage *stage, uint32_t sequence, uint32_t acknowledgement);

/* The session's numbers as they were at the start. */
void stage_reset_slot(const struct stage *stage);

/* What must leave, computed from the packet that came. */
void stage_expect(const struct stage *stage, struct wire *expected);

/* It leaves, translated to the byte, and counted. */
void stage_assert_forwarded(struct stage *stage, const char *what);

/* It goes up to the daemon as it came, and the session has not changed. */
void stage_assert_up(struct stage *stage, const char *what);

#endif

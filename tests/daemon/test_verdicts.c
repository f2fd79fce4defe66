/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verdict messages, read back from what would have gone to the kernel. sendmsg() is
 * defined here: the linker prefers it to the library's.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include "daemon/verdicts.h"
#include "tests/model/wire_model.h"

#define QUEUE 7
#define PACKETS 512

static uint8_t sent[16 << 20];
static size_t sent_length;
static int fail_with; /* errno of the next call, 0: none */

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	size_t length = 0;

	(void)fd;
	(void)flags;
	if (fail_with) {
		errno = fail_with;
		fail_with = 0;
		return -1;
	}
	for (size_t i = 0; i < message->msg_iovlen; i++) {
		assert_true(sent_length + message->msg_iov[i].iov_len <= sizeof(sent));
		memcpy(sent + sent_length, message->msg_iov[i].iov_base, message->msg_iov[i].iov_len);
		sent_length += message->msg_iov[i].iov_len;
		length += message->msg_iov[i].iov_len;
	}
	return (ssize_t)length;
}

/* What the kernel would have done to each packet, numbered from 1. */
struct fate {
	bool judged;
	uint32_t verdict;
	bool has_mark;
	uint32_t mark;
	const uint8_t *payload;
	size_t length;
};

/* As nfnetlink_queue: a batch verdict is for all that wait up to its number. */
static void replay_sent(struct fate *fates)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)sent;
	int left = (int)sent_length;
	uint32_t next = 1;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		const struct nfgenmsg *netfilter = mnl_nlmsg_get_payload(message);
		const struct nfqnl_msg_verdict_hdr *verdict = NULL;
		struct fate fate = { .judged = true };
		const struct nlattr *attribute;
		bool batch = message->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT_BATCH);

		assert_true(batch || message->nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT));
		assert_int_equal(ntohs(netfilter->res_id), QUEUE);
		mnl_attr_for_each(attribute, message, sizeof(*netfilter))
		{
			if (mnl_attr_get_type(attribute) == NFQA_VERDICT_HDR) {
				verdict = mnl_attr_get_payload(attribute);
			} else if (mnl_attr_get_type(attribute) == NFQA_MARK) {
				fate.has_mark = true;
				fate.mark = ntohl(mnl_attr_get_u32(attribute));
			} else if (mnl_attr_get_type(attribute) == NFQA_PAYLOAD) {
				fate.payload = mnl_attr_get_payload(attribute);
				fate.length = mnl_attr_get_payload_len(attribute);
			}
		}
		assert_non_null(verdict);
		fate.verdict = ntohl(verdict->verdict);
		assert_true(batch || ntohl(verdict->id) == next);
		for (; next <= ntohl(verdict->id); next++)
			fates[next - 1] = fate;
	}
	assert_int_equal(left, 0);
}

static struct verdicts *verdicts_open(size_t send_buffer)
{
	struct verdicts *verdicts = verdicts_create();

	assert_non_null(verdicts);
	verdicts_begin(verdicts, -1, QUEUE, send_buffer);
	return verdicts;
}

static void add(struct verdicts *verdicts, const struct verdict_message *message)
{
	if (!verdicts_room(verdicts, message->payload ? message->length : 0))
		assert_int_equal(verdicts_send(verdicts), 0);
	assert_true(verdicts_room(verdicts, message->payload ? message->length : 0));
	verdicts_add(verdicts, message);
}

static void expect(const struct fate *fate, const struct verdict_message *message)
{
	assert_true(fate->judged);
	assert_int_equal(fate->verdict, message->verdict == VERDICT_ACCEPT ? NF_ACCEPT : NF_DROP);
	assert_int_equal(fate->has_mark, message->has_mark);
	assert_int_equal(fate->mark, message->mark);
	if (!message->payload) {
		assert_null(fate->payload);
		return;
	}
	assert_int_equal(fate->length, message->length);
	assert_memory_equal(fate->payload, message->payload, message->length);
}

static struct verdict_message random_message(uint32_t id, uint8_t *bytes, unsigned int *seed)
{
	static const uint32_t lengths[] = { 28, 61, 509, 511, 512, 513, 1500, 65535 - 4 };
	struct verdict_message message = { .id = be32_from_host(id) };
	int kind = rand_r(seed) % 8;

	message.verdict = kind == 0 ? VERDICT_DROP : VERDICT_ACCEPT;
	if (kind >= 3) {
		message.has_mark = true;
		message.mark = kind % 2 ? 5 : 0x40000000;
	}
	if (kind >= 6) {
		int which = rand_r(seed) % 8;

		/* What stands behind a payload is overwritten: one place for each length. */
		message.payload = bytes + which * 65536;
		message.length = lengths[which];
	}
	return message;
}

static void test_random_batches(void **state)
{
	unsigned int seed = (unsigned int)wire_seed();
	static struct verdict_message messages[PACKETS];
	static struct fate fates[PACKETS];
	static uint8_t bytes[8 * 65536];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rand_r(&seed);
	for (unsigned int round = 0; round < 20; round++) {
		/* Some sockets take a little more than one segment, some take many. */
		struct verdicts *verdicts = verdicts_open(round % 2 ? 70000 : 4 << 20);

		assert_non_null(verdicts);
		sent_length = 0;
		memset(fates, 0, sizeof(fates));
		for (uint32_t i = 0; i < PACKETS; i++) {
			messages[i] = random_message(i + 1, bytes, &seed);
			add(verdicts, &messages[i]);
		}
		assert_int_equal(verdicts_send(verdicts), 0);
		replay_sent(fates);
		for (uint32_t i = 0; i < PACKETS; i++)
			expect(&fates[i], &messages[i]);
		verdicts_destroy(verdicts);
	}
}

static void test_same_fate_shares_a_message(void **state)
{
	struct verdicts *verdicts = verdicts_open(4 << 20);
	struct verdict_message message = { .verdict = VERDICT_ACCEPT, .has_mark = true, .mark = 1 };

	(void)state;
	sent_length = 0;
	for (uint32_t i = 1; i <= VERDICTS_LIMIT; i++) {
		message.id = be32_from_host(i);
		add(verdicts, &message);
	}
	assert_false(verdicts_room(verdicts, 0));
	assert_int_equal(verdicts_pending(verdicts), VERDICTS_LIMIT);
	assert_int_equal(verdicts_send(verdicts), 0);
	assert_true(sent_length < 64);
	verdicts_destroy(verdicts);
}

static void test_nothing_is_lost_without_memory(void **state)
{
	struct verdicts *verdicts = verdicts_open(4 << 20);
	const struct verdict_message message = { .id = be32_from_host(1), .verdict = VERDICT_DROP };
	struct fate fate = { 0 };

	(void)state;
	sent_length = 0;
	add(verdicts, &message);
	fail_with = ENOBUFS;
	assert_int_equal(verdicts_send(verdicts), -EAGAIN);
	assert_int_equal(verdicts_pending(verdicts), 1);
	fail_with = EINTR;
	assert_int_equal(verdicts_send(verdicts), 0);
	assert_int_equal(verdicts_pending(verdicts), 0);
	replay_sent(&fate);
	expect(&fate, &message);
	verdicts_destroy(verdicts);
}

/* A packet without a verdict would wait for the next message that is for many, and leave with those. */
static void test_who_loses_his_verdict_is_dropped(void **state)
{
	struct verdicts *verdicts = verdicts_open(4 << 20);
	static struct verdict_message messages[VERDICTS_LIMIT];
	static struct fate fates[VERDICTS_LIMIT + 1];
	static uint8_t bytes[8 * 65536];
	unsigned int seed = 1;

	(void)state;
	sent_length = 0;
	memset(fates, 0, sizeof(fates));
	for (uint32_t i = 0; i < 20; i++) {
		messages[i] = random_message(i + 1, bytes, &seed);
		add(verdicts, &messages[i]);
	}
	fail_with = EMSGSIZE;
	assert_int_equal(verdicts_send(verdicts), -EMSGSIZE);
	assert_int_equal(verdicts_pending(verdicts), 1);
	/* That they are dropped is not forgotten, whatever the kernel says. */
	fail_with = EPERM;
	assert_int_equal(verdicts_send(verdicts), -EAGAIN);
	fail_with = ENOBUFS;
	assert_int_equal(verdicts_send(verdicts), -EAGAIN);
	assert_int_equal(verdicts_send(verdicts), 0);
	assert_int_equal(verdicts_pending(verdicts), 0);
	/* The next ones go their way. */
	messages[20] = (struct verdict_message){ .id = be32_from_host(21), .verdict = VERDICT_ACCEPT };
	add(verdicts, &messages[20]);
	fail_with = ENOBUFS;
	assert_int_equal(verdicts_send(verdicts), -EAGAIN);
	assert_int_equal(verdicts_send(verdicts), 0);
	replay_sent(fates);
	for (uint32_t i = 0; i < 20; i++)
		expect(&fates[i], &(struct verdict_message){ .verdict = VERDICT_DROP });
	expect(&fates[20], &messages[20]);
	assert_false(fates[21].judged);
	verdicts_destroy(verdicts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_batches),
		cmocka_unit_test(test_same_fate_shares_a_message),
		cmocka_unit_test(test_nothing_is_lost_without_memory),
		cmocka_unit_test(test_who_loses_his_verdict_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

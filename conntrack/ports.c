/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack/ports.h"

/* A place in one of the halves. */
struct ports_place {
	unsigned int half;
	uint32_t bit;
};

static struct ports_place place_of(uint16_t port)
{
	return (struct ports_place){ .half = port & 1, .bit = port >> 1 };
}

static struct ports_word *word_of(struct ports *ports, struct ports_place place)
{
	return &ports->halves[place.half].words[place.bit / 64];
}

static const struct ports_word *word_of_const(const struct ports *ports, struct ports_place place)
{
	return &ports->halves[place.half].words[place.bit / 64];
}

static uint64_t mask_of(struct ports_place place)
{
	return UINT64_C(1) << (place.bit % 64);
}

/* Without a population count instruction in the baseline, this beats the library's table. */
static uint32_t count_bits(uint64_t word)
{
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

/* The bits of a half that stand for ports from @first to @last: [begin, end). */
static uint32_t half_begin(unsigned int half, uint16_t first)
{
	return ((uint32_t)first + 1 - half) >> 1;
}

static uint32_t half_end(unsigned int half, uint16_t last)
{
	return ((uint32_t)last + 2 - half) >> 1;
}

/* Bits [begin, end) of word @index. */
static uint64_t range_mask(uint32_t index, uint32_t begin, uint32_t end)
{
	uint64_t mask = UINT64_MAX;

	if (begin > index * 64)
		mask &= begin >= index * 64 + 64 ? 0 : UINT64_MAX << (begin % 64);
	if (end < index * 64 + 64)
		mask &= end <= index * 64 ? 0 : UINT64_MAX >> (64 - end % 64);
	return mask;
}

/* Recompute a word's free bits after its other bits changed, and every count above it. */
static void settle(struct ports_half *half, uint32_t bit)
{
	struct ports_word *word = &half->words[bit / 64];
	uint64_t now_free = ~(word->used | word->reserved);
	uint32_t before = count_bits(word->free), after = count_bits(now_free);

	word->free = now_free;
	half->blocks[bit / PORTS_BLOCK_BITS] = (uint8_t)(half->blocks[bit / PORTS_BLOCK_BITS] + after - before);
	half->groups[bit / PORTS_GROUP_BITS] = (uint16_t)(half->groups[bit / PORTS_GROUP_BITS] + after - before);
	half->free += after - before;
}

/* One free bit more or less: the common case, without counting. */
static void clear_free(struct ports_half *half, uint32_t bit)
{
	half->words[bit / 64].free &= ~(UINT64_C(1) << (bit % 64));
	half->blocks[bit / PORTS_BLOCK_BITS]--;
	half->groups[bit / PORTS_GROUP_BITS]--;
	half->free--;
}

static void set_free(struct ports_half *half, uint32_t bit)
{
	half->words[bit / 64].free |= UINT64_C(1) << (bit % 64);
	half->blocks[bit / PORTS_BLOCK_BITS]++;
	half->groups[bit / PORTS_GROUP_BITS]++;
	half->free++;
}

void ports_init(struct ports *ports)
{
	memset(ports, 0, sizeof(*ports));
	for (unsigned int i = 0; i < 2; i++) {
		struct ports_half *half = &ports->halves[i];

		for (unsigned int j = 0; j < PORTS_HALF_WORDS; j++)
			half->words[j].free = UINT64_MAX;
		memset(half->blocks, PORTS_BLOCK_BITS, sizeof(half->blocks));
		for (unsigned int j = 0; j < PORTS_HALF_GROUPS; j++)
			half->groups[j] = PORTS_GROUP_BITS;
		half->free = PORTS_HALF_BITS;
	}
}

/* Free bits below @bit. */
static uint32_t half_rank(const struct ports_half *half, uint32_t bit)
{
	uint32_t group = bit / PORTS_GROUP_BITS, block = bit / PORTS_BLOCK_BITS, rank = 0;

	if (bit == 0)
		return 0;
	if (bit >= PORTS_HALF_BITS)
		return half->free;
	for (uint32_t i = 0; i < group; i++)
		rank += half->groups[i];
	for (uint32_t i = group * (PORTS_GROUP_BITS / PORTS_BLOCK_BITS); i < block; i++)
		rank += half->blocks[i];
	for (uint32_t i = block * (PORTS_BLOCK_BITS / 64); i < bit / 64; i++)
		rank += count_bits(half->words[i].free);
	if (bit % 64)
		rank += count_bits(half->words[bit / 64].free & (UINT64_MAX >> (64 - bit % 64)));
	return rank;
}

/* The place of the @k-th set bit, from 0; six halvings, whatever the word. */
static uint32_t select_bit(uint64_t word, uint32_t k)
{
	uint64_t twos = word - (word >> 1 & UINT64_C(0x5555555555555555));
	uint64_t fours = (twos & UINT64_C(0x3333333333333333)) + (twos >> 2 & UINT64_C(0x3333333333333333));
	uint64_t eights = (fours + (fours >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	uint64_t sixteens = (eights + (eights >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
	uint64_t halves = (sixteens + (sixteens >> 16)) & UINT64_C(0x0000ffff0000ffff);
	uint32_t at = 0, below, step;

#define HALVE(counts, width, field) \
	below = (uint32_t)((counts) >> at & (field)); \
	step = -(uint32_t)(k >= below); \
	k -= below & step; \
	at += (width)&step;
	HALVE(halves, 32, 0xffff)
	HALVE(sixteens, 16, 0xff)
	HALVE(eights, 8, 0xf)
	HALVE(fours, 4, 0x7)
	HALVE(twos, 2, 0x3)
	HALVE(word, 1, 0x1)
#undef HALVE
	return at;
}

/*
 * The @k-th free bit of a half, from 0. All counts of a level are added up whatever
 * comes of it: no branch depends on the fill, so none is mispredicted.
 */
static uint32_t half_select(const struct ports_half *half, uint32_t k)
{
	uint32_t sum = 0, before = 0, group = 0, block = 0, word, first;
	const uint8_t *blocks;

	for (uint32_t i = 0; i < PORTS_HALF_GROUPS; i++) {
		uint32_t passed;

		sum += half->groups[i];
		passed = sum <= k;
		group += passed;
		before = passed ? sum : before;
	}
	k -= before;
	blocks = &half->blocks[group * (PORTS_GROUP_BITS / PORTS_BLOCK_BITS)];
	sum = before = 0;
	for (uint32_t i = 0; i < PORTS_GROUP_BITS / PORTS_BLOCK_BITS; i++) {
		uint32_t passed;

		sum += blocks[i];
		passed = sum <= k;
		block += passed;
		before = passed ? sum : before;
	}
	k -= before;
	word = (group * (PORTS_GROUP_BITS / PORTS_BLOCK_BITS) + block) * (PORTS_BLOCK_BITS / 64);
	first = count_bits(half->words[word].free);
	if (k >= first) {
		k -= first;
		word++;
	}
	return word * 64 + select_bit(half->words[word].free, k);
}

static int32_t take_bit(struct ports *ports, unsigned int half, uint32_t bit)
{
	clear_free(&ports->halves[half], bit);
	ports->halves[half].words[bit / 64].used |= UINT64_C(1) << (bit % 64);
	ports->used++;
	return (int32_t)(bit << 1 | half);
}

/* Any free port of the range, each equally likely; of one parity, where @parity says so. */
static int32_t take_random(struct ports *ports, uint16_t first, uint16_t last, bool parity, unsigned int half,
			   uint32_t random)
{
	uint32_t rank[2] = { 0, 0 }, count[2] = { 0, 0 }, k;

	for (unsigned int i = 0; i < 2; i++) {
		uint32_t begin = half_begin(i, first), end = half_end(i, last);

		if ((parity && i != half) || begin >= end)
			continue;
		rank[i] = half_rank(&ports->halves[i], begin);
		count[i] = half_rank(&ports->halves[i], end) - rank[i];
	}
	if (count[0] + count[1] == 0)
		return PORT_NONE;
	k = (uint32_t)((uint64_t)random * (count[0] + count[1]) >> 32);
	half = k >= count[0];
	k -= half ? count[0] : 0;
	return take_bit(ports, half, half_select(&ports->halves[half], rank[half] + k));
}

static int32_t take_of_parity(struct ports *ports, uint16_t first, uint16_t last, const struct ports_wish *wish)
{
	int32_t port = PORT_NONE;

	if (wish->parity)
		port = take_random(ports, first, last, true, wish->port & 1, wish->random);
	return port != PORT_NONE ? port : take_random(ports, first, last, false, 0, wish->random);
}

int32_t ports_take(struct ports *ports, const struct ports_wish *wish)
{
	struct ports_place place = place_of(wish->port);
	bool low = wish->port < PORTS_WELL_KNOWN;
	uint16_t first = wish->first, last = wish->last;
	int32_t port;

	if (wish->preserve && wish->port >= first && wish->port <= last && word_of(ports, place)->free & mask_of(place))
		return take_bit(ports, place.half, place.bit);
	if (wish->well_known && first < PORTS_WELL_KNOWN && last >= PORTS_WELL_KNOWN) {
		port = take_of_parity(ports, low ? first : PORTS_WELL_KNOWN, low ? PORTS_WELL_KNOWN - 1 : last, wish);
		if (port != PORT_NONE)
			return port;
	}
	return take_of_parity(ports, first, last, wish);
}

bool ports_occupy(struct ports *ports, uint16_t port)
{
	struct ports_place place = place_of(port);
	struct ports_word *word = word_of(ports, place);

	if (word->used & mask_of(place))
		return false;
	word->used |= mask_of(place);
	ports->used++;
	if (word->free & mask_of(place))
		clear_free(&ports->halves[place.half], place.bit);
	return true;
}

void ports_release(struct ports *ports, uint16_t port)
{
	struct ports_place place = place_of(port);
	struct ports_word *word = word_of(ports, place);

	if (!(word->used & mask_of(place)))
		return;
	ports_unhold(ports, port);
	word->used &= ~mask_of(place);
	ports->used--;
	if (!(word->reserved & mask_of(place)))
		set_free(&ports->halves[place.half], place.bit);
}

void ports_hold(struct ports *ports, uint16_t port)
{
	struct ports_place place = place_of(port);
	struct ports_word *word = word_of(ports, place);

	if (word->used & ~word->held & mask_of(place)) {
		word->held |= mask_of(place);
		ports->held++;
	}
}

void ports_unhold(struct ports *ports, uint16_t port)
{
	struct ports_place place = place_of(port);
	struct ports_word *word = word_of(ports, place);

	if (word->held & mask_of(place)) {
		word->held &= ~mask_of(place);
		ports->held--;
	}
}

static void change_reserved(struct ports *ports, uint16_t first, uint16_t last, bool reserved)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct ports_half *half = &ports->halves[i];
		uint32_t begin = half_begin(i, first), end = half_end(i, last);

		for (uint32_t j = begin / 64; j * 64 < end; j++) {
			uint64_t mask = range_mask(j, begin, end), before = half->words[j].reserved;

			half->words[j].reserved = reserved ? before | mask : before & ~mask;
			if (half->words[j].reserved != before)
				settle(half, j * 64);
		}
	}
}

void ports_reserve(struct ports *ports, uint16_t first, uint16_t last)
{
	change_reserved(ports, first, last, true);
}

void ports_unreserve(struct ports *ports, uint16_t first, uint16_t last)
{
	change_reserved(ports, first, last, false);
}

bool ports_is_used(const struct ports *ports, uint16_t port)
{
	struct ports_place place = place_of(port);

	return word_of_const(ports, place)->used & mask_of(place);
}

void ports_prefetch(const struct ports *ports, uint16_t port)
{
	__builtin_prefetch(word_of_const(ports, place_of(port)), 1);
}

bool ports_is_reserved(const struct ports *ports, uint16_t port)
{
	struct ports_place place = place_of(port);

	return word_of_const(ports, place)->reserved & mask_of(place);
}

uint32_t ports_free(const struct ports *ports, uint16_t first, uint16_t last)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < 2; i++) {
		uint32_t begin = half_begin(i, first), end = half_end(i, last);

		if (begin < end)
			sum += half_rank(&ports->halves[i], end) - half_rank(&ports->halves[i], begin);
	}
	return sum;
}

bool ports_any_held(const struct ports *ports, uint16_t first, uint16_t last)
{
	if (ports->held == 0)
		return false;
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t begin = half_begin(i, first), end = half_end(i, last);

		for (uint32_t j = begin / 64; j * 64 < end; j++)
			if (ports->halves[i].words[j].held & ~ports->halves[i].words[j].reserved &
			    range_mask(j, begin, end))
				return true;
	}
	return false;
}

uint32_t ports_span(const struct ports *ports, uint16_t first, uint16_t last)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < 2; i++) {
		uint32_t begin = half_begin(i, first), end = half_end(i, last);

		for (uint32_t j = begin / 64; j * 64 < end; j++)
			sum += count_bits(~ports->halves[i].words[j].reserved & range_mask(j, begin, end));
	}
	return sum;
}

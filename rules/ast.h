/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the grammar builds and the checker refines. One tree serves all stages: the
 * checker turns leaves into typed values in place, the printer and the compiler
 * read the result.
 */
#ifndef SLUICE_RULES_AST_H
#define SLUICE_RULES_AST_H

#include "rules/arena.h"
#include "sluice/ruleset.h"

/** struct source - one file that was read */
struct source {
	struct source *next;
	const char *path;
	const char *text;
	size_t length;
};

/** struct place - where something stands; lines and columns count from 1 */
struct place {
	const struct source *source;
	unsigned int line, column;
};

/* ------------------------------------------------------------- expressions */

enum expression_kind {
	/* leaves as written; the checker turns them into values */
	EXPRESSION_WORD,
	EXPRESSION_STRING,
	EXPRESSION_NUMBER,
	EXPRESSION_RANGE,  /* left - right */
	EXPRESSION_PREFIX, /* left / right */
	/* constants */
	EXPRESSION_VALUE,   /* first to last */
	EXPRESSION_CONCAT,  /* items; of values, or of fields on a left side */
	EXPRESSION_LIST,    /* items, of a bitmask */
	EXPRESSION_SET,	    /* items: an anonymous set */
	EXPRESSION_MAPPING, /* left : right, an item of a map */
	EXPRESSION_SETREF,  /* @text */
	EXPRESSION_STAR,    /* the catch-all element */
	EXPRESSION_VERDICT,
	/* what a packet is asked for */
	EXPRESSION_FIELD,
	EXPRESSION_FIB,
	EXPRESSION_NUMGEN,
	EXPRESSION_HASH,
	EXPRESSION_SYMHASH,
	EXPRESSION_BINARY, /* left relation right */
	EXPRESSION_MAP,	   /* left map right */
};

enum relation {
	OPERATOR_IMPLICIT,
	OPERATOR_EQUAL,
	OPERATOR_NOT_EQUAL,
	OPERATOR_LESS,
	OPERATOR_LESS_EQUAL,
	OPERATOR_GREATER,
	OPERATOR_GREATER_EQUAL,
	OPERATOR_NONE_OF, /* `!`: none of these bits */
	OPERATOR_AND,
	OPERATOR_OR,
	OPERATOR_XOR,
	OPERATOR_SHIFT_LEFT,
	OPERATOR_SHIFT_RIGHT,
};

enum verdict_kind {
	VERDICT_KIND_ACCEPT,
	VERDICT_KIND_DROP,
	VERDICT_KIND_CONTINUE,
	VERDICT_KIND_RETURN,
	VERDICT_KIND_JUMP,
	VERDICT_KIND_GOTO,
};

/* How a value was written, for printing it again. */
enum value_form {
	FORM_SINGLE,
	FORM_RANGE,
	FORM_PREFIX,
	FORM_WILDCARD, /* an interface name with '*' */
};

#define VALUE_SIZE 16

/* Big-endian and right-justified in its type's bytes, so values compare as bytes. */
struct value {
	uint8_t bytes[VALUE_SIZE];
};

struct datatype;
struct field;
struct set_declaration;
struct chain;

#define FIB_SADDR 1
#define FIB_DADDR 2
#define FIB_MARK 4
#define FIB_IIF 8
#define FIB_OIF 16

enum fib_result {
	FIB_TYPE,
	FIB_RESULT_OIF,
	FIB_RESULT_OIFNAME,
};

/** struct element_options - what may stand behind an element of a set */
struct element_options {
	bool has_timeout;
	uint64_t timeout_ms;
	const char *comment;
	struct statement *statements; /* counter, limit, quota, ct count */
};

struct expression {
	enum expression_kind kind;
	struct place place;
	struct expression *next; /* among items */
	const struct datatype *type;
	const char *text; /* word, string, set, chain, protocol of a field */
	const char *name; /* of a field */
	uint64_t number;
	struct expression *left, *right;
	struct expression *items, *last_item;
	unsigned int item_count;
	enum relation relation;
	enum verdict_kind verdict;
	struct element_options *options;
	/* set by the checker */
	enum value_form form;
	unsigned int prefix_length;
	struct value first, last;
	const struct field *field;
	struct set_declaration *set;
	struct chain *chain;
	/* fib, numgen, jhash, symhash, raw payload */
	unsigned int flags, modulus, offset, bits, depth;
	bool random, has_seed;
	bool undefined; /* stands for a variable that is not defined, which has been said */
	uint32_t seed;
	enum direction direction; /* of ct original, ct reply */
	enum fib_result fib_result;
};

/* -------------------------------------------------------------- statements */

enum statement_kind {
	STATEMENT_MATCH,
	STATEMENT_VERDICT,
	STATEMENT_VMAP,
	STATEMENT_COUNTER,
	STATEMENT_LIMIT,
	STATEMENT_QUOTA,
	STATEMENT_CONNLIMIT,
	STATEMENT_LOG,
	STATEMENT_REJECT,
	STATEMENT_NAT,
	STATEMENT_NOTRACK,
	STATEMENT_SET_MARK,
	STATEMENT_SET_CT_MARK,
	STATEMENT_MSS,
	STATEMENT_UPDATE, /* add, update or delete an element of a set */
	STATEMENT_HELPER,
};

enum update_kind {
	UPDATE_ADD,
	UPDATE_UPDATE,
	UPDATE_DELETE,
};

struct counter_values {
	uint64_t packets, bytes;
};

struct limit_values {
	uint64_t rate;	/* packets or bytes each @seconds */
	uint64_t burst; /* packets or bytes */
	uint32_t seconds;
	bool bytes, over, has_burst;
};

struct quota_values {
	uint64_t bytes, used;
	bool over;
};

struct log_values {
	const char *prefix;
	const char *flags; /* canonical words; nothing here depends on them */
	uint8_t level;
	bool has_level, has_group, has_snaplen, has_threshold;
	uint32_t group, snaplen, threshold;
};

struct nat_values {
	enum nat_kind kind;
	enum family family; /* 0: of the table */
	bool random, fully_random, persistent;
	uint8_t mapping, filtering; /* as in struct nat_request */
	bool address_and_port; /* `addr . port` */
	bool interval, prefix;
	struct expression *address, *port;
};

enum reject_kind {
	REJECT_KIND_DEFAULT,
	REJECT_KIND_TCP_RESET,
	REJECT_KIND_ICMP,
	REJECT_KIND_ICMPV6,
	REJECT_KIND_ICMPX,
};

struct statement {
	enum statement_kind kind;
	struct place place;
	struct statement *next;
	enum relation relation;
	struct expression *left, *right;
	const char *object; /* a named counter, limit, quota or helper */
	struct object *object_declared;
	bool implied;	/* of a set, because a rule keeps such a thing there */
	uint32_t state; /* index of its counter, limit, quota ... in the program */
	union {
		struct counter_values counter;
		struct limit_values limit;
		struct quota_values quota;
		struct log_values log;
		struct nat_values nat;
		struct {
			uint32_t count;
			bool over;
		} connlimit;
		struct {
			enum reject_kind kind;
			uint8_t code;
		} reject;
		struct {
			enum update_kind kind;
			struct expression *set, *key, *data;
			struct statement *statements;
			uint64_t timeout_ms;
			bool has_timeout;
		} update;
		struct {
			bool route;
			uint16_t size;
		} mss;
	};
};

/* ------------------------------------------------------------ declarations */

struct rule {
	struct rule *next;
	struct place place;
	struct statement *statements;
	const char *comment;
	const char *text; /* canonical, without counters' values */
	uint32_t index;	  /* in the program */
	uint32_t counter; /* first counter of the rule, UINT32_MAX without */
};

struct chain {
	struct chain *next;
	struct place place;
	struct table *table;
	const char *name;
	const char *comment;
	struct rule *rules, *last_rule;
	struct chain *outer; /* the one that is being read again after an anonymous one */
	bool anonymous;	     /* written in braces where it is jumped to */
	bool base, has_policy, policy_drop;
	enum chain_type type;
	enum hook hook;
	int32_t priority;
	/* set by the checker */
	uint32_t index;
	unsigned int depth;  /* of the jumps below it */
	unsigned int colour; /* of the walk for loops */
	uint64_t cost;	     /* rules that a packet can pass in it and below */
	bool used;
};

#define SET_INTERVAL 1U
#define SET_TIMEOUT 2U
#define SET_DYNAMIC 4U
#define SET_CONSTANT 8U

#define KEY_PARTS 5
#define KEY_SIZE ((size_t)KEY_PARTS * VALUE_SIZE)

/** struct key_type - the types of a concatenation; one part for a plain key */
struct key_type {
	unsigned int count, size; /* size: bytes of all parts together */
	const struct datatype *parts[KEY_PARTS];
};

struct set_declaration {
	struct set_declaration *next;
	struct place place;
	struct table *table;
	const char *name;
	const char *comment;
	bool map, anonymous, verdict_map, data_interval, auto_merge, has_timeout, has_size, has_gc;
	bool dynamic; /* a rule adds elements */
	bool meter;   /* declared by a meter statement */
	unsigned int flags;
	uint64_t timeout_ms, gc_interval_ms;
	uint32_t size;
	const char *policy;
	struct expression *key_words, *data_words;   /* `type` */
	struct expression *key_typeof, *data_typeof; /* `typeof` */
	struct expression *elements;		     /* EXPRESSION_SET */
	struct statement *statements;		     /* of each element */
	struct statement *implied;		     /* more that a rule keeps at its elements */
	/* set by the checker */
	struct key_type key, data;
	uint32_t index;
};

enum object_kind {
	OBJECT_COUNTER,
	OBJECT_QUOTA,
	OBJECT_LIMIT,
	OBJECT_HELPER,
};

struct object {
	struct object *next;
	struct place place;
	enum object_kind kind;
	const char *name;
	const char *comment;
	struct counter_values counter;
	struct quota_values quota;
	struct limit_values limit;
	const char *helper, *helper_protocol, *helper_family; /* of a ct helper; the family may be NULL: the table's */
	uint32_t index;					      /* of its state in the program */
};

enum table_family {
	TABLE_IP,
	TABLE_IP6,
	TABLE_INET,
};

struct table {
	struct table *next;
	struct place place;
	enum table_family family;
	const char *name;
	const char *comment;
	bool dormant;
	struct chain *chains;
	struct set_declaration *sets;
	struct object *objects;
};

/** struct setting_word - one word of the gateway block */
struct setting_word {
	struct setting_word *next;
	struct place place;
	const char *text;
	bool quoted;
};

struct setting_line {
	struct setting_line *next;
	struct setting_word *words, *last_word;
};

/** struct document - a whole configuration */
struct document {
	struct table *tables;
	struct setting_line *settings;
	bool has_gateway;
};

/* --------------------------------------------------------------- building */

struct expression *expression_create(struct arena *arena, enum expression_kind kind, struct place place);
void expression_append(struct expression *list, struct expression *item);

/** expression_clone() - a copy that stands at @place, as a variable's use does */
struct expression *expression_clone(struct arena *arena, const struct expression *original, struct place place);

struct statement *statement_create(struct arena *arena, enum statement_kind kind, struct place place);

/** document_table() - a table by family and name, or NULL */
struct table *document_table(const struct document *document, enum table_family family, const char *name);
struct chain *chain_lookup(const struct table *table, const char *name);
struct set_declaration *set_declaration_lookup(const struct table *table, const char *name);
struct object *object_lookup(const struct table *table, enum object_kind kind, const char *name);

/* Adds at the end of a singly linked list of @type through its `next`. */
#define list_append(head, item) \
	do { \
		__typeof__(&(head)) list_at = &(head); \
		while (*list_at) \
			list_at = &(*list_at)->next; \
		*list_at = (item); \
	} while (0)

#endif

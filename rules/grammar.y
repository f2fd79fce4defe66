/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rule language. Words that only matter in one place (rate, prefix, used ...)
 * are plain names here and checked by the actions, so they stay free for chains and
 * interfaces. A `%prec`-free grammar with no conflicts: keep it so.
 */
%define api.pure full
%define api.prefix {grammar_}
%define api.location.type {struct place}
%define parse.error custom
%define parse.lac full
%locations
%param { struct parser *parser }

%code requires {
#include "rules/parse.h"
}

%union {
	const char *text;
	uint64_t number;
	int sign;
	bool flag;
	enum relation relation;
	struct expression *expression;
	struct statement *statement;
	struct rule *rule;
	struct table *table;
	struct chain *chain;
	struct set_declaration *set;
	struct element_options *options;
}

%code {
#define YYLLOC_DEFAULT(current, rhs, n) ((current) = (n) ? YYRHSLOC(rhs, 1) : YYRHSLOC(rhs, 0))
/* Deep enough for any configuration; a fixed size, so that unwinding leaks no stack. */
#define YYINITDEPTH 2000
#define YYMAXDEPTH 2000
/* An error the actions found, from which only skipping the statement helps. */
#define FAIL \
	do { \
		parser_resync(parser); \
		YYERROR; \
	} while (0)

#include "rules/parse_tokens.h"

static void grammar_error(struct place *place, struct parser *parser, const char *message);
}

%token NEWLINE "end of line" RESYNC "end of statement"
%token <text> WORD "name" STRING "quoted string" ADDRESS "address" DURATION "duration" VARIABLE "variable"
%token <text> SETREF "set" RAW "raw payload" WILDCARD "name*" PROTO "protocol" META_KEY "meta key" FAMILY "family"
%token <text> SETTING "setting"
%token <number> NUMBER "number"
%token GATEWAY_WORD "gateway" TABLE "table" CHAIN "chain" RULE "rule" SET "set keyword" MAP "map" ELEMENT "element"
%token ELEMENTS "elements" ADD "add" CREATE "create" INSERT "insert" DELETE "delete" DESTROY "destroy"
%token FLUSH "flush" RULESET "ruleset" DEFINE "define" REDEFINE "redefine" UNDEFINE "undefine"
%token <text> TYPE "type" FLAGS "flags" PRIORITY "priority"
%token <text> TIMEOUT "timeout" COUNTER "counter" QUOTA "quota" LIMIT "limit"
%token <text> MOD "mod" SEED "seed" OFFSET "offset" OPTION "option" WITH "with" COUNT "count" HELPER "helper"
%token <text> ORIGINAL "original" REPLY "reply" EXPIRES "expires"
%token <text> REDIRECT "redirect" SNAT "snat" DNAT "dnat" SIZE "size"
%token TYPEOF "typeof" HOOK "hook" POLICY "policy" GC_INTERVAL "gc-interval" AUTO_MERGE "auto-merge" COMMENT "comment"
%token ACCEPT "accept" DROP "drop" CONTINUE "continue" RETURN "return" JUMP "jump" GOTO "goto"
%token LOG "log" REJECT "reject" MASQUERADE "masquerade" TO "to" NOTRACK "notrack" UPDATE "update" METER "meter"
%token META "meta" CT "ct" FIB "fib" NUMGEN "numgen" JHASH "jhash" SYMHASH "symhash" RT "rt" VMAP "vmap"
%token <text> EXISTS "exists"
%token RATE "rate" OVER "over" UNTIL "until" BURST "burst"
%token EQ "==" NE "!=" LE "<=" GE ">=" SHIFT_LEFT "<<" SHIFT_RIGHT ">>"

%left '|'
%left '^'
%left '&'
%left SHIFT_LEFT SHIFT_RIGHT

%type <text> option_field identifier text_value field_name rhs_word duration device type_word option_kind
%type <number> plain_number offset
%type <relation> relation
%type <flag> over
%type <table> table_spec
%type <chain> anonymous_chain
%type <expression> priority priority_base value rhs_primary rhs rhs_range rhs_concat rhs_list match_value set_literal
%type <expression> set_items set_element set_key set_data verdict primary_field lhs lhs_concat fib_flags fib_flag
%type <expression> stmt_primary stmt_value stmt_range stmt_concat stmt_expr ct_field words type_words set_reference
%type <expression> log_value initializer typeof_data chain_target
%type <options> element_options
%type <statement> statements statement stateful counter limit quota connlimit log_statement reject nat
%type <statement> update update_statements
%type <rule> rule

%%

input
	: %empty
	| input separator
	| input command separator
	| input error RESYNC		{ yyerrok; if (parser->ended) YYABORT; }
	;

separator: NEWLINE | ';' ;

/* ---------------------------------------------------------------- commands */

command
	: definition
	| gateway
	| add TABLE table_spec			{ parser->table = NULL; }
	| add TABLE table_spec
		{ parser->table = $3; }
	  '{' { parser_block_open(parser); } table_body '}'
		{ parser_block_close(parser); parser->table = NULL; }
	| add CHAIN table_spec identifier	{ declare_chain(parser, $3, $4, @4); }
	| add CHAIN table_spec identifier
		{ parser->chain = declare_chain(parser, $3, $4, @4); }
	  chain_block
	| add RULE table_spec identifier rule
		{ declare_rule(parser, need_chain(parser, $3, $4, @4), $5, false); }
	| INSERT RULE table_spec identifier rule
		{ declare_rule(parser, need_chain(parser, $3, $4, @4), $5, true); }
	| add table_spec identifier rule
		{ declare_rule(parser, need_chain(parser, $2, $3, @3), $4, false); }
	| add SET table_spec identifier
		{ parser->set = declare_set(parser, $3, $4, false, @4); }
	  set_block
	| add MAP table_spec identifier
		{ parser->set = declare_set(parser, $3, $4, true, @4); }
	  set_block
	| add ELEMENT table_spec identifier set_literal
		{ declare_elements(parser, need_set(parser, $3, $4, @4), $5); }
	| add COUNTER table_spec identifier	{ declare_object(parser, $3, OBJECT_COUNTER, $4, @4); }
	| add COUNTER table_spec identifier
		{ parser->object = declare_object(parser, $3, OBJECT_COUNTER, $4, @4); }
	  object_block
	| add QUOTA table_spec identifier
		{ parser->object = declare_object(parser, $3, OBJECT_QUOTA, $4, @4); }
	  object_block
	| add LIMIT table_spec identifier
		{ parser->object = declare_object(parser, $3, OBJECT_LIMIT, $4, @4); }
	  object_block
	| FLUSH RULESET				{ parser->document->tables = NULL; }
	| FLUSH RULESET family
	| FLUSH TABLE table_spec
		{
			for (struct chain *chain = $3->chains; chain; chain = chain->next)
				chain->rules = chain->last_rule = NULL;
		}
	| FLUSH CHAIN table_spec identifier
		{
			struct chain *chain = need_chain(parser, $3, $4, @4);

			chain->rules = chain->last_rule = NULL;
		}
	| FLUSH SET table_spec identifier	{ need_set(parser, $3, $4, @4)->elements = NULL; }
	| delete TABLE table_spec		{ delete_table(parser, $3); }
	| delete CHAIN table_spec identifier
		{ report_error(parser->diagnostics, @1, "not supported: delete chain"); }
	| delete SET table_spec identifier	{ report_error(parser->diagnostics, @1, "not supported: delete set"); }
	| delete ELEMENT table_spec identifier set_literal
		{ report_error(parser->diagnostics, @1, "not supported: delete element"); }
	;

add: %empty | ADD | CREATE ;
delete: DELETE | DESTROY ;
family: FAMILY | PROTO ;

table_spec
	: identifier
		{ $$ = declare_table(parser, "ip", $1, @1); if (!$$) FAIL; }
	| FAMILY identifier
		{ $$ = declare_table(parser, $1, $2, @1); if (!$$) FAIL; }
	| PROTO identifier
		{ $$ = declare_table(parser, $1, $2, @1); if (!$$) FAIL; }
	;

identifier: WORD | WITH | COUNT | HELPER | ORIGINAL | REPLY ;
text_value: STRING | identifier ;

definition
	: DEFINE identifier '=' initializer	{ scope_define(parser, $2, $4, false, @2); }
	| REDEFINE identifier '=' initializer	{ scope_define(parser, $2, $4, true, @2); }
	| UNDEFINE identifier			{ scope_undefine(parser, $2, @2); }
	;

initializer
	: rhs_concat
	| rhs_list
	| set_literal
	| '-' NUMBER
		{ $$ = build_leaf(parser, EXPRESSION_NUMBER, @1, NULL); $$->number = $2; $$->flags = 1; }
	| DURATION		{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, $1); }
	| ACCEPT		{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, "accept"); }
	| DROP			{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, "drop"); }
	;

/* ----------------------------------------------------------- gateway block */

gateway
	: GATEWAY_WORD newlines '{'
		{ parser->document->has_gateway = true; parser_block_open(parser); parser->setting = NULL; }
	  settings '}'
		{ parser_block_close(parser); }
	;

settings
	: %empty
	| settings SETTING			{ setting_add(parser, @2, $2, false); }
	| settings STRING			{ setting_add(parser, @2, $2, true); }
	| settings ','
	| settings '{' { parser->setting_nested = true; } setting_list '}'	{ parser->setting_nested = false; }
	| settings separator			{ parser->setting = NULL; }
	| settings error RESYNC			{ yyerrok; parser->setting = NULL; if (parser->ended) YYABORT; }
	;

setting_list
	: %empty
	| setting_list SETTING			{ setting_add(parser, @2, $2, false); }
	| setting_list STRING			{ setting_add(parser, @2, $2, true); }
	| setting_list ','
	| setting_list NEWLINE
	;

/* ------------------------------------------------------------------ tables */

table_body
	: %empty
	| table_lines
	| table_lines table_item
	| table_item
	;

table_lines
	: separator
	| table_item separator
	| table_lines separator
	| table_lines table_item separator
	| table_lines error RESYNC	{ yyerrok; if (parser->ended) YYABORT; }
	| error RESYNC			{ yyerrok; if (parser->ended) YYABORT; }
	;

table_item
	: definition
	| FLAGS words
		{
			for (struct expression *word = $2->items; word; word = word->next) {
				if (strcmp(word->text, "dormant") == 0)
					parser->table->dormant = true;
				else
					report_error(parser->diagnostics, word->place, "not supported: table flag %s",
						word->text);
			}
		}
	| COMMENT text_value			{ parser->table->comment = $2; }
	| CHAIN identifier
		{ parser->chain = declare_chain(parser, parser->table, $2, @2); }
	  chain_block
	| SET identifier
		{ parser->set = declare_set(parser, parser->table, $2, false, @2); }
	  set_block
	| MAP identifier
		{ parser->set = declare_set(parser, parser->table, $2, true, @2); }
	  set_block
	| COUNTER identifier			{ declare_object(parser, parser->table, OBJECT_COUNTER, $2, @2); }
	| COUNTER identifier
		{ parser->object = declare_object(parser, parser->table, OBJECT_COUNTER, $2, @2); }
	  object_block
	| QUOTA identifier
		{ parser->object = declare_object(parser, parser->table, OBJECT_QUOTA, $2, @2); }
	  object_block
	| LIMIT identifier
		{ parser->object = declare_object(parser, parser->table, OBJECT_LIMIT, $2, @2); }
	  object_block
	| CT HELPER identifier
		{ parser->object = declare_object(parser, parser->table, OBJECT_HELPER, $3, @3); }
	  object_block
	| CT TIMEOUT identifier
		{ report_error(parser->diagnostics, @1, "not supported: ct timeout"); FAIL; }
	| CT WORD identifier
		{ report_error(parser->diagnostics, @1, "not supported: ct %s", $2); FAIL; }
	;

words
	: text_value
		{
			$$ = build_leaf(parser, EXPRESSION_LIST, @1, NULL);
			expression_append($$, build_leaf(parser, EXPRESSION_WORD, @1, $1));
		}
	| TIMEOUT
		{
			$$ = build_leaf(parser, EXPRESSION_LIST, @1, NULL);
			expression_append($$, build_leaf(parser, EXPRESSION_WORD, @1, "timeout"));
		}
	| words ',' text_value
		{ expression_append($1, build_leaf(parser, EXPRESSION_WORD, @3, $3)); $$ = $1; }
	| words ',' TIMEOUT
		{ expression_append($1, build_leaf(parser, EXPRESSION_WORD, @3, "timeout")); $$ = $1; }
	;

/* ------------------------------------------------------------------ chains */

chain_block
	: '{' { parser_block_open(parser); } chain_body '}'
		{ parser_block_close(parser); parser->chain = NULL; }
	;

chain_body
	: %empty
	| chain_lines
	| chain_lines chain_item
	| chain_item
	;

chain_lines
	: separator
	| chain_item separator
	| chain_lines separator
	| chain_lines chain_item separator
	| chain_lines error RESYNC	{ yyerrok; if (parser->ended) YYABORT; }
	| error RESYNC			{ yyerrok; if (parser->ended) YYABORT; }
	;

chain_item
	: definition
	| TYPE identifier HOOK identifier device PRIORITY priority
		{
			if ($5)
				report_error(parser->diagnostics, @5, "not supported: device");
			chain_set_hook(parser, @1, $2, $4, $7);
		}
	| POLICY ACCEPT			{ chain_set_policy(parser, @1, "accept"); }
	| POLICY DROP			{ chain_set_policy(parser, @1, "drop"); }
	| POLICY VARIABLE
		{
			struct expression *use = scope_use(parser, $2, @2);

			chain_set_policy(parser, @2, use->text ? use->text : "?");
		}
	| COMMENT text_value		{ parser->chain->comment = $2; }
	| FLAGS words			{ report_error(parser->diagnostics, @1, "not supported: chain flags"); }
	| rule				{ declare_rule(parser, parser->chain, $1, false); }
	;

device
	: %empty			{ $$ = NULL; }
	| identifier text_value		{ $$ = $2; }
	| identifier '=' set_literal	{ $$ = $1; }
	;

priority
	: priority_base
	| '-' NUMBER
		{ if (!parse_priority(parser, NULL, -1, $2, &$$, @1)) $$ = build_leaf(parser, EXPRESSION_NUMBER, @1,
			NULL); }
	| priority_base '+' NUMBER
		{ if (!parse_priority(parser, $1, 1, $3, &$$, @1)) $$ = build_leaf(parser, EXPRESSION_NUMBER, @1,
			NULL); }
	| priority_base '-' NUMBER
		{ if (!parse_priority(parser, $1, -1, $3, &$$, @1)) $$ = build_leaf(parser, EXPRESSION_NUMBER, @1,
			NULL); }
	;

priority_base
	: text_value			{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, $1); }
	| NUMBER			{ $$ = build_leaf(parser, EXPRESSION_NUMBER, @1, NULL); $$->number = $1; }
	| VARIABLE			{ $$ = scope_use(parser, $1, @1); }
	;

/* -------------------------------------------------------------------- sets */

set_block
	: '{' { parser_block_open(parser); } set_body '}'
		{ parser_block_close(parser); parser->set = NULL; }
	;

set_body
	: %empty
	| set_lines
	| set_lines set_item
	| set_item
	;

set_lines
	: separator
	| set_item separator
	| set_lines separator
	| set_lines set_item separator
	| set_lines error RESYNC	{ yyerrok; if (parser->ended) YYABORT; }
	| error RESYNC			{ yyerrok; if (parser->ended) YYABORT; }
	;

set_item
	: definition
	| TYPE type_words			{ parser->set->key_words = $2; }
	| TYPE type_words ':' type_words	{ parser->set->key_words = $2; parser->set->data_words = $4; }
	| TYPEOF lhs_concat			{ parser->set->key_typeof = $2; }
	| TYPEOF lhs_concat ':' typeof_data	{ parser->set->key_typeof = $2; parser->set->data_typeof = $4; }
	| FLAGS words				{ set_add_flags(parser, $2); }
	| TIMEOUT duration
		{
			parser->set->has_timeout = true;
			parser->set->timeout_ms = duration_of(parser, @2, $2);
		}
	| GC_INTERVAL duration
		{
			parser->set->has_gc = true;
			parser->set->gc_interval_ms = duration_of(parser, @2, $2);
		}
	| SIZE plain_number
		{
			parser->set->has_size = true;
			parser->set->size = number_32(parser, @2, $2);
		}
	| ELEMENTS '=' set_literal		{ declare_elements(parser, parser->set, $3); }
	| ELEMENTS '=' VARIABLE			{ declare_elements(parser, parser->set, scope_use(parser, $3, @3)); }
	| AUTO_MERGE				{ parser->set->auto_merge = true; }
	| POLICY identifier			{ parser->set->policy = $2; }
	| COMMENT text_value			{ parser->set->comment = $2; }
	| stateful				{ list_append(parser->set->statements, $1); }
	;

type_words
	: type_word
		{
			$$ = build_leaf(parser, EXPRESSION_LIST, @1, NULL);
			expression_append($$, build_leaf(parser, EXPRESSION_WORD, @1, $1));
		}
	| type_words '.' type_word
		{ $$ = build_join(parser, EXPRESSION_LIST, $1, build_leaf(parser, EXPRESSION_WORD, @3, $3)); }
	| identifier type_word
		{
			$$ = build_join(parser, EXPRESSION_LIST, build_leaf(parser, EXPRESSION_LIST, @1, NULL),
				  build_leaf(parser, EXPRESSION_WORD, @2, $2));
			if (expect_word(parser, @1, $1, "interval"))
				$$->flags = 1;
		}
	;

type_word
	: identifier | META_KEY
	| COUNTER	{ $$ = "counter"; }
	| QUOTA		{ $$ = "quota"; }
	| LIMIT		{ $$ = "limit"; }
	;

typeof_data
	: lhs_concat
	| identifier
		{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, $1); }
	| identifier lhs_concat
		{
			$$ = $2;
			if (expect_word(parser, @1, $1, "interval"))
				parser->set->data_interval = true;
		}
	;

duration
	: DURATION
	| STRING
	| NUMBER			{ $$ = arena_printf(parser->arena, "%llus", (unsigned long long)$1); }
	| VARIABLE
		{
			struct expression *use = scope_use(parser, $1, @1);

			$$ = use->text ? use->text : arena_printf(parser->arena, "%llus",
				(unsigned long long)use->number);
		}
	;

plain_number
	: NUMBER
	| VARIABLE			{ $$ = scope_use(parser, $1, @1)->number; }
	;

set_literal
	: '{' newlines '}'			{ $$ = build_leaf(parser, EXPRESSION_SET, @1, NULL); }
	| '{' newlines set_items '}'		{ $$ = $3; $$->place = @1; }
	| '{' newlines set_items ',' newlines '}'	{ $$ = $3; $$->place = @1; }
	;

newlines: %empty | newlines NEWLINE ;

set_items
	: set_element newlines
		{ $$ = build_join(parser, EXPRESSION_SET, build_leaf(parser, EXPRESSION_SET, @1, NULL), $1); }
	| set_items ',' newlines set_element newlines
		{ $$ = build_join(parser, EXPRESSION_SET, $1, $4); }
	;

set_element
	: set_key element_options	{ $$ = $1; $$->options = $2; }
	| set_key element_options ':' newlines set_data
		{ $1->options = $2; $$ = build_pair(parser, EXPRESSION_MAPPING, OPERATOR_IMPLICIT, $1, $5); }
	;

set_key
	: rhs_concat
	| '*'				{ $$ = build_leaf(parser, EXPRESSION_STAR, @1, NULL); }
	| set_literal
	;

set_data: rhs_concat | verdict ;

element_options
	: %empty			{ $$ = NULL; }
	| element_options TIMEOUT duration
		{
			$$ = $1 ? $1 : arena_alloc(parser->arena, sizeof(*$$));
			$$->has_timeout = true;
			$$->timeout_ms = duration_of(parser, @3, $3);
		}
	| element_options EXPIRES duration
		{
			/* What is left of the time when nft listed it: the better start value. */
			$$ = $1 ? $1 : arena_alloc(parser->arena, sizeof(*$$));
			$$->has_timeout = true;
			$$->timeout_ms = duration_of(parser, @3, $3);
		}
	| element_options COMMENT text_value
		{ $$ = $1 ? $1 : arena_alloc(parser->arena, sizeof(*$$)); $$->comment = $3; }
	| element_options stateful
		{ $$ = $1 ? $1 : arena_alloc(parser->arena, sizeof(*$$)); list_append($$->statements, $2); }
	;

/* ----------------------------------------------------------------- objects */

object_block
	: '{' { parser_block_open(parser); } object_body '}'
		{ parser_block_close(parser); parser->object = NULL; }
	;

object_body
	: %empty
	| object_lines
	| object_lines object_item
	| object_item
	;

object_lines
	: separator
	| object_item separator
	| object_lines separator
	| object_lines object_item separator
	| object_lines error RESYNC	{ yyerrok; if (parser->ended) YYABORT; }
	| error RESYNC			{ yyerrok; if (parser->ended) YYABORT; }
	;

object_item
	: COMMENT text_value		{ parser->object->comment = $2; }
	| identifier NUMBER identifier NUMBER
		{
			if (parser->object->kind != OBJECT_COUNTER)
				report_error(parser->diagnostics, @1, "only a counter has packets and bytes");
			else if (expect_word(parser, @1, $1, "packets") && expect_word(parser, @3, $3, "bytes"))
				parser->object->counter = (struct counter_values){ $2, $4 };
		}
	| object_rate NUMBER '/' identifier
		{ limit_packets(parser, &parser->object->limit, @4, $2, $4); }
	| object_rate NUMBER '/' identifier BURST NUMBER identifier
		{
			limit_packets(parser, &parser->object->limit, @4, $2, $4);
			limit_burst(parser, &parser->object->limit, @6, $6, $7);
		}
	| object_rate NUMBER identifier	{ limit_bytes(parser, &parser->object->limit, @3, $2, $3); }
	| object_rate NUMBER identifier BURST NUMBER identifier
		{
			limit_bytes(parser, &parser->object->limit, @3, $2, $3);
			limit_burst(parser, &parser->object->limit, @5, $5, $6);
		}
	| over NUMBER identifier	{ object_quota(parser, @3, $1, $2, $3); }
	| over NUMBER identifier identifier NUMBER identifier
		{
			object_quota(parser, @3, $1, $2, $3);
			expect_word(parser, @4, $4, "used");
			parser->object->quota.used = $5 * byte_unit(parser, @6, $6);
		}
	| TYPE STRING identifier family_or_word
		{
			expect_word(parser, @3, $3, "protocol");
			parser->object->helper = $2;
			parser->object->helper_protocol = parser->option_word;
		}
	| identifier family_or_word
		{
			expect_word(parser, @1, $1, "l3proto");
			parser->object->helper_family = parser->option_word;
		}
	;

object_rate
	: RATE over			{ parser->object->limit.over = $2; }
	;

family_or_word
	: PROTO			{ parser->option_word = $1; }
	| FAMILY		{ parser->option_word = $1; }
	;

/* ------------------------------------------------------------------- rules */

rule
	: statements
		{
			$$ = arena_alloc(parser->arena, sizeof(*$$));
			$$->place = @1;
			$$->statements = $1;
		}
	| statements COMMENT text_value
		{
			$$ = arena_alloc(parser->arena, sizeof(*$$));
			$$->place = @1;
			$$->statements = $1;
			$$->comment = $3;
		}
	;

statements
	: statement
	| statements statement		{ $$ = $1; list_append($$, $2); }
	;

statement
	: verdict
		{ $$ = statement_create(parser->arena, STATEMENT_VERDICT, @1); $$->left = $1; }
	| lhs_concat match_value	{ $$ = build_match(parser, $1, OPERATOR_IMPLICIT, $2); }
	| lhs_concat relation match_value	{ $$ = build_match(parser, $1, $2, $3); }
	| PROTO OPTION option_kind EXISTS
		{
			$$ = build_match(parser, build_field(parser, @1, "tcp option", $3), OPERATOR_IMPLICIT,
				   build_leaf(parser, EXPRESSION_WORD, @4, $4));
		}
	| lhs_concat VMAP set_reference
		{
			$$ = statement_create(parser->arena, STATEMENT_VMAP, @1);
			$$->left = $1;
			$$->right = $3;
		}
	| stateful
	| log_statement
	| reject
	| nat
	| update
	| NOTRACK			{ $$ = statement_create(parser->arena, STATEMENT_NOTRACK, @1); }
	| META field_name SET stmt_expr
		{
			$$ = statement_create(parser->arena, STATEMENT_SET_MARK, @1);
			$$->object = $2;
			$$->right = $4;
		}
	| META_KEY SET stmt_expr
		{
			$$ = statement_create(parser->arena, STATEMENT_SET_MARK, @1);
			$$->object = $1;
			$$->right = $3;
		}
	| CT field_name SET stmt_expr
		{
			$$ = statement_create(parser->arena, STATEMENT_SET_CT_MARK, @1);
			$$->object = $2;
			$$->right = $4;
		}
	| CT HELPER SET stmt_expr
		{
			$$ = statement_create(parser->arena, STATEMENT_HELPER, @1);
			$$->object = $4->text;
		}
	| PROTO field_name SET stmt_expr
		{
			report_error(parser->diagnostics, @1, "not supported: %s %s set", $1, $2);
			$$ = statement_create(parser->arena, STATEMENT_NOTRACK, @1);
		}
	| PROTO OPTION option_kind option_field SET stmt_expr
		{
			$$ = statement_create(parser->arena, STATEMENT_MSS, @1);
			$$->right = $6;
			if (strcmp($1, "tcp") != 0 || strcmp($3, "maxseg") != 0 || strcmp($4, "size") != 0)
				report_error(parser->diagnostics, @1, "not supported: %s option %s %s set", $1, $3, $4);
		}
	;

verdict
	: ACCEPT			{ $$ = build_verdict(parser, @1, VERDICT_KIND_ACCEPT, NULL); }
	| DROP				{ $$ = build_verdict(parser, @1, VERDICT_KIND_DROP, NULL); }
	| CONTINUE			{ $$ = build_verdict(parser, @1, VERDICT_KIND_CONTINUE, NULL); }
	| RETURN			{ $$ = build_verdict(parser, @1, VERDICT_KIND_RETURN, NULL); }
	| JUMP chain_target		{ $$ = build_verdict(parser, @1, VERDICT_KIND_JUMP, $2->text); }
	| GOTO chain_target		{ $$ = build_verdict(parser, @1, VERDICT_KIND_GOTO, $2->text); }
	| JUMP anonymous_chain		{ $$ = build_verdict(parser, @1, VERDICT_KIND_JUMP, $2->name); $$->chain = $2; }
	| GOTO anonymous_chain		{ $$ = build_verdict(parser, @1, VERDICT_KIND_GOTO, $2->name); $$->chain = $2; }
	;

anonymous_chain
	: '{' { declare_anonymous_chain(parser, @1); parser_block_open(parser); } chain_body '}'
		{
			parser_block_close(parser);
			$$ = parser->chain;
			parser->chain = $$->outer;
		}
	;

chain_target
	: identifier			{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, $1); }
	| VARIABLE
		{
			$$ = scope_use(parser, $1, @1);
			if (!$$->text)
				$$->text = "?";
		}
	;

/* Statements that keep a state of their own; they may also stand at elements of sets. */
stateful: counter | limit | quota | connlimit ;

counter
	: COUNTER			{ $$ = statement_create(parser->arena, STATEMENT_COUNTER, @1); }
	| COUNTER identifier NUMBER identifier NUMBER
		{
			$$ = statement_create(parser->arena, STATEMENT_COUNTER, @1);
			if (expect_word(parser, @2, $2, "packets") && expect_word(parser, @4, $4, "bytes"))
				$$->counter = (struct counter_values){ $3, $5 };
		}
	| COUNTER identifier text_value
		{
			$$ = statement_create(parser->arena, STATEMENT_COUNTER, @1);
			expect_word(parser, @2, $2, "name");
			$$->object = $3;
		}
	;

over
	: %empty			{ $$ = false; }
	| OVER				{ $$ = true; }
	| UNTIL				{ $$ = false; }
	;

limit
	: LIMIT RATE over NUMBER '/' identifier
		{
			$$ = statement_create(parser->arena, STATEMENT_LIMIT, @1);
			limit_packets(parser, &$$->limit, @6, $4, $6);
			$$->limit.over = $3;
		}
	| LIMIT RATE over NUMBER '/' identifier BURST NUMBER identifier
		{
			$$ = statement_create(parser->arena, STATEMENT_LIMIT, @1);
			limit_packets(parser, &$$->limit, @6, $4, $6);
			limit_burst(parser, &$$->limit, @8, $8, $9);
			$$->limit.over = $3;
		}
	| LIMIT RATE over NUMBER identifier
		{
			$$ = statement_create(parser->arena, STATEMENT_LIMIT, @1);
			limit_bytes(parser, &$$->limit, @5, $4, $5);
			$$->limit.over = $3;
		}
	| LIMIT RATE over NUMBER identifier BURST NUMBER identifier
		{
			$$ = statement_create(parser->arena, STATEMENT_LIMIT, @1);
			limit_bytes(parser, &$$->limit, @5, $4, $5);
			limit_burst(parser, &$$->limit, @7, $7, $8);
			$$->limit.over = $3;
		}
	| LIMIT identifier text_value
		{
			$$ = statement_create(parser->arena, STATEMENT_LIMIT, @1);
			expect_word(parser, @2, $2, "name");
			$$->object = $3;
		}
	;

quota
	: QUOTA over NUMBER identifier
		{
			$$ = statement_create(parser->arena, STATEMENT_QUOTA, @1);
			$$->quota.over = $2;
			$$->quota.bytes = $3 * byte_unit(parser, @4, $4);
		}
	| QUOTA over NUMBER identifier identifier NUMBER identifier
		{
			$$ = statement_create(parser->arena, STATEMENT_QUOTA, @1);
			$$->quota.over = $2;
			$$->quota.bytes = $3 * byte_unit(parser, @4, $4);
			expect_word(parser, @5, $5, "used");
			$$->quota.used = $6 * byte_unit(parser, @7, $7);
		}
	| QUOTA identifier text_value
		{
			$$ = statement_create(parser->arena, STATEMENT_QUOTA, @1);
			expect_word(parser, @2, $2, "name");
			$$->object = $3;
		}
	;

connlimit
	: CT COUNT over NUMBER
		{
			$$ = statement_create(parser->arena, STATEMENT_CONNLIMIT, @1);
			$$->connlimit.over = $3;
			$$->connlimit.count = number_32(parser, @4, $4);
		}
	;

log_statement
	: LOG				{ $$ = statement_create(parser->arena, STATEMENT_LOG, @1); }
	| log_statement identifier log_value	{ $$ = $1; log_option(parser, $$, @2, $2, $3); }
	| log_statement FLAGS words	{ $$ = $1; log_flags(parser, $$, NULL, $3); }
	| log_statement FLAGS PROTO words	{ $$ = $1; log_flags(parser, $$, $3, $4); }
	;

log_value
	: text_value			{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, $1); }
	| NUMBER			{ $$ = build_leaf(parser, EXPRESSION_NUMBER, @1, NULL); $$->number = $1; }
	| VARIABLE			{ $$ = scope_use(parser, $1, @1); }
	;

reject
	: REJECT			{ $$ = statement_create(parser->arena, STATEMENT_REJECT, @1); }
	| REJECT WITH PROTO identifier
		{
			$$ = statement_create(parser->arena, STATEMENT_REJECT, @1);
			reject_with(parser, $$, @3, $3, $4);
		}
	| REJECT WITH identifier identifier
		{
			$$ = statement_create(parser->arena, STATEMENT_REJECT, @1);
			reject_with(parser, $$, @3, $3, $4);
		}
	| REJECT WITH PROTO TYPE rhs_word
		{
			$$ = statement_create(parser->arena, STATEMENT_REJECT, @1);
			reject_with(parser, $$, @3, $3, $5);
		}
	| REJECT WITH identifier TYPE rhs_word
		{
			$$ = statement_create(parser->arena, STATEMENT_REJECT, @1);
			reject_with(parser, $$, @3, $3, $5);
		}
	| REJECT WITH PROTO TYPE NUMBER
		{
			$$ = statement_create(parser->arena, STATEMENT_REJECT, @1);
			reject_with(parser, $$, @3, $3, arena_printf(parser->arena, "%llu", (unsigned long long)$5));
		}
	;

/* --------------------------------------------------------------------- nat */

nat
	: nat_head TO nat_target nat_flags
		{ $$ = parser->nat; parser->nat = NULL; }
	| MASQUERADE
		{
			parser->nat = statement_create(parser->arena, STATEMENT_NAT, @1);
			parser->nat->nat.kind = NAT_MASQUERADE;
		}
	  nat_port nat_flags
		{ $$ = parser->nat; parser->nat = NULL; }
	| REDIRECT
		{
			parser->nat = statement_create(parser->arena, STATEMENT_NAT, @1);
			parser->nat->nat.kind = NAT_REDIRECT;
		}
	  nat_port nat_flags
		{ $$ = parser->nat; parser->nat = NULL; }
	;

nat_head
	: SNAT
		{
			parser->nat = statement_create(parser->arena, STATEMENT_NAT, @1);
			parser->nat->nat.kind = NAT_SNAT;
		}
	| DNAT
		{
			parser->nat = statement_create(parser->arena, STATEMENT_NAT, @1);
			parser->nat->nat.kind = NAT_DNAT;
		}
	| nat_head PROTO		{ nat_qualifier(parser, parser->nat, @2, $2); }
	| nat_head identifier		{ nat_qualifier(parser, parser->nat, @2, $2); }
	| nat_head '.'
	;

nat_target
	: stmt_expr			{ parser->nat->nat.address = $1; }
	| stmt_expr ':' stmt_expr	{ parser->nat->nat.address = $1; parser->nat->nat.port = $3; }
	| ':' stmt_expr			{ parser->nat->nat.port = $2; }
	;

nat_port
	: %empty
	| TO ':' stmt_expr		{ parser->nat->nat.port = $3; }
	| TO stmt_expr			{ parser->nat->nat.port = $2; }
	;

nat_flags
	: %empty
	| nat_flag_list
	;

nat_flag_list
	: identifier			{ nat_flag(parser, parser->nat, @1, $1); }
	| nat_flag_list ',' identifier	{ nat_flag(parser, parser->nat, @3, $3); }
	;

/* ---------------------------------------------------------- dynamic sets */

update
	: ADD SETREF '{' newlines update_element '}'	{ $$ = update_finish(parser, UPDATE_ADD, @1, $2, @2); }
	| UPDATE SETREF '{' newlines update_element '}'	{ $$ = update_finish(parser, UPDATE_UPDATE, @1, $2, @2); }
	| DELETE SETREF '{' newlines update_element '}'	{ $$ = update_finish(parser, UPDATE_DELETE, @1, $2, @2); }
	| SET ADD update_element SETREF			{ $$ = update_finish(parser, UPDATE_ADD, @1, $4, @4); }
	| SET UPDATE update_element SETREF		{ $$ = update_finish(parser, UPDATE_UPDATE, @1, $4, @4); }
	| METER identifier meter_size '{' newlines update_element '}'
		{ $$ = update_meter(parser, @1, $2); }
	;

meter_size
	: %empty			{ parser->meter_size = 0; }
	| SIZE NUMBER			{ parser->meter_size = number_32(parser, @2, $2); }
	;

update_element
	: update_key update_options newlines
	| update_key update_options ':' stmt_concat newlines	{ parser->update->update.data = $4; }
	;

update_key
	: stmt_concat
		{
			parser->update = statement_create(parser->arena, STATEMENT_UPDATE, @1);
			parser->update->update.key = $1;
		}
	;

update_options
	: update_times update_statements	{ parser->update->update.statements = $2; }
	;

update_times
	: %empty
	| TIMEOUT duration
		{
			parser->update->update.has_timeout = true;
			parser->update->update.timeout_ms = duration_of(parser, @2, $2);
		}
	;

update_statements
	: %empty			{ $$ = NULL; }
	| update_statements stateful	{ $$ = $1; list_append($$, $2); }
	;

/* ---------------------------------------------- what a packet is asked for */

field_name
	: WORD | WITH | META_KEY
	| TYPE		{ $$ = "type"; }
	| FLAGS		{ $$ = "flags"; }
	| PRIORITY	{ $$ = "priority"; }
	| TIMEOUT	{ $$ = "timeout"; }
	| SIZE		{ $$ = "size"; }
	;

option_field: field_name | COUNT ;

option_kind
	: identifier
	| NUMBER	{ $$ = arena_printf(parser->arena, "%llu", (unsigned long long)$1); }
	;

primary_field
	: PROTO field_name			{ $$ = build_field(parser, @1, $1, $2); }
	| PROTO OPTION option_kind option_field
		{ $$ = build_field(parser, @1, "tcp option", arena_printf(parser->arena, "%s %s", $3, $4)); }
	| META field_name			{ $$ = build_field(parser, @1, "meta", $2); }
	| META_KEY				{ $$ = build_field(parser, @1, "meta", $1); }
	| CT field_name				{ $$ = build_field(parser, @1, "ct", $2); }
	| CT HELPER				{ $$ = build_field(parser, @1, "ct", "helper"); }
	| CT ORIGINAL ct_field
		{ $$ = $3; $$->place = @1; $$->text = "ct original"; $$->direction = DIRECTION_ORIGINAL; }
	| CT REPLY ct_field
		{ $$ = $3; $$->place = @1; $$->text = "ct reply"; $$->direction = DIRECTION_REPLY; }
	| RT field_name				{ $$ = build_field(parser, @1, "rt", $2); }
	| RAW					{ $$ = build_field(parser, @1, "@", $1); }
	| FIB fib_flags META_KEY
		{
			$$ = $2;
			$$->fib_result = FIB_RESULT_OIF;
			if (strcmp($3, "oifname") == 0)
				$$->fib_result = FIB_RESULT_OIFNAME;
			else
				expect_word(parser, @3, $3, "oif");
		}
	| FIB fib_flags TYPE			{ $$ = $2; $$->fib_result = FIB_TYPE; }
	| NUMGEN identifier MOD NUMBER offset
		{
			$$ = build_leaf(parser, EXPRESSION_NUMGEN, @1, NULL);
			$$->random = strcmp($2, "random") == 0;
			if (!$$->random)
				expect_word(parser, @2, $2, "inc");
			$$->modulus = number_32(parser, @4, $4);
			$$->offset = number_32(parser, @5, $5);
		}
	| JHASH lhs_concat MOD NUMBER offset
		{
			$$ = build_leaf(parser, EXPRESSION_HASH, @1, NULL);
			$$->left = $2;
			$$->modulus = number_32(parser, @4, $4);
			$$->offset = number_32(parser, @5, $5);
		}
	| JHASH lhs_concat MOD NUMBER SEED NUMBER offset
		{
			$$ = build_leaf(parser, EXPRESSION_HASH, @1, NULL);
			$$->left = $2;
			$$->modulus = number_32(parser, @4, $4);
			$$->has_seed = true;
			$$->seed = number_32(parser, @6, $6);
			$$->offset = number_32(parser, @7, $7);
		}
	| SYMHASH MOD NUMBER offset
		{
			$$ = build_leaf(parser, EXPRESSION_SYMHASH, @1, NULL);
			$$->modulus = number_32(parser, @3, $3);
			$$->offset = number_32(parser, @4, $4);
		}
	;

offset
	: %empty			{ $$ = 0; }
	| OFFSET NUMBER			{ $$ = $2; }
	;

ct_field
	: field_name			{ $$ = build_field(parser, @1, "ct original", $1); }
	| PROTO field_name
		{ $$ = build_field(parser, @1, "ct original", arena_printf(parser->arena, "%s %s", $1, $2)); }
	;

fib_flags
	: fib_flag
	| fib_flags '.' fib_flag	{ $$ = $1; $$->flags |= $3->flags; }
	;

fib_flag
	: identifier
		{
			$$ = build_leaf(parser, EXPRESSION_FIB, @1, NULL);
			if (strcmp($1, "saddr") == 0)
				$$->flags = FIB_SADDR;
			else if (expect_word(parser, @1, $1, "daddr"))
				$$->flags = FIB_DADDR;
		}
	| META_KEY
		{
			$$ = build_leaf(parser, EXPRESSION_FIB, @1, NULL);
			if (strcmp($1, "mark") == 0)
				$$->flags = FIB_MARK;
			else if (strcmp($1, "oif") == 0)
				$$->flags = FIB_OIF;
			else if (expect_word(parser, @1, $1, "iif"))
				$$->flags = FIB_IIF;
		}
	;

lhs
	: primary_field
	| '(' lhs ')'			{ $$ = $2; }
	| lhs '&' rhs_primary		{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_AND, $1, $3); }
	| lhs '|' rhs_primary		{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_OR, $1, $3); }
	| lhs '^' rhs_primary		{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_XOR, $1, $3); }
	| lhs SHIFT_LEFT rhs_primary	{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_SHIFT_LEFT, $1, $3); }
	| lhs SHIFT_RIGHT rhs_primary	{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_SHIFT_RIGHT, $1, $3); }
	;

lhs_concat
	: lhs
	| lhs_concat '.' lhs		{ $$ = build_join(parser, EXPRESSION_CONCAT, $1, $3); }
	;

relation
	: EQ		{ $$ = OPERATOR_EQUAL; }
	| NE		{ $$ = OPERATOR_NOT_EQUAL; }
	| '!'		{ $$ = OPERATOR_NOT_EQUAL; }
	| '<'		{ $$ = OPERATOR_LESS; }
	| LE		{ $$ = OPERATOR_LESS_EQUAL; }
	| '>'		{ $$ = OPERATOR_GREATER; }
	| GE		{ $$ = OPERATOR_GREATER_EQUAL; }
	;

/* --------------------------------------------------------------- constants */

match_value
	: rhs_concat
	| rhs_list
	| set_literal
	| SETREF			{ $$ = build_leaf(parser, EXPRESSION_SETREF, @1, $1); }
	;

set_reference
	: set_literal
	| SETREF			{ $$ = build_leaf(parser, EXPRESSION_SETREF, @1, $1); }
	| VARIABLE			{ $$ = scope_use(parser, $1, @1); }
	;

rhs_word
	: identifier
	| EXISTS
	| REDIRECT	{ $$ = "redirect"; }
	| SNAT		{ $$ = "snat"; }
	| DNAT		{ $$ = "dnat"; }
	;

value
	: rhs_word			{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, $1); }
	| ADDRESS			{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, $1); }
	| WILDCARD			{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, $1); }
	| STRING			{ $$ = build_leaf(parser, EXPRESSION_STRING, @1, $1); }
	| NUMBER			{ $$ = build_leaf(parser, EXPRESSION_NUMBER, @1, NULL); $$->number = $1; }
	| VARIABLE			{ $$ = scope_use(parser, $1, @1); }
	| '[' ADDRESS ']'		{ $$ = build_leaf(parser, EXPRESSION_WORD, @2, $2); }
	;

rhs_primary
	: value
	| PROTO				{ $$ = build_leaf(parser, EXPRESSION_WORD, @1, $1); }
	| '(' rhs ')'			{ $$ = $2; }
	;

rhs
	: rhs_primary
	| rhs '|' rhs			{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_OR, $1, $3); }
	| rhs '&' rhs			{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_AND, $1, $3); }
	| rhs '^' rhs			{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_XOR, $1, $3); }
	| rhs SHIFT_LEFT rhs		{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_SHIFT_LEFT, $1, $3); }
	| rhs SHIFT_RIGHT rhs		{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_SHIFT_RIGHT, $1, $3); }
	;

rhs_range
	: rhs
	| rhs '-' rhs			{ $$ = build_pair(parser, EXPRESSION_RANGE, OPERATOR_IMPLICIT, $1, $3); }
	| rhs '/' rhs			{ $$ = build_pair(parser, EXPRESSION_PREFIX, OPERATOR_IMPLICIT, $1, $3); }
	;

rhs_concat
	: rhs_range
	| rhs_concat '.' rhs_range	{ $$ = build_join(parser, EXPRESSION_CONCAT, $1, $3); }
	;

rhs_list
	: rhs_range ',' rhs_range
		{ $$ = build_join(parser, EXPRESSION_LIST, build_join(parser, EXPRESSION_LIST,
			    build_leaf(parser, EXPRESSION_LIST, @1, NULL), $1), $3); }
	| rhs_list ',' rhs_range	{ $$ = build_join(parser, EXPRESSION_LIST, $1, $3); }
	;

/* ------------------------------------- arguments of statements: any of both */

stmt_primary
	: primary_field
	| value
	| '(' stmt_value ')'		{ $$ = $2; }
	;

stmt_value
	: stmt_primary
	| stmt_value '|' stmt_value	{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_OR, $1, $3); }
	| stmt_value '&' stmt_value	{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_AND, $1, $3); }
	| stmt_value '^' stmt_value	{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_XOR, $1, $3); }
	| stmt_value SHIFT_LEFT stmt_value
		{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_SHIFT_LEFT, $1, $3); }
	| stmt_value SHIFT_RIGHT stmt_value
		{ $$ = build_pair(parser, EXPRESSION_BINARY, OPERATOR_SHIFT_RIGHT, $1, $3); }
	;

stmt_range
	: stmt_value
	| stmt_value '-' stmt_value	{ $$ = build_pair(parser, EXPRESSION_RANGE, OPERATOR_IMPLICIT, $1, $3); }
	| stmt_value '/' stmt_value	{ $$ = build_pair(parser, EXPRESSION_PREFIX, OPERATOR_IMPLICIT, $1, $3); }
	;

stmt_concat
	: stmt_range
	| stmt_concat '.' stmt_range	{ $$ = build_join(parser, EXPRESSION_CONCAT, $1, $3); }
	;

stmt_expr
	: stmt_concat
	| stmt_concat MAP set_reference
		{ $$ = build_pair(parser, EXPRESSION_MAP, OPERATOR_IMPLICIT, $1, $3); }
	;

%%

static void grammar_error(struct place *place, struct parser *parser, const char *message)
{
	report_error(parser->diagnostics, *place, "%s", message);
	parser_resync(parser);
	parser->ended = true;
}

/* Words that may be names too: `name` says it. */
static bool is_clutter(yysymbol_kind_t symbol)
{
	return symbol == YYSYMBOL_RESYNC || symbol == YYSYMBOL_WITH || symbol == YYSYMBOL_COUNT ||
	       symbol == YYSYMBOL_HELPER || symbol == YYSYMBOL_ORIGINAL || symbol == YYSYMBOL_REPLY ||
	       symbol == YYSYMBOL_EXISTS;
}

static int yyreport_syntax_error(const yypcontext_t *context, struct parser *parser)
{
	const char *names[6];
	yysymbol_kind_t expected[64], got = yypcontext_token(context);
	int count = yypcontext_expected_tokens(context, expected, 64);
	int named = 0, counted = 0;
	bool statement = false, value = false;

	for (int i = 0; i < count; i++) {
		if (expected[i] == YYSYMBOL_NOTRACK)
			statement = true;
		if (expected[i] == YYSYMBOL_ADDRESS)
			value = true;
		if (!is_clutter(expected[i]) && named < 6)
			names[named++] = yysymbol_name(expected[i]);
		counted += !is_clutter(expected[i]);
	}
	parser_syntax_error(parser, *yypcontext_location(context), got == YYSYMBOL_YYEOF ? NULL : yysymbol_name(got),
			    statement ? "a statement" : value ? "a value" : NULL, names, counted > 6 ? 0 : named);
	return 0;
}

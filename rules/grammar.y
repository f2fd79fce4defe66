/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rule language. Words that only matter in one place (prefix, used, name ...)
 * are plain names here and checked by the actions, so they stay free for chains and
 * interfaces. A `%prec`-free grammar with no conflicts: keep it so.
 *
 * What to read first: `command` and `table_item` say what a file consists of,
 * `statement` what a rule does, `primary_field` what it can ask of a packet. Actions
 * only build the tree; what they call is listed, file by file, in parse_tokens.h.
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
	bool flag;
	enum relation relation;
	enum object_kind object_kind;
	struct expression *expression;
	struct statement *statement;
	struct rule *rule;
	struct table *table;
	struct chain *chain;
	struct element_options *options;
	struct limit_values limit;
	struct quota_values quota;
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
/* Behind an error: the next statement is judged afresh. */
#define RECOVER \
	do { \
		yyerrok; \
		if (parser->ended) \
			YYABORT; \
	} while (0)
#define UNSUPPORTED(place, ...) report_error(parser->diagnostics, place, "not supported: " __VA_ARGS__)
#define LEAF(kind, place, text) build_leaf(parser, EXPRESSION_##kind, place, text)
#define NUMBER_LEAF(place, number) build_number(parser, place, number)
#define PAIR(kind, left, right) build_pair(parser, EXPRESSION_##kind, OPERATOR_IMPLICIT, left, right)
#define CALCULATION(operator, left, right) build_pair(parser, EXPRESSION_BINARY, OPERATOR_##operator, left, right)
#define JOIN(kind, list, item) build_join(parser, EXPRESSION_##kind, list, item)
#define FIRST(kind, place, item) JOIN(kind, LEAF(kind, place, NULL), item)
#define STATEMENT(kind, place) statement_create(parser->arena, STATEMENT_##kind, place)
#define VERDICT(kind, place, target) build_verdict(parser, place, VERDICT_KIND_##kind, target)

#include "rules/parse_tokens.h"

static void grammar_error(struct place *place, struct parser *parser, const char *message);
}

%token NEWLINE "end of line" RESYNC "end of statement"
%token <text> WORD "name" STRING "quoted string" ADDRESS "address" DURATION "duration" VARIABLE "variable"
%token <text> SETREF "set" RAW "raw payload" WILDCARD "name*" PROTO "protocol" META_KEY "meta key" FAMILY "family"
%token <text> COMMAND "command" SETTING "setting" ETHER "ether"
%token <number> NUMBER "number"
%token GATEWAY_WORD "gateway" TABLE "table" CHAIN "chain" RULE "rule" SET "set keyword" MAP "map" ELEMENT "element"
%token ELEMENTS "elements" ADD "add" CREATE "create" INSERT "insert" DELETE "delete"
%token FLUSH "flush" RULESET "ruleset" RENAME "rename" DEFINE "define" REDEFINE "redefine" UNDEFINE "undefine"
%token <text> TYPE "type" FLAGS "flags" PRIORITY "priority" SIZE "size"
%token <text> TIMEOUT "timeout" COUNTER "counter" QUOTA "quota" LIMIT "limit"
%token <text> MOD "mod" SEED "seed" OFFSET "offset" OPTION "option" CHUNK "chunk" WITH "with" COUNT "count"
%token <text> HELPER "helper" ORIGINAL "original" REPLY "reply" EXPIRES "expires"
%token <text> DESTROY "destroy" REDIRECT "redirect" SNAT "snat" DNAT "dnat" TO "to"
%token <text> RATE "rate" OVER "over" UNTIL "until" BURST "burst" EXISTS "exists"
%token TYPEOF "typeof" HOOK "hook" POLICY "policy" GC_INTERVAL "gc-interval" AUTO_MERGE "auto-merge" COMMENT "comment"
%token ACCEPT "accept" DROP "drop" CONTINUE "continue" RETURN "return" JUMP "jump" GOTO "goto"
%token LOG "log" REJECT "reject" MASQUERADE "masquerade" NOTRACK "notrack" UPDATE "update" METER "meter"
%token META "meta" CT "ct" FIB "fib" NUMGEN "numgen" JHASH "jhash" SYMHASH "symhash" RT "rt" VMAP "vmap"
%token EQ "==" NE "!=" LE "<=" GE ">=" SHIFT_LEFT "<<" SHIFT_RIGHT ">>"

%left '|'
%left '^'
%left '&'
%left SHIFT_LEFT SHIFT_RIGHT

%type <text> option_field option_word identifier name text_value field_name rhs_word duration device type_word
%type <text> option_kind named reject_kind reject_code family_word
%type <number> plain_number offset where
%type <relation> relation
%type <flag> over
%type <object_kind> object_kind
%type <table> table_spec
%type <chain> anonymous_chain
%type <expression> priority priority_base value rhs_primary rhs rhs_range rhs_concat rhs_list match_value set_literal
%type <expression> set_items set_element set_key set_data verdict primary_field lhs lhs_concat fib_flags fib_flag
%type <expression> stmt_primary stmt_value stmt_range stmt_concat stmt_expr set_value ct_field words type_words
%type <expression> set_reference log_value initializer typeof_data chain_target word bare_address
%type <options> element_options
%type <limit> limit_values
%type <quota> quota_values
%type <statement> statements statement stateful counter limit quota log_statement reject nat update update_statements
%type <rule> rule

%%

input
	: %empty
	| input separator
	| input command separator
	| input error RESYNC		{ RECOVER; }
	;

separator: NEWLINE | ';' ;
newlines: %empty | newlines NEWLINE ;

/* ---------------------------------------------------------------- commands */

command
	: definition
	| gateway
	| add TABLE table_spec			{ parser->table = NULL; }
	| add TABLE table_spec
		{ parser->table = $3; }
	  '{' { parser_block_open(parser); } table_body '}'
		{ parser_block_close(parser); parser->table = NULL; }
	| add CHAIN table_spec name		{ declare_chain(parser, $3, $4, @4); }
	| add CHAIN table_spec name		{ parser->chain = declare_chain(parser, $3, $4, @4); }
	  chain_block
	| add RULE table_spec name where rule	{ place_rule(parser, need_chain(parser, $3, $4, @4), $6, $5 + 1); }
	| INSERT RULE table_spec name where rule	{ place_rule(parser, need_chain(parser, $3, $4, @4), $6, $5); }
	| add table_spec name rule		{ declare_rule(need_chain(parser, $2, $3, @3), $4); }
	| add SET table_spec name		{ parser->set = declare_set(parser, $3, $4, false, @4); }
	  set_block
	| add MAP table_spec name		{ parser->set = declare_set(parser, $3, $4, true, @4); }
	  set_block
	| add ELEMENT table_spec name set_literal
		{ declare_elements(parser, need_set(parser, $3, $4, @4), $5); }
	| add object_kind table_spec name	{ declare_object(parser, $3, $2, $4, @4); }
	| add object_kind table_spec name	{ parser->object = declare_object(parser, $3, $2, $4, @4); }
	  object_block
	| FLUSH RULESET				{ parser->document->tables = NULL; }
	| FLUSH RULESET family_word
	| FLUSH TABLE table_spec		{ flush_table($3); }
	| FLUSH CHAIN table_spec name		{ flush_chain(need_chain(parser, $3, $4, @4)); }
	| FLUSH set_kind table_spec name	{ need_set(parser, $3, $4, @4)->elements = NULL; }
	| RENAME CHAIN table_spec name name	{ rename_chain(parser, need_chain(parser, $3, $4, @4), $5, @5); }
	| delete TABLE table_spec		{ delete_table(parser, $3); }
	| delete CHAIN table_spec name		{ delete_chain(parser, $3, $4, @4); }
	| delete set_kind table_spec name	{ delete_set(parser, $3, $4, @4); }
	| delete object_kind table_spec name	{ delete_object(parser, $3, $2, $4, @4); }
	| delete ELEMENT table_spec name set_literal	{ UNSUPPORTED(@1, "delete element"); }
	| delete RULE table_spec name name NUMBER	{ UNSUPPORTED(@1, "delete rule"); }
	| COMMAND				{ UNSUPPORTED(@1, "%s", $1); FAIL; }
	;

add: %empty | ADD | CREATE ;
delete: DELETE | DESTROY ;
set_kind: SET | MAP | METER ;

object_kind
	: COUNTER	{ $$ = OBJECT_COUNTER; }
	| QUOTA		{ $$ = OBJECT_QUOTA; }
	| LIMIT		{ $$ = OBJECT_LIMIT; }
	| CT HELPER	{ $$ = OBJECT_HELPER; }
	;

/* Behind (add) or before (insert) which rule of its chain, counted from 0. */
where
	: %empty			{ $$ = PLACE_NONE; }
	| name NUMBER			{ $$ = rule_index(parser, @1, $1, $2); }
	;

table_spec
	: name				{ $$ = declare_table(parser, "ip", $1, @1); if (!$$) FAIL; }
	| family_word name		{ $$ = declare_table(parser, $1, $2, @1); if (!$$) FAIL; }
	;

family_word: PROTO | FAMILY ;

identifier: WORD | WITH | COUNT | HELPER | ORIGINAL | REPLY | CHUNK ;

/* Where only a name can stand, words of the statements are names too. */
name: identifier | RATE | OVER | UNTIL | BURST | MOD | SEED | OFFSET | OPTION | TO ;
text_value: STRING | name ;
word: text_value		{ $$ = LEAF(WORD, @1, $1); } ;

words
	: word				{ $$ = FIRST(LIST, @1, $1); }
	| TIMEOUT			{ $$ = FIRST(LIST, @1, LEAF(WORD, @1, "timeout")); }
	| words ',' word		{ $$ = JOIN(LIST, $1, $3); }
	| words ',' TIMEOUT		{ $$ = JOIN(LIST, $1, LEAF(WORD, @3, "timeout")); }
	;

definition
	: DEFINE name '=' initializer	{ scope_define(parser, $2, $4, false, @2); }
	| REDEFINE name '=' initializer	{ scope_define(parser, $2, $4, true, @2); }
	| UNDEFINE name			{ scope_undefine(parser, $2, @2); }
	;

initializer
	: rhs_concat
	| rhs_list
	| set_literal
	| '-' NUMBER			{ $$ = NUMBER_LEAF(@1, $2); $$->flags = 1; }
	| ACCEPT			{ $$ = LEAF(WORD, @1, "accept"); }
	| DROP				{ $$ = LEAF(WORD, @1, "drop"); }
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
	| settings setting
	| settings '{' setting_list '}'
	| settings separator		{ parser->setting = NULL; }
	| settings error RESYNC		{ parser->setting = NULL; RECOVER; }
	;

setting_list: %empty | setting_list setting | setting_list NEWLINE ;

setting
	: SETTING			{ setting_add(parser, @1, $1, false); }
	| STRING			{ setting_add(parser, @1, $1, true); }
	| ','
	;

/* ------------------------------------------------------------------ tables */

table_body: table_lines | table_lines table_item ;

table_lines
	: %empty
	| table_lines separator
	| table_lines table_item separator
	| table_lines error RESYNC	{ RECOVER; }
	;

table_item
	: definition
	| FLAGS words			{ table_add_flags(parser, $2); }
	| COMMENT text_value		{ parser->table->comment = $2; }
	| CHAIN name			{ parser->chain = declare_chain(parser, parser->table, $2, @2); }
	  chain_block
	| SET name			{ parser->set = declare_set(parser, parser->table, $2, false, @2); }
	  set_block
	| MAP name			{ parser->set = declare_set(parser, parser->table, $2, true, @2); }
	  set_block
	| object_kind name		{ declare_object(parser, parser->table, $1, $2, @2); }
	| object_kind name		{ parser->object = declare_object(parser, parser->table, $1, $2, @2); }
	  object_block
	| CT TIMEOUT name		{ UNSUPPORTED(@1, "ct timeout"); FAIL; }
	| CT WORD name			{ UNSUPPORTED(@1, "ct %s", $2); FAIL; }
	;

/* ------------------------------------------------------------------ chains */

chain_block
	: '{' { parser_block_open(parser); } chain_body '}'
		{ parser_block_close(parser); parser->chain = NULL; }
	;

chain_body: chain_lines | chain_lines chain_item ;

chain_lines
	: %empty
	| chain_lines separator
	| chain_lines chain_item separator
	| chain_lines error RESYNC	{ RECOVER; }
	;

chain_item
	: definition
	| TYPE identifier HOOK identifier device PRIORITY priority
		{
			if ($5)
				UNSUPPORTED(@5, "device");
			chain_set_hook(parser, @1, $2, $4, $7);
		}
	| POLICY ACCEPT			{ chain_set_policy(parser, @1, "accept"); }
	| POLICY DROP			{ chain_set_policy(parser, @1, "drop"); }
	| POLICY VARIABLE		{ chain_set_policy(parser, @2, text_of(scope_use(parser, $2, @2))); }
	| COMMENT text_value		{ parser->chain->comment = $2; }
	| FLAGS words			{ UNSUPPORTED(@1, "chain flags"); }
	| rule				{ declare_rule(parser->chain, $1); }
	;

device
	: %empty			{ $$ = NULL; }
	| identifier text_value		{ $$ = $2; }
	| identifier '=' set_literal	{ $$ = $1; }
	;

priority
	: priority_base
	| '-' NUMBER			{ $$ = build_priority(parser, @1, NULL, -1, $2); }
	| priority_base '+' NUMBER	{ $$ = build_priority(parser, @1, $1, 1, $3); }
	| priority_base '-' NUMBER	{ $$ = build_priority(parser, @1, $1, -1, $3); }
	;

priority_base
	: word
	| NUMBER			{ $$ = NUMBER_LEAF(@1, $1); }
	| VARIABLE			{ $$ = scope_use(parser, $1, @1); }
	;

/* -------------------------------------------------------------------- sets */

set_block
	: '{' { parser_block_open(parser); } set_body '}'
		{ parser_block_close(parser); parser->set = NULL; }
	;

set_body: set_lines | set_lines set_item ;

set_lines
	: %empty
	| set_lines separator
	| set_lines set_item separator
	| set_lines error RESYNC	{ RECOVER; }
	;

set_item
	: definition
	| TYPE type_words			{ parser->set->key_words = $2; }
	| TYPE type_words ':' type_words	{ parser->set->key_words = $2; parser->set->data_words = $4; }
	| TYPEOF lhs_concat			{ parser->set->key_typeof = $2; }
	| TYPEOF lhs_concat ':' typeof_data	{ parser->set->key_typeof = $2; parser->set->data_typeof = $4; }
	| FLAGS words				{ set_add_flags(parser, $2); }
	| TIMEOUT duration			{ set_timeout(parser->set, duration_of(parser, @2, $2)); }
	| GC_INTERVAL duration			{ set_gc_interval(parser->set, duration_of(parser, @2, $2)); }
	| SIZE plain_number			{ set_size(parser->set, number_32(parser, @2, $2)); }
	| ELEMENTS '=' set_literal		{ declare_elements(parser, parser->set, $3); }
	| ELEMENTS '=' VARIABLE			{ declare_elements(parser, parser->set, scope_use(parser, $3, @3)); }
	| AUTO_MERGE				{ parser->set->auto_merge = true; }
	| POLICY identifier			{ parser->set->policy = $2; }
	| COMMENT text_value			{ parser->set->comment = $2; }
	| stateful				{ list_append(parser->set->statements, $1); }
	;

type_words
	: type_word			{ $$ = FIRST(LIST, @1, LEAF(WORD, @1, $1)); }
	| type_words '.' type_word	{ $$ = JOIN(LIST, $1, LEAF(WORD, @3, $3)); }
	| identifier type_word
		{ $$ = FIRST(LIST, @1, LEAF(WORD, @2, $2)); $$->flags = expect_word(parser, @1, $1, "interval"); }
	;

type_word: identifier | META_KEY | COUNTER | QUOTA | LIMIT ;

typeof_data
	: lhs_concat
	| identifier			{ $$ = LEAF(WORD, @1, $1); }
	| identifier lhs_concat
		{ $$ = $2; parser->set->data_interval |= expect_word(parser, @1, $1, "interval"); }
	;

duration
	: DURATION
	| STRING
	| NUMBER			{ $$ = duration_text(parser, NUMBER_LEAF(@1, $1)); }
	| VARIABLE			{ $$ = duration_text(parser, scope_use(parser, $1, @1)); }
	;

plain_number: NUMBER | VARIABLE	{ $$ = scope_use(parser, $1, @1)->number; } ;

set_literal
	: '{' newlines '}'			{ $$ = LEAF(SET, @1, NULL); }
	| '{' newlines set_items '}'		{ $$ = $3; $$->place = @1; }
	| '{' newlines set_items ',' newlines '}'	{ $$ = $3; $$->place = @1; }
	;

set_items
	: set_element newlines			{ $$ = FIRST(SET, @1, $1); }
	| set_items ',' newlines set_element newlines	{ $$ = JOIN(SET, $1, $4); }
	;

set_element
	: set_key element_options	{ $$ = $1; $$->options = $2; }
	| set_key element_options ':' newlines set_data	{ $1->options = $2; $$ = PAIR(MAPPING, $1, $5); }
	;

set_key
	: rhs_concat
	| '*'				{ $$ = LEAF(STAR, @1, NULL); }
	| set_literal
	;

set_data
	: rhs_concat
	| verdict
	| rhs_concat ':' value		{ UNSUPPORTED(@1, "traffic control classes"); $$ = $1; }
	;

element_options
	: %empty			{ $$ = NULL; }
	| element_options TIMEOUT duration
		{ $$ = element_timeout(parser, $1, duration_of(parser, @3, $3)); }
	| element_options EXPIRES duration
		/* What is left of the time when nft listed it: the better start value. */
		{ $$ = element_timeout(parser, $1, duration_of(parser, @3, $3)); }
	| element_options COMMENT text_value	{ $$ = element_keep(parser, $1, NULL, $3); }
	| element_options stateful		{ $$ = element_keep(parser, $1, $2, NULL); }
	;

/* ----------------------------------------------------------------- objects */

object_block
	: '{' { parser_block_open(parser); } object_body '}'
		{ parser_block_close(parser); parser->object = NULL; }
	;

object_body: object_lines | object_lines object_item ;

object_lines
	: %empty
	| object_lines separator
	| object_lines object_item separator
	| object_lines error RESYNC	{ RECOVER; }
	;

object_item
	: COMMENT text_value		{ parser->object->comment = $2; }
	| identifier NUMBER identifier NUMBER
		{ object_counter(parser, @1, counter_of(parser, @1, $1, $2, @3, $3, $4)); }
	| limit_values			{ object_limit(parser, @1, &$1); }
	| quota_values			{ object_quota(parser, @1, &$1); }
	| TYPE STRING identifier family_word
		{
			expect_word(parser, @3, $3, "protocol");
			parser->object->helper = $2;
			parser->object->helper_protocol = $4;
		}
	| identifier family_word
		{ expect_word(parser, @1, $1, "l3proto"); parser->object->helper_family = $2; }
	;

/* ------------------------------------------------------------------- rules */

rule
	: statements			{ $$ = build_rule(parser, @1, $1, NULL); }
	| statements COMMENT text_value	{ $$ = build_rule(parser, @1, $1, $3); }
	;

statements
	: statement
	| statements statement		{ $$ = $1; list_append($$, $2); }
	;

statement
	: verdict			{ $$ = STATEMENT(VERDICT, @1); $$->left = $1; }
	| lhs_concat match_value	{ $$ = build_match(parser, $1, OPERATOR_IMPLICIT, $2); }
	| lhs_concat relation match_value	{ $$ = build_match(parser, $1, $2, $3); }
	| PROTO option_word option_kind EXISTS
		{
			$$ = build_match(parser, build_option(parser, @1, $1, $2, $3), OPERATOR_IMPLICIT,
					 LEAF(WORD, @4, $4));
		}
	| lhs_concat VMAP set_reference	{ $$ = STATEMENT(VMAP, @1); $$->left = $1; $$->right = $3; }
	| stateful
	| log_statement
	| reject
	| nat
	| update
	| NOTRACK			{ $$ = STATEMENT(NOTRACK, @1); }
	| META field_name SET set_value	{ $$ = STATEMENT(SET_MARK, @1); $$->object = $2; $$->right = $4; }
	| META_KEY SET set_value	{ $$ = STATEMENT(SET_MARK, @1); $$->object = $1; $$->right = $3; }
	| CT field_name SET set_value	{ $$ = STATEMENT(SET_CT_MARK, @1); $$->object = $2; $$->right = $4; }
	| CT HELPER SET stmt_expr	{ $$ = STATEMENT(HELPER, @1); $$->object = $4->text; }
	| PROTO field_name SET stmt_expr	{ UNSUPPORTED(@1, "%s %s set", $1, $2); $$ = STATEMENT(NOTRACK, @1); }
	| ETHER field_name SET stmt_expr	{ UNSUPPORTED(@1, "%s %s set", $1, $2); $$ = STATEMENT(NOTRACK, @1); }
	| PROTO option_word option_kind option_field SET stmt_expr
		{
			$$ = STATEMENT(MSS, @1);
			$$->right = $6;
			if (strcmp($1, "tcp") != 0 || strcmp($3, "maxseg") != 0 || strcmp($4, "size") != 0)
				UNSUPPORTED(@1, "%s %s %s %s set", $1, $2, $3, $4);
		}
	;

/* Of what is set here, only marks are supported; the rest is read to be named. */
set_value
	: stmt_expr
	| set_value ',' stmt_expr	{ $$ = $1; }
	| set_value ':' stmt_expr	{ $$ = $1; }
	;

verdict
	: ACCEPT			{ $$ = VERDICT(ACCEPT, @1, NULL); }
	| DROP				{ $$ = VERDICT(DROP, @1, NULL); }
	| CONTINUE			{ $$ = VERDICT(CONTINUE, @1, NULL); }
	| RETURN			{ $$ = VERDICT(RETURN, @1, NULL); }
	| JUMP chain_target		{ $$ = VERDICT(JUMP, @1, $2->text); }
	| GOTO chain_target		{ $$ = VERDICT(GOTO, @1, $2->text); }
	| JUMP anonymous_chain		{ $$ = VERDICT(JUMP, @1, $2->name); $$->chain = $2; }
	| GOTO anonymous_chain		{ $$ = VERDICT(GOTO, @1, $2->name); $$->chain = $2; }
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
	: name				{ $$ = LEAF(WORD, @1, $1); }
	| VARIABLE			{ $$ = scope_use(parser, $1, @1); $$->text = text_of($$); }
	;

/* Statements that keep a state of their own; they may also stand at elements of sets. */
stateful
	: counter
	| limit
	| quota
	| CT COUNT over NUMBER		{ $$ = build_connlimit(parser, @1, $3, number_32(parser, @4, $4)); }
	;

/* An object by its name. */
named
	: text_value
	| lhs_concat MAP set_reference	{ UNSUPPORTED(@1, "objects chosen by a map"); FAIL; }
	;

counter
	: COUNTER			{ $$ = STATEMENT(COUNTER, @1); }
	| COUNTER identifier NUMBER identifier NUMBER
		{ $$ = STATEMENT(COUNTER, @1); $$->counter = counter_of(parser, @2, $2, $3, @4, $4, $5); }
	| COUNTER identifier named
		{ $$ = STATEMENT(COUNTER, @1); $$->object = $3; expect_word(parser, @2, $2, "name"); }
	;

over
	: %empty			{ $$ = false; }
	| OVER				{ $$ = true; }
	| UNTIL				{ $$ = false; }
	;

limit
	: LIMIT limit_values		{ $$ = STATEMENT(LIMIT, @1); $$->limit = $2; }
	| LIMIT identifier named
		{ $$ = STATEMENT(LIMIT, @1); $$->object = $3; expect_word(parser, @2, $2, "name"); }
	;

limit_values
	: RATE over NUMBER '/' identifier	{ $$ = limit_packets(parser, @5, $2, $3, $5); }
	| RATE over NUMBER '/' identifier BURST NUMBER identifier
		{ $$ = limit_packets(parser, @5, $2, $3, $5); limit_burst(parser, &$$, @7, $7, $8); }
	| RATE over NUMBER identifier	{ $$ = limit_bytes(parser, @4, $2, $3, $4); }
	| RATE over NUMBER identifier BURST NUMBER identifier
		{ $$ = limit_bytes(parser, @4, $2, $3, $4); limit_burst(parser, &$$, @6, $6, $7); }
	;

quota
	: QUOTA quota_values		{ $$ = STATEMENT(QUOTA, @1); $$->quota = $2; }
	| QUOTA identifier named
		{ $$ = STATEMENT(QUOTA, @1); $$->object = $3; expect_word(parser, @2, $2, "name"); }
	;

quota_values
	: over NUMBER identifier
		{ $$ = (struct quota_values){ .over = $1, .bytes = bytes_of(parser, @3, $2, $3) }; }
	| over NUMBER identifier identifier NUMBER identifier
		{
			expect_word(parser, @4, $4, "used");
			$$ = (struct quota_values){ .over = $1, .bytes = bytes_of(parser, @3, $2, $3),
						    .used = bytes_of(parser, @6, $5, $6) };
		}
	;

log_statement
	: LOG				{ $$ = STATEMENT(LOG, @1); }
	| log_statement identifier log_value	{ $$ = $1; log_option(parser, $$, @2, $2, $3); }
	| log_statement FLAGS words	{ $$ = $1; log_flags(parser, $$, NULL, $3); }
	| log_statement FLAGS PROTO words	{ $$ = $1; log_flags(parser, $$, $3, $4); }
	| log_statement FLAGS META_KEY	{ $$ = $1; log_flags(parser, $$, NULL, FIRST(LIST, @3, LEAF(WORD, @3, $3))); }
	| log_statement FLAGS ETHER	{ $$ = $1; log_flags(parser, $$, NULL, FIRST(LIST, @3, LEAF(WORD, @3, $3))); }
	;

log_value
	: word
	| NUMBER			{ $$ = NUMBER_LEAF(@1, $1); }
	| VARIABLE			{ $$ = scope_use(parser, $1, @1); }
	;

reject
	: REJECT			{ $$ = STATEMENT(REJECT, @1); }
	| REJECT WITH reject_kind reject_code
		{ $$ = STATEMENT(REJECT, @1); reject_with(parser, $$, @3, $3, $4); }
	| REJECT WITH reject_kind TYPE reject_code
		{ $$ = STATEMENT(REJECT, @1); reject_with(parser, $$, @3, $3, $5); }
	;

reject_kind: PROTO | identifier ;
reject_code: rhs_word | NUMBER { $$ = number_text(parser, $1); } ;

/* --------------------------------------------------------------------- nat */

nat
	: nat_head TO nat_target nat_flags	{ $$ = parser->nat; }
	/* Older texts leave `to` out. */
	| nat_head bare_address nat_flags	{ $$ = parser->nat; $$->nat.address = $2; }
	| nat_head bare_address ':' stmt_expr nat_flags
		{ $$ = parser->nat; $$->nat.address = $2; $$->nat.port = $4; }
	| nat_own nat_port nat_flags		{ $$ = parser->nat; }
	;

nat_head
	: SNAT				{ parser->nat = build_nat(parser, @1, NAT_SNAT); }
	| DNAT				{ parser->nat = build_nat(parser, @1, NAT_DNAT); }
	| nat_head PROTO		{ nat_qualifier(parser, parser->nat, @2, $2); }
	| nat_head identifier		{ nat_qualifier(parser, parser->nat, @2, $2); }
	| nat_head '.'
	;

nat_own
	: MASQUERADE			{ parser->nat = build_nat(parser, @1, NAT_MASQUERADE); }
	| REDIRECT			{ parser->nat = build_nat(parser, @1, NAT_REDIRECT); }
	;

nat_target
	: stmt_expr			{ parser->nat->nat.address = $1; }
	| stmt_expr ':' stmt_expr	{ parser->nat->nat.address = $1; parser->nat->nat.port = $3; }
	| ':' stmt_expr			{ parser->nat->nat.port = $2; }
	;

bare_address
	: ADDRESS			{ $$ = LEAF(WORD, @1, $1); }
	| ADDRESS '-' ADDRESS		{ $$ = PAIR(RANGE, LEAF(WORD, @1, $1), LEAF(WORD, @3, $3)); }
	;

nat_port
	: %empty
	| TO ':' stmt_expr		{ parser->nat->nat.port = $3; }
	| TO stmt_expr			{ parser->nat->nat.port = $2; }
	;

nat_flags: %empty | nat_flag_list ;

nat_flag_list
	: nat_flag
	| nat_flag_list ',' nat_flag
	;

nat_flag
	: identifier			{ nat_flag(parser, parser->nat, @1, $1); }
	| identifier identifier		{ nat_behaviour(parser, parser->nat, @1, $1, $2); }
	;

/* ------------------------------------------------------------ dynamic sets */

update
	: ADD SETREF '{' newlines update_element '}'	{ $$ = update_finish(parser, UPDATE_ADD, @1, $2, @2); }
	| UPDATE SETREF '{' newlines update_element '}'	{ $$ = update_finish(parser, UPDATE_UPDATE, @1, $2, @2); }
	| DELETE SETREF '{' newlines update_element '}'	{ $$ = update_finish(parser, UPDATE_DELETE, @1, $2, @2); }
	| SET ADD update_element SETREF			{ $$ = update_finish(parser, UPDATE_ADD, @1, $4, @4); }
	| SET UPDATE update_element SETREF		{ $$ = update_finish(parser, UPDATE_UPDATE, @1, $4, @4); }
	| METER name meter_size '{' newlines update_element '}'	{ $$ = update_meter(parser, @1, $2); }
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
	: stmt_concat	{ parser->update = STATEMENT(UPDATE, @1); parser->update->update.key = $1; }
	;

update_options: update_times update_statements	{ parser->update->update.statements = $2; } ;

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

field_name: WORD | WITH | META_KEY | TYPE | FLAGS | PRIORITY | TIMEOUT | SIZE ;
option_word: OPTION | CHUNK ;
option_field: field_name | COUNT ;
option_kind: identifier | NUMBER	{ $$ = number_text(parser, $1); } ;

primary_field
	: PROTO field_name			{ $$ = build_field(parser, @1, $1, $2); }
	| ETHER field_name			{ $$ = build_field(parser, @1, $1, $2); }
	| PROTO option_word option_kind option_field
		{ $$ = build_option(parser, @1, $1, $2, two_words(parser, $3, $4)); }
	| META field_name			{ $$ = build_field(parser, @1, "meta", $2); }
	| META_KEY				{ $$ = build_field(parser, @1, "meta", $1); }
	| CT field_name				{ $$ = build_field(parser, @1, "ct", $2); }
	| CT HELPER				{ $$ = build_field(parser, @1, "ct", "helper"); }
	| CT ORIGINAL ct_field			{ $$ = build_ct_field($3, @1, DIRECTION_ORIGINAL); }
	| CT REPLY ct_field			{ $$ = build_ct_field($3, @1, DIRECTION_REPLY); }
	| RT field_name				{ $$ = build_field(parser, @1, "rt", $2); }
	| RT PROTO field_name			{ $$ = build_field(parser, @1, "rt", $3); }
	| RAW					{ $$ = build_field(parser, @1, "@", $1); }
	| FIB fib_flags META_KEY		{ $$ = $2; fib_interface(parser, $$, @3, $3); }
	| FIB fib_flags TYPE			{ $$ = $2; $$->fib_result = FIB_TYPE; }
	| NUMGEN identifier MOD NUMBER offset
		{ $$ = build_generator(parser, EXPRESSION_NUMGEN, @1, $4, $5); numgen_kind(parser, $$, @2, $2); }
	| JHASH lhs_concat MOD NUMBER offset
		{ $$ = build_generator(parser, EXPRESSION_HASH, @1, $4, $5); $$->left = $2; }
	| JHASH lhs_concat MOD NUMBER SEED NUMBER offset
		{
			$$ = build_generator(parser, EXPRESSION_HASH, @1, $4, $7);
			$$->left = $2;
			$$->has_seed = true;
			$$->seed = number_32(parser, @6, $6);
		}
	| SYMHASH MOD NUMBER offset		{ $$ = build_generator(parser, EXPRESSION_SYMHASH, @1, $3, $4); }
	;

offset
	: %empty			{ $$ = 0; }
	| OFFSET NUMBER			{ $$ = $2; }
	;

ct_field
	: field_name			{ $$ = build_field(parser, @1, "ct original", $1); }
	| PROTO field_name		{ $$ = build_field(parser, @1, "ct original", two_words(parser, $1, $2)); }
	;

fib_flags
	: fib_flag
	| fib_flags '.' fib_flag	{ $$ = $1; $$->flags |= $3->flags; }
	;

fib_flag
	: identifier			{ $$ = build_fib_flag(parser, @1, $1); }
	| META_KEY			{ $$ = build_fib_flag(parser, @1, $1); }
	;

lhs
	: primary_field
	| '(' lhs ')'			{ $$ = $2; }
	| lhs '&' rhs_primary		{ $$ = CALCULATION(AND, $1, $3); }
	| lhs '|' rhs_primary		{ $$ = CALCULATION(OR, $1, $3); }
	| lhs '^' rhs_primary		{ $$ = CALCULATION(XOR, $1, $3); }
	| lhs SHIFT_LEFT rhs_primary	{ $$ = CALCULATION(SHIFT_LEFT, $1, $3); }
	| lhs SHIFT_RIGHT rhs_primary	{ $$ = CALCULATION(SHIFT_RIGHT, $1, $3); }
	;

lhs_concat
	: lhs
	| lhs_concat '.' lhs		{ $$ = JOIN(CONCAT, $1, $3); }
	;

relation
	: EQ		{ $$ = OPERATOR_EQUAL; }
	| NE		{ $$ = OPERATOR_NOT_EQUAL; }
	| '!'		{ $$ = OPERATOR_NONE_OF; }
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
	| SETREF			{ $$ = LEAF(SETREF, @1, $1); }
	;

set_reference
	: set_literal
	| SETREF			{ $$ = LEAF(SETREF, @1, $1); }
	| VARIABLE			{ $$ = scope_use(parser, $1, @1); }
	;

rhs_word: identifier | EXISTS | REDIRECT | SNAT | DNAT | DESTROY ;

value
	: rhs_word			{ $$ = LEAF(WORD, @1, $1); }
	| ADDRESS			{ $$ = LEAF(WORD, @1, $1); }
	| WILDCARD			{ $$ = LEAF(WORD, @1, $1); }
	| DURATION			{ $$ = LEAF(WORD, @1, $1); }
	| STRING			{ $$ = LEAF(STRING, @1, $1); }
	| NUMBER			{ $$ = NUMBER_LEAF(@1, $1); }
	| VARIABLE			{ $$ = scope_use(parser, $1, @1); }
	| '[' ADDRESS ']'		{ $$ = LEAF(WORD, @2, $2); }
	;

rhs_primary
	: value
	| PROTO				{ $$ = LEAF(WORD, @1, $1); }
	| ETHER				{ $$ = LEAF(WORD, @1, $1); }
	| '(' rhs ')'			{ $$ = $2; }
	;

rhs
	: rhs_primary
	| rhs '|' rhs			{ $$ = CALCULATION(OR, $1, $3); }
	| rhs '&' rhs			{ $$ = CALCULATION(AND, $1, $3); }
	| rhs '^' rhs			{ $$ = CALCULATION(XOR, $1, $3); }
	| rhs SHIFT_LEFT rhs		{ $$ = CALCULATION(SHIFT_LEFT, $1, $3); }
	| rhs SHIFT_RIGHT rhs		{ $$ = CALCULATION(SHIFT_RIGHT, $1, $3); }
	;

rhs_range
	: rhs
	| rhs '-' rhs			{ $$ = PAIR(RANGE, $1, $3); }
	| rhs '/' rhs			{ $$ = PAIR(PREFIX, $1, $3); }
	;

rhs_concat
	: rhs_range
	| rhs_concat '.' rhs_range	{ $$ = JOIN(CONCAT, $1, $3); }
	;

rhs_list
	: rhs_range ',' rhs_range	{ $$ = JOIN(LIST, FIRST(LIST, @1, $1), $3); }
	| rhs_list ',' rhs_range	{ $$ = JOIN(LIST, $1, $3); }
	;

/* ------------------------------------- arguments of statements: any of both */

stmt_primary
	: primary_field
	| value
	| '(' stmt_value ')'		{ $$ = $2; }
	;

stmt_value
	: stmt_primary
	| stmt_value '|' stmt_value	{ $$ = CALCULATION(OR, $1, $3); }
	| stmt_value '&' stmt_value	{ $$ = CALCULATION(AND, $1, $3); }
	| stmt_value '^' stmt_value	{ $$ = CALCULATION(XOR, $1, $3); }
	| stmt_value SHIFT_LEFT stmt_value	{ $$ = CALCULATION(SHIFT_LEFT, $1, $3); }
	| stmt_value SHIFT_RIGHT stmt_value	{ $$ = CALCULATION(SHIFT_RIGHT, $1, $3); }
	;

stmt_range
	: stmt_value
	| stmt_value '-' stmt_value	{ $$ = PAIR(RANGE, $1, $3); }
	| stmt_value '/' stmt_value	{ $$ = PAIR(PREFIX, $1, $3); }
	;

stmt_concat
	: stmt_range
	| stmt_concat '.' stmt_range	{ $$ = JOIN(CONCAT, $1, $3); }
	;

stmt_expr
	: stmt_concat
	| stmt_concat MAP set_reference	{ $$ = PAIR(MAP, $1, $3); }
	;

%%

static void grammar_error(struct place *place, struct parser *parser, const char *message)
{
	report_error(parser->diagnostics, *place, "%s", message);
	parser_resync(parser);
	parser->ended = true;
}

/* Words that may stand where a name can: `name` says it. */
static bool is_name_too(yysymbol_kind_t symbol)
{
	static const yysymbol_kind_t words[] = {
		YYSYMBOL_WITH,	YYSYMBOL_COUNT, YYSYMBOL_HELPER, YYSYMBOL_ORIGINAL, YYSYMBOL_REPLY,  YYSYMBOL_CHUNK,
		YYSYMBOL_RATE,	YYSYMBOL_OVER,	YYSYMBOL_UNTIL,	 YYSYMBOL_BURST,    YYSYMBOL_MOD,    YYSYMBOL_SEED,
		YYSYMBOL_OFFSET, YYSYMBOL_OPTION, YYSYMBOL_TO,	 YYSYMBOL_EXISTS,   YYSYMBOL_DESTROY,
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i] == symbol)
			return true;
	}
	return false;
}

static int yyreport_syntax_error(const yypcontext_t *context, struct parser *parser)
{
	const char *names[6];
	yysymbol_kind_t expected[64], got = yypcontext_token(context);
	int count = yypcontext_expected_tokens(context, expected, 64);
	int named = 0, counted = 0;
	bool statement = false, value = false, name = false;

	for (int i = 0; i < count; i++) {
		statement |= expected[i] == YYSYMBOL_NOTRACK;
		value |= expected[i] == YYSYMBOL_ADDRESS;
		name |= expected[i] == YYSYMBOL_WORD;
	}
	for (int i = 0; i < count; i++) {
		if (expected[i] == YYSYMBOL_RESYNC || (name && is_name_too(expected[i])))
			continue;
		if (named < 6)
			names[named++] = yysymbol_name(expected[i]);
		counted++;
	}
	parser_syntax_error(parser, *yypcontext_location(context), got == YYSYMBOL_YYEOF ? NULL : yysymbol_name(got),
			    statement ? "a statement" : value ? "a value" : NULL, names, counted > 6 ? 0 : named);
	return 0;
}

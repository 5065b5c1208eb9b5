// SPDX-License-Identifier: BSD-2-Clause
// The grammar of x400d.conf(5). One rule a statement; what is longer than a line is a function of draft.c. A word stands
// here only when the program does what it says. After an error everything up to the end of the line is passed over, or,
// where a block begins on it, the whole block, and the next statement is read: several errors are told in one run.
%require "3.8"
%language "c"
%define api.pure full
%define api.prefix {conf_}
%define api.token.prefix {T_}
%define api.token.raw
%define api.location.type {struct lex_loc}
%define parse.error custom
%define parse.lac full
%define lr.default-reduction consistent
%locations
%param {struct draft *d}

%code requires {
#include "conf/draft.h"
}

%code {
#include "base/mem.h"
#include "conf/parse.h"
#include "conf/reach.h"

#define YYMALLOC mem_alloc
#define YYFREE mem_free
#define YYLLOC_DEFAULT(current, rhs, n) ((current) = YYRHSLOC(rhs, (n) > 0 ? 1 : 0))

#define conf_lex parse_token

static void conf_error(const struct lex_loc *loc, struct draft *d, const char *text);
}

%union {
    const char *text;
    uint64_t number;
    int word;
    struct bytes octets;
    struct conf_endpoint endpoint;
    struct conf_selectors selectors;
    struct conf_socket socket;
    struct conf_retry retry;
    struct draft_ref ref;
    struct draft_attribute *attributes;
    const struct or_address *pattern;
}

%token <text> STRING ADDRESS PREFIX WORD
%token <octets> HEX
%token <number> NUMBER TIME SIZE PERCENT
%token OPEN CLOSE COMMA NEWLINE
%token ACCEPT ADDRESS_KW ADMD ANOTHER ANY ASSOCIATIONS AT BIND_BACK CALLED CALLERS CALLING CHECKPOINT COMMON_NAME
%token CONFIGURED CONNECT CONTROL COST COUNTRY CREDENTIALS DECLARED DELIVER DIALOGUE DIRECTORY DOMAIN DOMAIN_DEFINED
%token EVENTS EVERY EXPIRY FILE FINISHED FOLLOWS FORM FROM GENERATION GIVEN_NAME GROUP HOST IA5 IDLE IN INCLUDE
%token INITIALS JSON K KEEP LEAST LIFETIME LIMIT LISTEN LOCAL MESSAGES MODE MONOLOGUE MOST MTA NAME NEVER NO NON_URGENT
%token NONE NORMAL NUMERIC_USER_ID OCTET ON OPEN_KW OPTIONAL ORGANIZATION PASSWORD PEER PER PLAIN PORT PRMD PROGRESS
%token PSEL RECOVERY RELAY REMOTE REQUIRED RESERVE RETRY ROUTE SIZE_KW SOCKET SOURCE SPOOL SSEL STACK STATUS STRICT
%token SUBMIT SURNAME SYNC SYSLOG TERMINAL_ID TIMEOUT TIMES TO TRANSFER TSEL TWO_WAY_ALTERNATE UNIT URGENT VIA VIRTUAL
%token WINDOW WITHIN WITHOUT X121 X410_1984 X410_1988

%type <number> format port cost size_or_none priority bind_back
%type <word> attribute_word socket_word domain_word
%type <text> host address_or_host prefix
%type <octets> selector
%type <endpoint> listen_on bare_endpoint
%type <selectors> selectors
%type <socket> socket
%type <retry> retry
%type <attributes> attributes attribute domain domain_part
%type <pattern> pattern

%%

file: %empty
    | file NEWLINE
    | file statement NEWLINE
    | file error NEWLINE { yyerrok; draft_block_end(d); }
    | file error OPEN { lex_skip_block(&d->file->lex); } CLOSE { yyerrok; draft_block_end(d); }
    ;

statement: include | mta | stack | peer | route | deliver;

include: INCLUDE STRING { draft_read(d, @2, $2); };

mta: MTA STRING { if (!draft_mta_begin(d, @1, $2, @2)) YYNOMEM; } OPEN mta_items CLOSE { draft_block_end(d); };
stack: STACK STRING { if (!draft_stack_begin(d, @1, $2, @2)) YYNOMEM; } OPEN stack_items CLOSE { draft_block_end(d); };
peer: PEER STRING { if (!draft_peer_begin(d, @1, $2, @2)) YYNOMEM; } OPEN peer_items CLOSE { draft_peer_end(d); };

mta_items: mta_item | mta_items NEWLINE mta_item;
stack_items: stack_item | stack_items NEWLINE stack_item;
peer_items: peer_item | peer_items NEWLINE peer_item;

// After an error the statement is ended by what follows it: the end of the line or of the block.
wrong: error { yyerrok; }
    | error OPEN { lex_skip_block(&d->file->lex); } CLOSE { yyerrok; }
    ;

mta_item: %empty | wrong
    | DOMAIN domain { draft_domain(d, @1, &d->mta->domain, $2); }
    | SPOOL STRING { if (draft_once(d, @1, DRAFT_SPOOL, "spool")) d->mta->spool = draft_path(d, $2); }
    | SPOOL STRING FOLLOWS STACK STRING {
        if (draft_once(d, @1, DRAFT_SPOOL, "spool"))
            d->mta->spool = draft_path(d, $2);
        d->follows = (struct draft_ref){$5, draft_where(d, @5)};
    }
    | EVENTS SYSLOG format { draft_events(d, @1, NULL, (enum conf_format)$3); }
    | EVENTS FILE STRING format { draft_events(d, @1, $3, (enum conf_format)$4); }
    | socket_word socket { draft_socket(d, @1, $1, $2); }
    | EXPIRY expiries
    | KEEP FINISHED TIME { draft_time(d, @3, DRAFT_KEEP, "keep finished", &d->mta->keep_ms, $3); }
    | RESERVE PERCENT { draft_reserve(d, @1, @2, $2, 0); }
    | RESERVE PERCENT AT LEAST SIZE { draft_reserve(d, @1, @2, $2, $5); }
    ;

format: %empty { $$ = CONF_PLAIN; } | PLAIN { $$ = CONF_PLAIN; } | JSON { $$ = CONF_JSON; };

socket_word: CONTROL { $$ = DRAFT_CONTROL; } | SUBMIT { $$ = DRAFT_SUBMIT; } | STATUS { $$ = DRAFT_STATUS; };

socket: SOCKET STRING { $$ = (struct conf_socket){draft_path(d, $2), 0, NULL}; }
    | socket MODE NUMBER { $$ = $1; $$.mode = draft_mode(d, @3, $3); }
    | socket GROUP STRING { $$ = $1; $$.group = $3; }
    ;

priority: NORMAL { $$ = CONF_NORMAL; } | NON_URGENT { $$ = CONF_NON_URGENT; } | URGENT { $$ = CONF_URGENT; };

expiries: expiry | expiries expiry;
expiry: priority TIME {
        draft_time(d, @2, DRAFT_EXPIRY_NORMAL + (int)$1, "the expiry of this priority", &d->mta->expiry_ms[$1], $2);
    };

stack_item: %empty | wrong
    | LISTEN ON listen_on { draft_listen(d, @1, $3); }
    | LISTEN ON listen_on selectors {
        draft_listen(d, @1, $3);
        draft_selectors(d, @4, &d->stack->stack.selectors, $4);
    }
    | selectors { draft_selectors(d, @1, &d->stack->stack.selectors, $1); }
    | VIRTUAL { draft_virtual(d, @1); }
    | SOURCE bare_endpoint { draft_source(d, @1, &d->stack->stack.source, $2); }
    | BIND_BACK TO address_or_host { draft_bind_back_to(d, @1, draft_endpoint(d, @3, $3, @3, CONF_PORT), false); }
    | BIND_BACK TO address_or_host PORT NUMBER { draft_bind_back_to(d, @1, draft_endpoint(d, @3, $3, @5, $5), true); }
    | CALLERS callers
    ;

callers: caller | callers caller;
caller: AT MOST NUMBER { draft_count(d, @3, DRAFT_CALLERS, "at most", &d->stack->stack.callers_max, $3); }
    | PER ADDRESS_KW NUMBER {
        draft_count(d, @3, DRAFT_CALLERS_ADDRESS, "per address", &d->stack->stack.callers_per_address, $3);
    }
    | WITHIN TIME { draft_time(d, @2, DRAFT_CALLERS_WITHIN, "within", &d->stack->stack.bind_within_ms, $2); }
    ;

listen_on: address_or_host port { $$ = draft_endpoint(d, @1, $1, @2, $2); }
    | ANY port { $$ = draft_endpoint(d, @1, "any", @2, $2); $$.any = true; }
    ;

host: WORD | STRING;
address_or_host: ADDRESS | host;
bare_endpoint: address_or_host { $$ = draft_endpoint(d, @1, $1, @1, CONF_PORT); $$.port = 0; };
port: %empty { $$ = CONF_PORT; } | PORT NUMBER { $$ = $2; @$ = @2; };

selectors: TSEL selector { $$ = (struct conf_selectors){0}; draft_selector(d, @1, "tsel", &$$.tsel, &$$.tsel_given, $2); }
    | SSEL selector { $$ = (struct conf_selectors){0}; draft_selector(d, @1, "ssel", &$$.ssel, &$$.ssel_given, $2); }
    | PSEL selector { $$ = (struct conf_selectors){0}; draft_selector(d, @1, "psel", &$$.psel, &$$.psel_given, $2); }
    | selectors TSEL selector { $$ = $1; draft_selector(d, @2, "tsel", &$$.tsel, &$$.tsel_given, $3); }
    | selectors SSEL selector { $$ = $1; draft_selector(d, @2, "ssel", &$$.ssel, &$$.ssel_given, $3); }
    | selectors PSEL selector { $$ = $1; draft_selector(d, @2, "psel", &$$.psel, &$$.psel_given, $3); }
    ;

selector: STRING { $$ = bytes_str($1); } | HEX | NONE { $$ = (struct bytes){0}; };

peer_item: %empty | wrong
    | CONNECT HOST host port { draft_connect(d, draft_endpoint(d, @3, $3, @4, $4)); }
    | CONNECT ADDRESS_KW ADDRESS port { draft_connect(d, draft_endpoint(d, @3, $3, @4, $4)); }
    | VIA via
    | SOURCE bare_endpoint { draft_source(d, @1, &d->peer->peer.source, $2); }
    | ACCEPT FROM accepts
    | ACCEPT WITHOUT CREDENTIALS {
        if (draft_once(d, @1, DRAFT_WITHOUT_CREDENTIALS, "accept without credentials"))
            d->peer->peer.accept_without_credentials = true;
    }
    | BIND_BACK bind_back { draft_bind_back(d, @1, (enum conf_bind_back)$2); }
    | BIND_BACK bind_back backs { draft_bind_back(d, @1, (enum conf_bind_back)$2); }
    | CALLED selectors {
        if (draft_once(d, @1, DRAFT_CALLED, "called"))
            d->peer->peer.called = $2;
    }
    | CALLING selectors {
        if (draft_once(d, @1, DRAFT_CALLING, "calling"))
            d->peer->peer.calling = $2;
    }
    | DOMAIN domain { draft_domain(d, @1, &d->peer->peer.domain, $2); }
    | LOCAL NAME STRING PASSWORD STRING { draft_credentials(d, @1, DRAFT_LOCAL, $3, @3, @5, $5, NULL); }
    | LOCAL NAME STRING PASSWORD FILE STRING { draft_credentials(d, @1, DRAFT_LOCAL, $3, @3, @6, NULL, $6); }
    | REMOTE NAME STRING PASSWORD STRING { draft_credentials(d, @1, DRAFT_REMOTE, $3, @3, @5, $5, NULL); }
    | REMOTE NAME STRING PASSWORD FILE STRING { draft_credentials(d, @1, DRAFT_REMOTE, $3, @3, @6, NULL, $6); }
    | PASSWORD FORM OCTET { draft_form(d, @1, CONF_PASSWORD_OCTET); }
    | PASSWORD FORM IA5 { draft_form(d, @1, CONF_PASSWORD_IA5); }
    | SIZE_KW LIMIT size_or_none { draft_size_limit(d, @1, @3, $3); }
    | MODE NORMAL { draft_protocol(d, @1, CONF_NORMAL_MODE); }
    | MODE X410_1988 { draft_protocol(d, @1, CONF_X410_1988); }
    | MODE X410_1984 { draft_protocol(d, @1, CONF_X410_1984); }
    | MODE X410_1984 STRICT { draft_protocol(d, @1, CONF_X410_1984); d->peer->peer.downgrade_strict = true; }
    | MODE X410_1984 RELAY attributes {
        draft_protocol(d, @1, CONF_X410_1984);
        d->peer->peer.downgrade_relay = draft_relay(d, @4, $4);
    }
    | DIALOGUE MONOLOGUE { draft_dialogue(d, @1, CONF_MONOLOGUE); }
    | DIALOGUE TWO_WAY_ALTERNATE { draft_dialogue(d, @1, CONF_TWO_WAY_ALTERNATE); }
    | CHECKPOINT size_or_none { draft_checkpoint(d, @1, @2, $2); }
    | CHECKPOINT size_or_none checkpoints { draft_checkpoint(d, @1, @2, $2); }
    | CHECKPOINT checkpoints
    | WINDOW NUMBER { draft_window(d, @1, @2, $2); }
    | OPEN_KW retry { draft_retry(d, @2, DRAFT_OPEN_RETRY, &d->peer->peer.open_retry, $2); }
    | OPEN_KW TIMEOUT TIME {
        draft_time(d, @3, DRAFT_OPEN_TIMEOUT, "open timeout", &d->peer->peer.open_timeout_ms, $3);
    }
    | TRANSFER retry { draft_retry(d, @2, DRAFT_TRANSFER_RETRY, &d->peer->peer.transfer_retry, $2); }
    | TRANSFER TIMEOUT PER K timeouts
    | TRANSFER TIMEOUT PER K timeouts no_progress
    | TRANSFER TIMEOUT no_progress
    | ASSOCIATIONS associations
    ;

checkpoints: checkpoint | checkpoints checkpoint;
checkpoint: WINDOW NUMBER { draft_window(d, @1, @2, $2); }
    | RECOVERY TIME { draft_time(d, @2, DRAFT_RECOVERY, "recovery", &d->peer->peer.recovery_ms, $2); }
    | RECOVERY NONE { if (draft_once(d, @1, DRAFT_RECOVERY, "recovery")) d->peer->peer.recovery_ms = 0; }
    | SYNC NEVER { draft_sync(d, @1, CONF_SYNC_NEVER); }
    | SYNC WINDOW { draft_sync(d, @1, CONF_SYNC_WINDOW); }
    ;

via: optional_stack STRING { if (draft_once(d, @2, DRAFT_VIA, "via")) draft_via(d, @2, $2); }
    | via COMMA STRING { draft_via(d, @3, $3); }
    ;
optional_stack: %empty | STACK;

accepts: prefix { draft_accept(d, @1, $1); } | accepts COMMA prefix { draft_accept(d, @3, $3); };
prefix: address_or_host | PREFIX | ANY { $$ = NULL; };

bind_back: %empty { $$ = CONF_BIND_BACK_OPTIONAL; }
    | OPTIONAL { $$ = CONF_BIND_BACK_OPTIONAL; }
    | REQUIRED { $$ = CONF_BIND_BACK_REQUIRED; }
    ;
backs: back | backs back;
back: DECLARED { draft_back(d, @1, CONF_BACK_DECLARED); }
    | CONFIGURED { draft_back(d, @1, CONF_BACK_CONFIGURED); }
    | SOURCE { draft_back(d, @1, CONF_BACK_SOURCE); }
    ;

size_or_none: SIZE | NONE { $$ = 0; };

retry: RETRY NUMBER TIMES EVERY TIME {
        $$.times = (unsigned)draft_range(d, @2, $2, 0, 100000, "the number of retries");
        $$.every_ms = $5;
        @$ = @5;
    };

timeouts: timeout | timeouts timeout;
timeout: priority TIME {
        draft_time(d, @2, DRAFT_TIMEOUT_NORMAL + (int)$1, "the timeout of this priority",
                   &d->peer->peer.timeout_per_k_ms[$1], $2);
    };

no_progress: NO PROGRESS TIME {
        draft_time(d, @3, DRAFT_NO_PROGRESS, "no progress", &d->peer->peer.no_progress_ms, $3);
    };

associations: association | associations association;
association: AT MOST NUMBER { draft_count(d, @3, DRAFT_AT_MOST, "at most", &d->peer->peer.associations_max, $3); }
    | URGENT NUMBER { draft_count(d, @2, DRAFT_URGENT, "urgent", &d->peer->peer.associations_urgent, $2); }
    | ANOTHER PER NUMBER MESSAGES {
        draft_count(d, @3, DRAFT_ANOTHER, "another per", &d->peer->peer.messages_per_association, $3);
    }
    | LIFETIME TIME { draft_time(d, @2, DRAFT_LIFETIME, "lifetime", &d->peer->peer.lifetime_ms, $2); }
    | IDLE TIME { draft_time(d, @2, DRAFT_IDLE, "idle", &d->peer->peer.idle_ms, $2); }
    ;

route: ROUTE TO pattern VIA STRING cost { draft_route(d, @1, $3, (struct draft_ref){$5, draft_where(d, @5)}, $6); };
cost: %empty { $$ = CONF_COST; } | COST NUMBER { $$ = draft_range(d, @2, $2, 0, CONF_COST_MAX, "a cost"); };

deliver: DELIVER TO pattern IN DIRECTORY STRING { draft_deliver(d, @1, $3, $6); };

pattern: ANY { $$ = NULL; } | attributes { $$ = draft_pattern(d, $1); };

attributes: attribute | attributes attribute { $$ = draft_attributes_join($1, $2); };
attribute: attribute_word STRING { $$ = draft_attribute(d, @1, $1, NULL, $2, @2); }
    | DOMAIN_DEFINED STRING STRING { $$ = draft_attribute(d, @1, T_DOMAIN_DEFINED, $2, $3, @2); }
    ;

domain: domain_part | domain domain_part { $$ = draft_attributes_join($1, $2); };
domain_part: domain_word STRING { $$ = draft_attribute(d, @1, $1, NULL, $2, @2); };
domain_word: COUNTRY { $$ = T_COUNTRY; } | ADMD { $$ = T_ADMD; } | PRMD { $$ = T_PRMD; };

attribute_word: domain_word
    | ORGANIZATION { $$ = T_ORGANIZATION; }
    | UNIT { $$ = T_UNIT; }
    | COMMON_NAME { $$ = T_COMMON_NAME; }
    | SURNAME { $$ = T_SURNAME; }
    | GIVEN_NAME { $$ = T_GIVEN_NAME; }
    | INITIALS { $$ = T_INITIALS; }
    | GENERATION { $$ = T_GENERATION; }
    | X121 { $$ = T_X121; }
    | TERMINAL_ID { $$ = T_TERMINAL_ID; }
    | NUMERIC_USER_ID { $$ = T_NUMERIC_USER_ID; }
    ;

%%

// Hands the question over as plain token numbers: symbols are numbered as tokens are (api.token.raw).
static int yyreport_syntax_error(const yypcontext_t *context, struct draft *d) {
    yysymbol_kind_t symbols[PARSE_EXPECTED_MAX];
    int tokens[PARSE_EXPECTED_MAX];
    int n = yypcontext_expected_tokens(context, symbols, PARSE_EXPECTED_MAX);
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++)
        tokens[i] = (int)symbols[i];
    parse_unexpected(d, *yypcontext_location(context), (int)yypcontext_token(context), tokens, (size_t)n);
    return 0;
}

// Only "memory exhausted" arrives here.
static void conf_error(const struct lex_loc *loc, struct draft *d, const char *text) {
    (void)loc, (void)text;
    d->nomem = true;
}

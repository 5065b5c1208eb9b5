// SPDX-License-Identifier: BSD-2-Clause
// A configuration while it is read: the grammar's actions fill it, the checker makes a struct conf of it. Names of
// stacks and peers are references until then. Private to this room.
#ifndef CONF_DRAFT_H
#define CONF_DRAFT_H

#include "conf/conf.h"
#include "conf/lex.h"

enum { CONF_COST = 10, CONF_COST_MAX = 1000000 };

// Statements and options that may stand only once in their block.
enum draft_item {
    DRAFT_DOMAIN,
    DRAFT_COUNTRY,
    DRAFT_ADMD,
    DRAFT_PRMD,
    DRAFT_SPOOL,
    DRAFT_EVENTS,
    DRAFT_CONTROL,
    DRAFT_SUBMIT,
    DRAFT_STATUS,
    DRAFT_EXPIRY_NORMAL, // and the two other priorities
    DRAFT_EXPIRY_LAST = DRAFT_EXPIRY_NORMAL + CONF_PRIORITIES - 1,
    DRAFT_KEEP,
    DRAFT_RESERVE,
    DRAFT_LISTEN,
    DRAFT_SOURCE,
    DRAFT_VIRTUAL,
    DRAFT_BIND_BACK,
    DRAFT_BACK_DECLARED, // and the two others
    DRAFT_BACK_LAST = DRAFT_BACK_DECLARED + CONF_BACKS - 1,
    DRAFT_CALLERS,
    DRAFT_CALLERS_ADDRESS,
    DRAFT_CALLERS_WITHIN,
    DRAFT_CALLED,
    DRAFT_CALLING,
    DRAFT_VIA,
    DRAFT_WITHOUT_CREDENTIALS,
    DRAFT_LOCAL,
    DRAFT_REMOTE,
    DRAFT_FORM,
    DRAFT_SIZE_LIMIT,
    DRAFT_MODE,
    DRAFT_DIALOGUE,
    DRAFT_CHECKPOINT,
    DRAFT_WINDOW,
    DRAFT_RECOVERY,
    DRAFT_SYNC,
    DRAFT_OPEN_RETRY,
    DRAFT_OPEN_TIMEOUT,
    DRAFT_TRANSFER_RETRY,
    DRAFT_TIMEOUT_NORMAL,
    DRAFT_TIMEOUT_LAST = DRAFT_TIMEOUT_NORMAL + CONF_PRIORITIES - 1,
    DRAFT_NO_PROGRESS,
    DRAFT_LIFETIME,
    DRAFT_IDLE,
    DRAFT_AT_MOST,
    DRAFT_URGENT,
    DRAFT_ANOTHER,
    DRAFT_ITEMS
};

struct draft_ref {
    const char *name;
    struct conf_where where;
};

struct draft_stack {
    struct conf_stack stack;
    struct conf_where virtual_where, source_where, back_where;
    bool back_port; // the port of bind-back was given
    struct draft_stack *next;
};

struct draft_peer {
    struct conf_peer peer;
    struct conf_endpoint *connect;
    struct draft_ref *via;
    struct conf_prefix *accept;
    const char **accept_names;
    struct conf_where source_where, back_where;
    struct draft_peer *next;
};

struct draft_route {
    struct conf_route route;
    struct draft_ref via;
    struct draft_route *next;
};

struct draft_deliver {
    struct conf_deliver deliver;
    struct draft_deliver *next;
};

struct draft_attribute { // of a pattern or a domain
    int word;            // its token
    const char *type;    // of a domain-defined attribute, else NULL
    const char *value;
    struct lex_loc loc, value_loc;
    struct draft_attribute *next;
};

// A file that is or was read. The chain of those that include it finds cycles; the text stays for the messages.
struct draft_file {
    const char *name; // as messages show it
    const char *dir;  // absolute; relative paths start here
    dev_t device;
    ino_t inode;
    mode_t mode;
    bool mode_told; // it was warned that others may read the passwords in it
    unsigned depth;
    char *text;
    size_t text_n;
    struct lex lex;
    struct lex_loc block; // where the block that is open began; line 0: none is
    const char *block_word;
    bool block_lost;      // it was said that its } is missing
    int previous, before; // the last token, and the one before it
    unsigned wrong_line;  // of the last wrong character or text
    struct draft_file *includer, *next;
};

struct draft {
    struct conf *conf;
    struct conf_errors *errors;
    struct draft_file *file;  // the innermost that is being read
    struct draft_file *files; // all, the last first
    struct draft_stack *stacks, **stacks_end;
    struct draft_peer *peers, **peers_end;
    struct draft_route *routes, **routes_end;
    struct draft_deliver *delivers, **delivers_end;
    struct draft_stack *stack; // the block that is open
    struct draft_peer *peer;
    struct conf_mta scrap_mta; // takes the words of a second mta block
    struct conf_mta *mta;
    struct draft_ref follows;         // the stack of the spool; name NULL: none
    struct lex_loc seen[DRAFT_ITEMS]; // of the open block; line 0: not yet
    bool broken;                      // a statement was lost: what seems to be missing may have stood there
    bool nomem;
    bool without_secrets; // password files are not opened
};

// Memory of the configuration; NULL, with nomem noted, when there is none.
void *draft_alloc(struct draft *d, size_t size);
// Appends one zeroed element to an array of *n; NULL when memory is short.
void *draft_push(struct draft *d, void *array, size_t *n, size_t size);
const char *draft_path(struct draft *d, const char *path); // absolute
struct conf_where draft_where(const struct draft *d, struct lex_loc loc);

// A message about a token. hint may be NULL.
void draft_error(struct draft *d, struct lex_loc loc, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void draft_warning(struct draft *d, struct lex_loc loc, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// The same of a place anywhere in the files read.
void draft_say(struct draft *d, bool warning, struct conf_where where, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

// True when this item is the first of its kind in the block; else it says so.
bool draft_once(struct draft *d, struct lex_loc loc, int item, const char *what);
uint64_t draft_range(struct draft *d, struct lex_loc loc, uint64_t value, uint64_t least, uint64_t most,
                     const char *what);

// Blocks: false when memory is short.
bool draft_mta_begin(struct draft *d, struct lex_loc loc, const char *name, struct lex_loc name_loc);
bool draft_stack_begin(struct draft *d, struct lex_loc loc, const char *name, struct lex_loc name_loc);
bool draft_peer_begin(struct draft *d, struct lex_loc loc, const char *name, struct lex_loc name_loc);
void draft_block_end(struct draft *d);
void draft_peer_end(struct draft *d); // sense.c: that of a peer, with warnings of words that have no effect together

// Statements. What is out of bounds is said, and a default stays.
void draft_domain(struct draft *d, struct lex_loc loc, struct conf_domain *to, const struct draft_attribute *list);
void draft_events(struct draft *d, struct lex_loc loc, const char *file, enum conf_format format);
void draft_socket(struct draft *d, struct lex_loc loc, int item, struct conf_socket socket);
mode_t draft_mode(struct draft *d, struct lex_loc loc, uint64_t digits);
void draft_listen(struct draft *d, struct lex_loc loc, struct conf_endpoint endpoint);
bool draft_host_ok(const char *host); // it may be a host name
void draft_selector(struct draft *d, struct lex_loc loc, const char *word, struct bytes *to, bool *given,
                    struct bytes value);
void draft_selectors(struct draft *d, struct lex_loc loc, struct conf_selectors *to, struct conf_selectors from);
struct conf_endpoint draft_endpoint(struct draft *d, struct lex_loc host_loc, const char *host, struct lex_loc port_loc,
                                    uint64_t port);
void draft_connect(struct draft *d, struct conf_endpoint endpoint);
void draft_via(struct draft *d, struct lex_loc loc, const char *name);
void draft_credentials(struct draft *d, struct lex_loc loc, int item, const char *name, struct lex_loc name_loc,
                       struct lex_loc password_loc, const char *password, const char *file);
void draft_protocol(struct draft *d, struct lex_loc loc, enum conf_protocol mode);
// The address of our relay in the world of 1984; NULL, and an error, when it cannot be one.
const struct or_address *draft_relay(struct draft *d, struct lex_loc loc, const struct draft_attribute *list);
void draft_dialogue(struct draft *d, struct lex_loc loc, enum conf_dialogue dialogue);
void draft_form(struct draft *d, struct lex_loc loc, enum conf_password_form form);
void draft_size_limit(struct draft *d, struct lex_loc loc, struct lex_loc value_loc, uint64_t size);
void draft_checkpoint(struct draft *d, struct lex_loc loc, struct lex_loc value_loc, uint64_t size);
void draft_window(struct draft *d, struct lex_loc loc, struct lex_loc value_loc, uint64_t window);
void draft_sync(struct draft *d, struct lex_loc loc, enum conf_sync sync);
void draft_reserve(struct draft *d, struct lex_loc loc, struct lex_loc value_loc, uint64_t percent, uint64_t least);
void draft_count(struct draft *d, struct lex_loc loc, int item, const char *what, unsigned *to, uint64_t value);
void draft_time(struct draft *d, struct lex_loc loc, int item, const char *what, uint64_t *to, uint64_t value);
void draft_retry(struct draft *d, struct lex_loc loc, int item, struct conf_retry *to, struct conf_retry from);
void draft_route(struct draft *d, struct lex_loc loc, const struct or_address *pattern, struct draft_ref via,
                 uint64_t cost);
void draft_deliver(struct draft *d, struct lex_loc loc, const struct or_address *pattern, const char *directory);

// pattern.c: attributes written as words, and back.
struct draft_attribute *draft_attribute(struct draft *d, struct lex_loc loc, int word, const char *type,
                                        const char *value, struct lex_loc value_loc);
struct draft_attribute *draft_attributes_join(struct draft_attribute *list, struct draft_attribute *last);
const struct or_address *draft_pattern(struct draft *d, const struct draft_attribute *list);

// parse.c: a file and what it includes; loc is that of the include statement, line 0 for the first file.
void draft_read(struct draft *d, struct lex_loc loc, const char *path);
// password.c: the passwords in a file; nothing and an error when it cannot be used.
void draft_password_file(struct draft *d, struct lex_loc loc, bool remote, struct conf_credentials *to);
bool draft_password(struct draft *d, struct lex_loc loc, const void *p, size_t n, struct conf_credentials *to);
// Overwrites and frees the texts of the files.
void draft_files_free(struct draft *d);
// check.c: references, mandatory parts, duplicates; then the finished blocks.
void draft_finish(struct draft *d);

#endif

// SPDX-License-Identifier: BSD-2-Clause
// The actions of the grammar: each statement is checked against its own bounds and put into the block that is open.
// What needs the rest of the configuration (references, mandatory parts) waits for check.c.
#include "conf/draft.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/mem.h"

enum { COUNT_MAX = 1000, WINDOW_MAX = 999, RESERVE_MAX = 90 };
enum { TSEL_MAX = 32, SSEL_MAX = 16, PSEL_MAX = 64 }; // octets that a call can carry; callers may show longer ones
#define TIME_MAX (UINT64_C(366) * 86400 * 1000)
#define CHECKPOINT_MAX (UINT64_C(1) << 30)
#define CONTENT_MAX UINT64_C(2147483647) // X.411's bound of a content's length

void *draft_alloc(struct draft *d, size_t size) {
    void *p = arena_alloc(&d->conf->arena, size);
    d->nomem = d->nomem || p == NULL;
    return p;
}

// The array doubles at each power of two, so that its size need not be kept.
void *draft_push(struct draft *d, void *array, size_t *n, size_t size) {
    void **a = array;
    if ((*n & (*n - 1)) == 0) {
        void *larger = arena_array(&d->conf->arena, *n == 0 ? 1 : 2 * *n, size);
        if (larger == NULL) {
            d->nomem = true;
            return NULL;
        }
        if (*n > 0)
            memcpy(larger, *a, *n * size);
        *a = larger;
    }
    return (char *)*a + (*n)++ * size;
}

const char *draft_path(struct draft *d, const char *path) {
    if (path[0] == '/')
        return path;
    const char *joined = arena_printf(&d->conf->arena, "%s/%s", d->file->dir, path);
    d->nomem = d->nomem || joined == NULL;
    return joined;
}

struct conf_where draft_where(const struct draft *d, struct lex_loc loc) {
    if (d->file == NULL)
        return (struct conf_where){0};
    return (struct conf_where){d->file->name, loc.line, loc.column};
}

static void report(struct draft *d, bool warning, struct conf_where where, const char *hint, const char *fmt,
                   va_list ap) {
    char line[512];
    vsnprintf(line, sizeof line, fmt, ap);
    struct conf_error e = {.warning = warning, .where = where, .text = line, .hint = hint};
    const struct draft_file *f = d->files;
    while (f != NULL && f->name != where.file)
        f = f->next;
    if (f != NULL && where.line > 0)
        e.source = lex_line(&f->lex, &d->errors->arena, (struct lex_loc){where.line, where.column, 1}, &e.caret);
    if (e.source != NULL && e.source[0] == '\0')
        e.source = NULL;
    conf_errors_add(d->errors, &e);
}

void draft_error(struct draft *d, struct lex_loc loc, const char *hint, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report(d, false, draft_where(d, loc), hint, fmt, ap);
    va_end(ap);
}

void draft_warning(struct draft *d, struct lex_loc loc, const char *hint, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report(d, true, draft_where(d, loc), hint, fmt, ap);
    va_end(ap);
}

void draft_say(struct draft *d, bool warning, struct conf_where where, const char *hint, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    report(d, warning, where, hint, fmt, ap);
    va_end(ap);
}

bool draft_once(struct draft *d, struct lex_loc loc, int item, const char *what) {
    if (d->seen[item].line == 0) {
        d->seen[item] = loc;
        return true;
    }
    draft_error(d, loc, arena_printf(&d->conf->arena, "first in line %u", d->seen[item].line), "%s is given twice",
                what);
    return false;
}

uint64_t draft_range(struct draft *d, struct lex_loc loc, uint64_t value, uint64_t least, uint64_t most,
                     const char *what) {
    if (value >= least && value <= most)
        return value;
    draft_error(d, loc, NULL, "%s must be between %llu and %llu", what, (unsigned long long)least,
                (unsigned long long)most);
    return least;
}

// ---- blocks ----

// A name that goes on the wire or is referred to: printable ASCII.
static void check_name(struct draft *d, struct lex_loc loc, const char *name, const char *what) {
    size_t n = strlen(name);
    if (n == 0)
        draft_error(d, loc, NULL, "the name of %s is empty", what);
    if (n > CONF_MTA_NAME_MAX)
        draft_error(d, loc, NULL, "the name of %s has %zu characters, at most %d are allowed", what, n,
                    CONF_MTA_NAME_MAX);
    for (size_t i = 0; i < n; i++)
        if (name[i] < ' ' || name[i] > '~') {
            draft_error(d, loc, NULL, "the name of %s may hold printable ASCII characters only", what);
            return;
        }
}

static void block_begin(struct draft *d, struct lex_loc loc, const char *word) {
    memset(d->seen, 0, sizeof d->seen);
    d->file->block = loc;
    d->file->block_word = word;
    d->file->block_lost = false;
}

void draft_block_end(struct draft *d) {
    d->file->block.line = 0;
}

bool draft_mta_begin(struct draft *d, struct lex_loc loc, const char *name, struct lex_loc name_loc) {
    block_begin(d, loc, "mta");
    check_name(d, name_loc, name, "an MTA");
    d->mta = &d->conf->mta;
    if (d->conf->mta.name != NULL) {
        draft_error(d, loc, arena_printf(&d->conf->arena, "the first: %s:%u", d->mta->where.file, d->mta->where.line),
                    "there is a second mta block");
        d->mta = &d->scrap_mta;
    }
    d->mta->name = name;
    d->mta->where = draft_where(d, loc);
    return true;
}

bool draft_stack_begin(struct draft *d, struct lex_loc loc, const char *name, struct lex_loc name_loc) {
    struct draft_stack *s = draft_alloc(d, sizeof *s);
    if (s == NULL)
        return false;
    block_begin(d, loc, "stack");
    check_name(d, name_loc, name, "a stack");
    for (const struct draft_stack *i = d->stacks; i != NULL; i = i->next)
        if (strcmp(i->stack.name, name) == 0)
            draft_error(d, name_loc,
                        arena_printf(&d->conf->arena, "the first: %s:%u", i->stack.where.file, i->stack.where.line),
                        "there are two stacks \"%s\"", name);
    s->stack = (struct conf_stack){.callers_max = 256, .callers_per_address = 16, .bind_within_ms = 60 * 1000};
    s->stack.name = name;
    s->stack.where = draft_where(d, loc);
    *d->stacks_end = d->stack = s;
    d->stacks_end = &s->next;
    return true;
}

static const struct conf_peer peer_defaults = {
    .checkpoint_k = 30,
    .window = 5,
    .recovery_ms = 60 * 1000,
    .no_progress_ms = 120 * 1000,
    .open_retry = {144, 600 * 1000},
    .open_timeout_ms = 60 * 1000,
    .transfer_retry = {2, 120 * 1000},
    .lifetime_ms = 300 * 1000,
    .idle_ms = 120 * 1000,
    .associations_max = 10,
    .associations_urgent = 1,
    .messages_per_association = 50,
    .timeout_per_k_ms = {[CONF_NORMAL] = 2000 * 1000, [CONF_NON_URGENT] = 3000 * 1000, [CONF_URGENT] = 1000 * 1000},
};

bool draft_peer_begin(struct draft *d, struct lex_loc loc, const char *name, struct lex_loc name_loc) {
    struct draft_peer *p = draft_alloc(d, sizeof *p);
    if (p == NULL)
        return false;
    block_begin(d, loc, "peer");
    check_name(d, name_loc, name, "a peer");
    for (const struct draft_peer *i = d->peers; i != NULL; i = i->next)
        if (strcmp(i->peer.name, name) == 0)
            draft_error(d, name_loc,
                        arena_printf(&d->conf->arena, "the first: %s:%u", i->peer.where.file, i->peer.where.line),
                        "there are two peers \"%s\"", name);
    p->peer = peer_defaults;
    p->peer.name = name;
    p->peer.where = draft_where(d, loc);
    *d->peers_end = d->peer = p;
    d->peers_end = &p->next;
    return true;
}

// ---- mta ----

void draft_events(struct draft *d, struct lex_loc loc, const char *file, enum conf_format format) {
    if (!draft_once(d, loc, DRAFT_EVENTS, "events"))
        return;
    d->mta->events = file == NULL ? CONF_EVENTS_SYSLOG : CONF_EVENTS_FILE;
    d->mta->events_file = file == NULL ? NULL : draft_path(d, file);
    d->mta->events_format = format;
}

void draft_socket(struct draft *d, struct lex_loc loc, int item, struct conf_socket socket) {
    static const char *const words[] = {"control socket", "submit socket", "status socket"};
    struct conf_socket *const sockets[] = {&d->mta->control, &d->mta->submit, &d->mta->status};
    if (!draft_once(d, loc, item, words[item - DRAFT_CONTROL]) || socket.path == NULL)
        return;
    size_t most = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (strlen(socket.path) > most)
        draft_error(d, loc, NULL, "the path of a socket may have %zu characters, \"%s\" has %zu", most, socket.path,
                    strlen(socket.path));
    if (socket.group != NULL && socket.group[0] == '\0')
        draft_error(d, loc, NULL, "the group is empty");
    struct conf_socket *to = sockets[item - DRAFT_CONTROL];
    to->path = socket.path;
    to->group = socket.group;
    if (socket.mode != 0)
        to->mode = socket.mode;
}

mode_t draft_mode(struct draft *d, struct lex_loc loc, uint64_t digits) {
    mode_t mode = 0;
    bool octal = digits != 0;
    for (uint64_t factor = 1000; factor > 0; factor /= 10) {
        octal = octal && digits / factor % 10 < 8;
        mode = mode * 8 + (mode_t)(digits / factor % 10);
    }
    if (octal && digits < 778)
        return mode;
    draft_error(d, loc, "as for chmod: 600, 660 or 666", "a mode is an octal number up to 777");
    return 0600;
}

void draft_reserve(struct draft *d, struct lex_loc loc, struct lex_loc value_loc, uint64_t percent, uint64_t least) {
    if (!draft_once(d, loc, DRAFT_RESERVE, "reserve"))
        return;
    d->mta->reserve_percent = (unsigned)draft_range(d, value_loc, percent, 0, RESERVE_MAX, "the reserve in percent");
    if (least != 0)
        d->mta->reserve_min = least;
}

// ---- addresses and selectors ----

bool draft_host_ok(const char *host) {
    return strspn(host, "0123456789.") < strlen(host) && strpbrk(host, ":/%*+@ ") == NULL;
}

struct conf_endpoint draft_endpoint(struct draft *d, struct lex_loc host_loc, const char *host, struct lex_loc port_loc,
                                    uint64_t port) {
    struct conf_endpoint e = {.host = host, .family = AF_UNSPEC};
    struct in6_addr scratch;
    if (inet_pton(AF_INET, host, &scratch) == 1)
        e.family = AF_INET;
    else if (inet_pton(AF_INET6, host, &scratch) == 1)
        e.family = AF_INET6;
    else if (!draft_host_ok(host))
        draft_error(d, host_loc, NULL, "\"%s\" is neither an address nor a host name", host);
    e.port = (uint16_t)draft_range(d, port_loc, port, 1, 65535, "a port");
    return e;
}

void draft_listen(struct draft *d, struct lex_loc loc, struct conf_endpoint endpoint) {
    if (draft_once(d, loc, DRAFT_LISTEN, "listen"))
        d->stack->stack.listen = endpoint;
}

void draft_selector(struct draft *d, struct lex_loc loc, const char *word, struct bytes *to, bool *given,
                    struct bytes value) {
    if (*given)
        draft_error(d, loc, NULL, "%s is given twice", word);
    int most = word[0] == 't' ? TSEL_MAX : word[0] == 's' ? SSEL_MAX : PSEL_MAX;
    if (value.n > (size_t)most)
        draft_error(d, loc, NULL, "a %s may have %d octets, this has %zu", word, most, value.n);
    *to = value;
    *given = true;
}

void draft_selectors(struct draft *d, struct lex_loc loc, struct conf_selectors *to, struct conf_selectors from) {
    static const char *const words[] = {"tsel", "ssel", "psel"};
    const struct bytes values[] = {from.tsel, from.ssel, from.psel};
    const bool news[] = {from.tsel_given, from.ssel_given, from.psel_given};
    struct bytes *const into[] = {&to->tsel, &to->ssel, &to->psel};
    bool *const given[] = {&to->tsel_given, &to->ssel_given, &to->psel_given};
    for (size_t i = 0; i < 3; i++)
        if (news[i]) { // its length was looked at
            if (*given[i])
                draft_error(d, loc, NULL, "%s is given twice", words[i]);
            *into[i] = values[i];
            *given[i] = true;
        }
}

void draft_connect(struct draft *d, struct conf_endpoint endpoint) {
    struct conf_endpoint *e = draft_push(d, &d->peer->connect, &d->peer->peer.n_connect, sizeof *e);
    if (e != NULL)
        *e = endpoint;
}

void draft_via(struct draft *d, struct lex_loc loc, const char *name) {
    for (size_t i = 0; i < d->peer->peer.n_via; i++)
        if (strcmp(d->peer->via[i].name, name) == 0) {
            draft_error(d, loc, NULL, "the stack \"%s\" is named twice", name);
            return;
        }
    struct draft_ref *r = draft_push(d, &d->peer->via, &d->peer->peer.n_via, sizeof *r);
    if (r != NULL)
        *r = (struct draft_ref){name, draft_where(d, loc)};
}

// ---- peer ----

void draft_credentials(struct draft *d, struct lex_loc loc, int item, const char *name, struct lex_loc name_loc,
                       struct lex_loc password_loc, const char *password, const char *file) {
    bool remote = item == DRAFT_REMOTE;
    if (!draft_once(d, loc, item, remote ? "remote name" : "local name"))
        return;
    check_name(d, name_loc, name, "an MTA");
    struct conf_credentials *to = remote ? &d->peer->peer.remote : &d->peer->peer.local;
    to->name = name;
    if (file != NULL) {
        to->file = draft_path(d, file);
        if (to->file != NULL && !d->without_secrets)
            draft_password_file(d, password_loc, remote, to);
        return;
    }
    if (password[0] == '\0')
        draft_warning(d, password_loc, NULL, "the password is empty");
    else if ((d->file->mode & (S_IRWXG | S_IRWXO)) != 0 && !d->without_secrets && !d->file->mode_told) {
        d->file->mode_told = true;
        draft_warning(d, password_loc, "put it into a file: password file \"...\", of mode 600",
                      "a password stands in this file, which other users may open (mode %03o)", d->file->mode & 0777U);
    }
    draft_password(d, password_loc, password, strlen(password), to);
}

bool draft_password(struct draft *d, struct lex_loc loc, const void *p, size_t n, struct conf_credentials *to) {
    if (n > CONF_PASSWORD_MAX) {
        draft_error(d, loc, NULL, "the password has %zu characters, at most %d are allowed", n, CONF_PASSWORD_MAX);
        return false;
    }
    struct conf_password *password = draft_push(d, &to->passwords, &to->n_passwords, sizeof *password);
    if (password != NULL)
        password->secret = bytes_of(p, n);
    return password != NULL;
}

void draft_protocol(struct draft *d, struct lex_loc loc, enum conf_protocol mode) {
    if (draft_once(d, loc, DRAFT_MODE, "mode"))
        d->peer->peer.mode = mode;
}

void draft_dialogue(struct draft *d, struct lex_loc loc, enum conf_dialogue dialogue) {
    if (draft_once(d, loc, DRAFT_DIALOGUE, "dialogue"))
        d->peer->peer.dialogue = dialogue;
}

void draft_form(struct draft *d, struct lex_loc loc, enum conf_password_form form) {
    if (draft_once(d, loc, DRAFT_FORM, "password form"))
        d->peer->peer.password_form = form;
}

void draft_size_limit(struct draft *d, struct lex_loc loc, struct lex_loc value_loc, uint64_t size) {
    if (!draft_once(d, loc, DRAFT_SIZE_LIMIT, "size limit"))
        return;
    if (size > CONTENT_MAX)
        draft_error(d, value_loc, "or: size limit none",
                    "a content has at most 2147483647 octets: write at most 2047M");
    d->peer->peer.size_limit = size;
}

void draft_checkpoint(struct draft *d, struct lex_loc loc, struct lex_loc value_loc, uint64_t size) {
    if (!draft_once(d, loc, DRAFT_CHECKPOINT, "checkpoint"))
        return;
    if (size > CHECKPOINT_MAX)
        draft_error(d, value_loc, NULL, "a checkpoint may stand at most 1G apart from the next");
    else
        d->peer->peer.checkpoint_k = (unsigned)(size / 1024);
}

void draft_window(struct draft *d, struct lex_loc loc, struct lex_loc value_loc, uint64_t window) {
    if (draft_once(d, loc, DRAFT_WINDOW, "window"))
        d->peer->peer.window = (unsigned)draft_range(d, value_loc, window, 1, WINDOW_MAX, "a window");
}

void draft_sync(struct draft *d, struct lex_loc loc, enum conf_sync sync) {
    if (draft_once(d, loc, DRAFT_SYNC, "sync"))
        d->peer->peer.sync = sync;
}

void draft_count(struct draft *d, struct lex_loc loc, int item, const char *what, unsigned *to, uint64_t value) {
    if (draft_once(d, loc, item, what))
        *to = (unsigned)draft_range(d, loc, value, item == DRAFT_URGENT ? 0 : 1, COUNT_MAX, "this number");
}

void draft_time(struct draft *d, struct lex_loc loc, int item, const char *what, uint64_t *to, uint64_t value) {
    if (!draft_once(d, loc, item, what))
        return;
    if (value == 0 || value > TIME_MAX)
        draft_error(d, loc, NULL, "a time must be between 1s and 366d");
    else
        *to = value;
}

void draft_retry(struct draft *d, struct lex_loc loc, int item, struct conf_retry *to, struct conf_retry from) {
    draft_time(d, loc, item, item == DRAFT_OPEN_RETRY ? "open retry" : "transfer retry", &to->every_ms, from.every_ms);
    to->times = from.times;
}

// ---- routes and deliveries ----

void draft_route(struct draft *d, struct lex_loc loc, const struct or_address *pattern, struct draft_ref via,
                 uint64_t cost) {
    struct draft_route *r = draft_alloc(d, sizeof *r);
    if (r == NULL)
        return;
    r->route = (struct conf_route){.where = draft_where(d, loc), .pattern = pattern, .cost = (unsigned)cost};
    r->via = via;
    *d->routes_end = r;
    d->routes_end = &r->next;
}

void draft_deliver(struct draft *d, struct lex_loc loc, const struct or_address *pattern, const char *directory) {
    struct draft_deliver *r = draft_alloc(d, sizeof *r);
    if (r == NULL)
        return;
    r->deliver = (struct conf_deliver){draft_where(d, loc), pattern, draft_path(d, directory)};
    *d->delivers_end = r;
    d->delivers_end = &r->next;
}

// SPDX-License-Identifier: BSD-2-Clause
// Loading and ending a configuration, and the questions that its users ask of it.
#include "conf/conf.h"

#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "conf/draft.h"

static void mta_defaults(struct conf_mta *m) {
    m->control = (struct conf_socket){.path = "/run/x400/control", .mode = 0600};
    m->submit = (struct conf_socket){.path = "/run/x400/submit", .mode = 0660};
    m->status = (struct conf_socket){.path = "/run/x400/status", .mode = 0666};
    m->expiry_ms[CONF_URGENT] = UINT64_C(2) * 86400 * 1000;
    m->expiry_ms[CONF_NORMAL] = UINT64_C(7) * 86400 * 1000;
    m->expiry_ms[CONF_NON_URGENT] = UINT64_C(10) * 86400 * 1000;
    m->keep_ms = UINT64_C(7) * 86400 * 1000;
    m->reserve_percent = 5;
    m->reserve_min = UINT64_C(256) << 20;
}

static void read_all(struct draft *d, const char *path) {
    d->stacks_end = &d->stacks;
    d->peers_end = &d->peers;
    d->routes_end = &d->routes;
    d->delivers_end = &d->delivers;
    draft_read(d, (struct lex_loc){0}, path);
    if (!d->broken && !d->nomem)
        draft_finish(d);
    if (d->nomem)
        conf_errors_add(d->errors, &(struct conf_error){.where = {.file = path}, .text = "out of memory"});
    draft_files_free(d);
}

// `sockets`: without secrets, and also what was read of a configuration with errors, once its mta block has begun.
static struct conf *load(const char *path, bool sockets, struct conf_errors *errors) {
    conf_errors_init(errors);
    struct conf *c = mem_calloc(1, sizeof *c);
    struct draft *d = mem_calloc(1, sizeof *d); // what it points to lies in the configuration's arena
    char *name = c == NULL ? NULL : arena_strdup(&c->arena, path);
    if (d == NULL || name == NULL) {
        conf_errors_add(errors, &(struct conf_error){.where = {.file = path}, .text = "out of memory"});
    } else {
        c->path = name;
        mta_defaults(&c->mta);
        d->conf = c;
        d->errors = errors;
        d->without_secrets = sockets;
        read_all(d, path);
    }
    mem_free(d);
    if (errors->n_errors == 0 || (sockets && c != NULL && c->mta.name != NULL))
        return c;
    conf_free(c);
    return NULL;
}

struct conf *conf_load(const char *path, struct conf_errors *errors) {
    return load(path, false, errors);
}

struct conf *conf_load_sockets(const char *path, struct conf_errors *errors) {
    return load(path, true, errors);
}

void conf_free(struct conf *c) {
    if (c == NULL)
        return;
    arena_wipe(&c->arena);
    mem_free(c);
}

const struct conf_stack *conf_stack_find(const struct conf *c, const char *name) {
    for (size_t i = 0; i < c->n_stacks; i++)
        if (strcmp(c->stacks[i].name, name) == 0)
            return &c->stacks[i];
    return NULL;
}

const char *const conf_protocol_words[] = {
    [CONF_NORMAL_MODE] = "normal", [CONF_X410_1988] = "x410-1988", [CONF_X410_1984] = "x410-1984", NULL};

const char *const conf_back_words[] = {
    [CONF_BACK_DECLARED] = "declared", [CONF_BACK_CONFIGURED] = "configured", [CONF_BACK_SOURCE] = "source"};

const struct conf_peer *conf_peer_find(const struct conf *c, const char *name) {
    for (size_t i = 0; i < c->n_peers; i++)
        if (strcmp(c->peers[i].name, name) == 0)
            return &c->peers[i];
    return NULL;
}

struct conf_selectors conf_calling(const struct conf_peer *p, const struct conf_stack *s) {
    struct conf_selectors c = s->selectors;
    if (p->calling.tsel_given)
        c.tsel = p->calling.tsel;
    if (p->calling.ssel_given)
        c.ssel = p->calling.ssel;
    if (p->calling.psel_given)
        c.psel = p->calling.psel;
    return c;
}

static bool prefix_holds(const struct conf_prefix *p, const uint8_t *octets) {
    const uint8_t *prefix = (const uint8_t *)&p->addr;
    unsigned whole = p->length / 8, rest = p->length % 8;
    if (memcmp(prefix, octets, whole) != 0)
        return false;
    return rest == 0 || ((prefix[whole] ^ octets[whole]) & (uint8_t)(0xFF00 >> rest)) == 0;
}

bool conf_peer_restricts(const struct conf_peer *p) {
    return p->n_accept + p->n_accept_names > 0;
}

bool conf_peer_accepts(const struct conf_peer *p, const struct sockaddr *sa) {
    int family = sa->sa_family;
    const uint8_t *octets = NULL;
    if (family == AF_INET) {
        octets = (const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
    } else if (family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
        octets = a->s6_addr;
        if (IN6_IS_ADDR_V4MAPPED(a)) {
            family = AF_INET;
            octets += 12;
        }
    }
    if (!conf_peer_restricts(p))
        return true;
    for (size_t i = 0; i < p->n_accept && octets != NULL; i++)
        if (p->accept[i].family == family && prefix_holds(&p->accept[i], octets))
            return true;
    return false;
}

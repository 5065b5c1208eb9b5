// SPDX-License-Identifier: BSD-2-Clause
// The difference of two configurations, taken from their printed forms: a block is its name and its lines. Two printed
// forms are the same exactly when the blocks are, except for passwords, which are compared on their own and never
// shown.
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "conf/print.h"
#include "conf/print_block.h"

// ---- the lines of a text ----

struct lines {
    struct buf text;
    char **in_order, **sorted;
    size_t n;
};

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void lines_free(struct lines *l) {
    buf_free(&l->text);
    mem_free(l->in_order);
    mem_free(l->sorted);
}

// Cuts the text, in place.
static int lines_cut(struct lines *l) {
    if (buf_append_u8(&l->text, '\0') != 0)
        return ERR_NOMEM;
    char *p = (char *)l->text.mem + l->text.off;
    size_t n = 0;
    for (const char *i = p; *i != '\0'; i++)
        n += *i == '\n';
    l->in_order = mem_calloc(n + 1, sizeof *l->in_order);
    l->sorted = mem_calloc(n + 1, sizeof *l->sorted);
    if (l->in_order == NULL || l->sorted == NULL)
        return ERR_NOMEM;
    for (; l->n < n; l->n++) {
        l->in_order[l->n] = l->sorted[l->n] = p;
        p = strchr(p, '\n');
        *p++ = '\0';
    }
    qsort(l->sorted, n, sizeof *l->sorted, compare);
    return 0;
}

static bool lines_have(const struct lines *l, char *line) {
    return bsearch(&line, l->sorted, l->n, sizeof *l->sorted, compare) != NULL;
}

// The lines of one that are not in the other.
static int append_missing(const struct lines *of, const struct lines *in, char sign, struct buf *out) {
    int err = 0;
    for (size_t i = 0; i < of->n && err == 0; i++)
        if (!lines_have(in, of->in_order[i]))
            err = buf_printf(out, "  %c %s\n", sign, of->in_order[i] + strspn(of->in_order[i], " "));
    return err;
}

// The first line of `from` is the title; out stays empty when nothing differs.
static int diff_lines(const struct lines *from, const struct lines *to, struct buf *out) {
    int err = append_missing(from, to, '-', out);
    return err != 0 ? err : append_missing(to, from, '+', out);
}

// ---- blocks ----

typedef void print_fn(struct printer *p, const void *block);

static void any_mta(struct printer *p, const void *b) {
    print_mta(p, b);
}
static void any_stack(struct printer *p, const void *b) {
    print_stack(p, b);
}
static void any_peer(struct printer *p, const void *b) {
    print_peer(p, b);
}

static void all_routes(struct printer *p, const void *b) {
    const struct conf *c = b;
    for (size_t i = 0; i < c->n_routes; i++)
        print_route(p, &c->routes[i]);
}

static void all_delivers(struct printer *p, const void *b) {
    const struct conf *c = b;
    for (size_t i = 0; i < c->n_delivers; i++)
        print_deliver(p, &c->delivers[i]);
}

static bool same_passwords(const struct conf_credentials *a, const struct conf_credentials *b) {
    if (a->n_passwords != b->n_passwords)
        return false;
    for (size_t i = 0; i < a->n_passwords; i++)
        if (!bytes_equal(a->passwords[i].secret, b->passwords[i].secret))
            return false;
    return true;
}

static int block_lines(struct lines *l, print_fn *print, const void *block) {
    struct printer p = {.out = &l->text};
    print(&p, block);
    return p.err != 0 ? p.err : lines_cut(l);
}

// Appends the differing lines of one block that is in both, and, for a peer, that a password changed.
static int diff_block(print_fn *print, const void *from, const void *to, struct buf *out) {
    struct lines a = {0}, b = {0};
    int err = block_lines(&a, print, from);
    if (err == 0)
        err = block_lines(&b, print, to);
    if (err == 0)
        err = diff_lines(&a, &b, out);
    lines_free(&a);
    lines_free(&b);
    if (err != 0 || print != any_peer)
        return err;
    const struct conf_peer *p = from, *q = to;
    if (!same_passwords(&p->local, &q->local))
        err = buf_append_str(out, "  ~ the local password\n");
    if (err == 0 && !same_passwords(&p->remote, &q->remote))
        err = buf_append_str(out, "  ~ the remote password\n");
    return err;
}

static int diff_titled(const char *kind, const char *name, print_fn *print, const void *from, const void *to,
                       struct buf *out) {
    if (from == NULL || to == NULL)
        return buf_printf(out, "%s %s \"%s\"\n", from == NULL ? "new" : "removed", kind, name);
    struct buf lines = {0};
    int err = diff_block(print, from, to, &lines);
    if (err == 0 && lines.len > 0) {
        err = name == NULL ? buf_printf(out, "changed %s\n", kind) : buf_printf(out, "changed %s \"%s\"\n", kind, name);
        if (err == 0)
            err = buf_append(out, buf_bytes(&lines).p, lines.len);
    }
    buf_free(&lines);
    return err;
}

int conf_diff(const struct conf *from, const struct conf *to, struct buf *out) {
    int err = diff_titled("mta", from->mta.name, any_mta, &from->mta, &to->mta, out);
    for (size_t i = 0; i < from->n_stacks && err == 0; i++) {
        const struct conf_stack *s = &from->stacks[i];
        err = diff_titled("stack", s->name, any_stack, s, conf_stack_find(to, s->name), out);
    }
    for (size_t i = 0; i < to->n_stacks && err == 0; i++)
        if (conf_stack_find(from, to->stacks[i].name) == NULL)
            err = diff_titled("stack", to->stacks[i].name, any_stack, NULL, &to->stacks[i], out);
    for (size_t i = 0; i < from->n_peers && err == 0; i++) {
        const struct conf_peer *p = &from->peers[i];
        err = diff_titled("peer", p->name, any_peer, p, conf_peer_find(to, p->name), out);
    }
    for (size_t i = 0; i < to->n_peers && err == 0; i++)
        if (conf_peer_find(from, to->peers[i].name) == NULL)
            err = diff_titled("peer", to->peers[i].name, any_peer, NULL, &to->peers[i], out);
    if (err == 0)
        err = diff_titled("routes", NULL, all_routes, from, to, out);
    if (err == 0)
        err = diff_titled("deliveries", NULL, all_delivers, from, to, out);
    return err;
}

// When memory is short they count as different: what is equal may be kept, what differs is made anew.
static bool same_block(print_fn *print, const void *a, const void *b) {
    struct buf lines = {0};
    bool same = diff_block(print, a, b, &lines) == 0 && lines.len == 0;
    buf_free(&lines);
    return same;
}

bool conf_stack_equal(const struct conf_stack *a, const struct conf_stack *b) {
    return same_block(any_stack, a, b);
}
bool conf_peer_equal(const struct conf_peer *a, const struct conf_peer *b) {
    return same_block(any_peer, a, b);
}

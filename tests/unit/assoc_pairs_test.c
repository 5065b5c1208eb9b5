// SPDX-License-Identifier: BSD-2-Clause
// The order in which a call tries its pairs, as a table: stacks, targets and what is wanted first on one side, what is
// given on the other.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "assoc/pairs.h"
#include "base/err.h"

enum { MOST = 8 };

// Targets are separated by blanks, their addresses by commas. "!": a name without an address. A target that begins with
// "?" is known only when somebody waits, one more each time, from the last to the first.
struct row {
    const char *what, *via, *targets, *first_stack, *first_remote, *order;
};
static const struct row rows[] = {
    {"one of each", "a", "10.0.0.1", NULL, NULL, "a>10.0.0.1"},
    {"stacks in turn, then addresses", "a b", "10.0.0.1,10.0.0.2 10.0.0.3", NULL, NULL,
     "a>10.0.0.1 a>10.0.0.2 a>10.0.0.3 b>10.0.0.1 b>10.0.0.2 b>10.0.0.3"},
    {"both families are given: who calls looks for a source", "a b", "10.0.0.1,fd00::1", NULL, NULL,
     "a>10.0.0.1 a>fd00::1 b>10.0.0.1 b>fd00::1"},
    {"the same address twice", "a b", "10.0.0.1,10.0.0.2 10.0.0.2,10.0.0.1 10.0.0.3", NULL, NULL,
     "a>10.0.0.1 a>10.0.0.2 a>10.0.0.3 b>10.0.0.1 b>10.0.0.2 b>10.0.0.3"},

    {"wanted first, the others in order", "a b", "10.0.0.1,10.0.0.2", "b", "10.0.0.1:102",
     "b>10.0.0.1 a>10.0.0.1 a>10.0.0.2 b>10.0.0.2"},
    {"wanted first is first anyway", "a b", "10.0.0.1", "a", "10.0.0.1:102", "a>10.0.0.1 b>10.0.0.1"},
    {"wanted over any stack", "a b", "10.0.0.1,10.0.0.2", NULL, "10.0.0.2:102",
     "a>10.0.0.2 a>10.0.0.1 b>10.0.0.1 b>10.0.0.2"},
    {"wanted IPv6", "a", "10.0.0.1 fd00::2", "a", "[fd00::2]:102", "a>fd00::2 a>10.0.0.1"},
    {"the wanted address is not the peer's any more", "a b", "10.0.0.1", "b", "10.0.0.9:102", "a>10.0.0.1 b>10.0.0.1"},
    {"the wanted stack is not listed any more", "a b", "10.0.0.1", "c", "10.0.0.1:102", "a>10.0.0.1 b>10.0.0.1"},
    {"another port is another address", "a", "10.0.0.1,10.0.0.2", "a", "10.0.0.2:10102", "a>10.0.0.1 a>10.0.0.2"},
    {"the set changed around the wanted one", "a", "10.0.0.7,10.0.0.8,10.0.0.2", "a", "10.0.0.2:102",
     "a>10.0.0.2 a>10.0.0.7 a>10.0.0.8"},
    {"wanted and there twice", "a b", "10.0.0.1,10.0.0.2 10.0.0.2", "a", "10.0.0.2:102",
     "a>10.0.0.2 a>10.0.0.1 b>10.0.0.1 b>10.0.0.2"},

    {"a name without an address is told once", "a b", "10.0.0.1 ! 10.0.0.3", NULL, NULL,
     "a>10.0.0.1 ! a>10.0.0.3 b>10.0.0.1 b>10.0.0.3"},
    {"only such names", "a b", "! !", NULL, NULL, "! !"},
    {"no target", "a", "", NULL, NULL, ""},
    {"no stack", "", "10.0.0.1", NULL, NULL, ""},

    {"a late name does not hold up what is before it", "a b", "10.0.0.1 ?10.0.0.2", NULL, NULL,
     "a>10.0.0.1 wait a>10.0.0.2 b>10.0.0.1 b>10.0.0.2"},
    {"a late name holds up what is behind it", "a", "?10.0.0.1 10.0.0.2", NULL, NULL, "wait a>10.0.0.1 a>10.0.0.2"},
    {"a late name that fails", "a", "10.0.0.1 ?! 10.0.0.2", NULL, NULL, "a>10.0.0.1 wait ! a>10.0.0.2"},
    {"the wanted one is known, others are late", "a", "?10.0.0.1 10.0.0.2 ?10.0.0.3", "a", "10.0.0.2:102",
     "a>10.0.0.2 wait wait a>10.0.0.1 a>10.0.0.3"},
    {"the wanted one is late itself", "a", "10.0.0.1 ?10.0.0.2 ?10.0.0.3", "a", "10.0.0.2:102",
     "wait wait a>10.0.0.2 a>10.0.0.1 a>10.0.0.3"},
    {"the wanted one may be behind a late name, and is not", "a", "10.0.0.1 ?10.0.0.2", "a", "10.0.0.9:102",
     "wait a>10.0.0.1 a>10.0.0.2"},
};

struct table {
    struct conf_stack stacks[MOST];
    const struct conf_stack *via[MOST];
    struct assoc_target targets[MOST];
    struct net_address addresses[MOST][MOST];
    size_t n_via, n_targets;
    char words[2][200];
};

static void build(struct table *t, const struct row *r) {
    char *save, *more;
    *t = (struct table){0};
    snprintf(t->words[0], sizeof t->words[0], "%s", r->via);
    snprintf(t->words[1], sizeof t->words[1], "%s", r->targets);
    for (char *w = strtok_r(t->words[0], " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        t->stacks[t->n_via].name = w;
        t->via[t->n_via] = &t->stacks[t->n_via];
        t->n_via++;
    }
    for (char *w = strtok_r(t->words[1], " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        struct assoc_target *to = &t->targets[t->n_targets];
        *to = (struct assoc_target){.known = *w != '?', .addresses = t->addresses[t->n_targets]};
        t->n_targets++;
        w += *w == '?';
        for (char *a = *w == '!' ? NULL : strtok_r(w, ",", &more); a != NULL; a = strtok_r(NULL, ",", &more))
            assert_int_equal(net_address_parse(&to->addresses[to->n++], a, 102), ERR_OK);
    }
}

static void reveal(struct table *t) {
    size_t k = t->n_targets;
    while (k > 0 && t->targets[k - 1].known)
        k--;
    assert_true(k > 0); // or nothing is there to wait for
    t->targets[k - 1].known = true;
}

static void follow(struct table *t, const struct row *r, char *out, size_t size) {
    struct assoc_pairs p = {.via = t->via,
                            .n_via = t->n_via,
                            .targets = t->targets,
                            .n_targets = t->n_targets,
                            .first_stack = r->first_stack,
                            .first_remote = r->first_remote};
    char text[NET_ADDRESS_TEXT];
    size_t n = 0;
    out[0] = 0;
    for (int turns = 0; turns < 50; turns++) {
        struct assoc_pair pair;
        const struct assoc_target *failed;
        const char *blank = n > 0 ? " " : "";
        switch (assoc_pairs_next(&p, &pair, &failed)) {
        case ASSOC_PAIRS_PAIR:
            n += (size_t)snprintf(out + n, size - n, "%s%s>%s", blank, pair.stack->name,
                                  net_address_host_text(pair.remote, text));
            break;
        case ASSOC_PAIRS_NAME:
            assert_true(failed->known && failed->n == 0);
            n += (size_t)snprintf(out + n, size - n, "%s!", blank);
            break;
        case ASSOC_PAIRS_WAIT:
            n += (size_t)snprintf(out + n, size - n, "%swait", blank);
            reveal(t);
            break;
        case ASSOC_PAIRS_END: return;
        }
    }
    fail_msg("%s: it has no end: %s", r->what, out);
}

static void test_order(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct table t;
        char got[600];
        build(&t, &rows[k]);
        follow(&t, &rows[k], got, sizeof got);
        if (strcmp(got, rows[k].order) != 0)
            fail_msg("%s: %s\nwanted: %s", rows[k].what, got, rows[k].order);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

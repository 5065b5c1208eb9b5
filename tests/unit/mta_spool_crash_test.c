// SPDX-License-Identifier: BSD-2-Clause
// A spool whose process is killed, and one whose disk is full: what was answered is there, whole; what was not is there
// whole or not at all.
#include "tests/unit/mta_spool_util.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

enum { ROUNDS = 12, SKIPPED = 77 };

// --- kill -9 ---

struct answered {
    int fd;
    int64_t id;
};

static void tell_id(void *arg, const struct spool_result *r) {
    struct answered *a = arg;
    if (r->err == ERR_OK && write(a->fd, &a->id, sizeof a->id) != sizeof a->id)
        _exit(3);
    free(a);
}

static void post(struct spool_batch *b, int fd, int64_t id) {
    struct answered *a = malloc(sizeof *a);
    *a = (struct answered){fd, id};
    if (spool_commit(b, tell_id, a) < 0)
        _exit(4);
}

// Accepts messages, and finishes every fourth after it was answered, until it is killed. Finished ids are told negated.
static void accept_for_ever(struct place *p, int fd) {
    struct spool *s = place_start(p);
    for (;;) {
        for (int i = 0; i < 8; i++) {
            int64_t id;
            struct spool_batch *b = sample_batch(s, &id);
            struct spool_duplicate d = {.peer = "a",
                                        .identifier = bytes_of(&id, sizeof id),
                                        .fingerprint = bytes_str("f"),
                                        .seen = 1000,
                                        .window = 1000};
            spool_batch_duplicate(b, &d);
            post(b, fd, id);
            if (id % 4 != 0)
                continue;
            b = spool_batch_new(s); // the order of batches is kept
            spool_batch_finish(b, id, 7);
            post(b, fd, -id);
        }
        place_finish(p, s);
    }
}

struct found {
    char *answered; // by id: 1 accepted, 2 finished
    int64_t max, seen;
};

static void check_loaded(void *arg, const struct spool_message *m) {
    struct found *f = arg;
    assert_int_equal(m->n_recipients, 3);
    assert_true(m->id <= f->max + 8); // those under way may be there
    if (m->id <= f->max) {
        assert_int_not_equal(f->answered[m->id], 2);
        f->answered[m->id] = 3;
    }
    f->seen++;
}

static void check_fetched(void *arg, int err, const struct spool_message *m) {
    struct found *f = arg;
    assert_int_equal(err, ERR_OK);
    struct sample x;
    sample_fill(&x, m->id);
    assert_true(bytes_equal(m->envelope, x.m.envelope) && bytes_equal(m->content.octets, x.m.content.octets));
    f->seen++;
}

static int64_t check_after_kill(struct place *p, const int64_t *told, size_t n) {
    struct found f = {0};
    for (size_t i = 0; i < n; i++)
        if (told[i] > f.max)
            f.max = told[i];
    f.answered = calloc(1, (size_t)f.max + 1);
    for (size_t i = 0; i < n; i++)
        f.answered[told[i] < 0 ? -told[i] : told[i]] = told[i] < 0 ? 2 : 1;
    struct spool *s = place_open(p);
    assert_int_equal(p->events[SPOOL_EVENT_RECOVERY_BEGUN], 1);
    assert_int_equal(p->events[SPOOL_EVENT_DAMAGED], 0);
    int64_t last = 0;
    assert_int_equal(spool_load(s, 0, SIZE_MAX, check_loaded, &f, &last), ERR_OK);
    assert_int_equal(p->last.counts.messages, f.seen);
    for (int64_t id = 1; id <= f.max; id++)
        assert_true(f.answered[id] == 3 || id % 4 == 0); // none that was answered is lost
    assert_int_equal(spool_start(s), ERR_OK);
    f.seen = 0;
    if (f.max > 0)
        for (int64_t id = f.max; id > f.max - 20 && id > 0; id--)
            if (id % 4 != 0 && ++f.seen)
                assert_int_equal(spool_fetch(s, id, check_fetched, &f), ERR_OK);
    place_finish(p, s);
    int64_t max = f.max;
    free(f.answered);
    spool_close(s);
    return max;
}

static void test_kill(void **state) {
    (void)state;
    int64_t total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct place p;
        place_make(&p);
        int told[2];
        assert_int_equal(pipe(told), 0);
        pid_t child = fork();
        if (child == 0) {
            close(told[0]);
            accept_for_ever(&p, told[1]);
        }
        close(told[1]);
        // The first rounds end within the making of the spool; all at another moment.
        struct timespec pause = {0, (round * round * 1100 + round * 137) * 1000L};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        size_t n = 0, cap = 1 << 18;
        int64_t *ids = malloc(cap * sizeof *ids);
        for (ssize_t got; n < cap && (got = read(told[0], ids + n, (cap - n) * sizeof *ids)) > 0;)
            n += (size_t)got / sizeof *ids;
        close(told[0]);
        if (n > 0)
            total += check_after_kill(&p, ids, n);
        else
            spool_close(place_open(&p)); // whatever state it was in
        free(ids);
        place_remove(&p);
    }
    assert_true(total > 0);
}

// --- a full disk ---

static bool check(bool good, const char *what) {
    if (!good)
        fprintf(stderr, "full disk: %s\n", what);
    return good;
}

static int fill(struct place *p, struct spool *s, int64_t *last) {
    static uint8_t octets[24000];
    for (int i = 0; i < 4000; i++) {
        struct sample x;
        int64_t id = spool_new_id(s);
        sample_fill(&x, id);
        x.m.envelope = bytes_of(octets, sizeof octets);
        struct spool_batch *b = spool_batch_new(s);
        spool_batch_message(b, &x.m);
        int err = place_commit(p, s, b);
        if (err < 0)
            return err;
        *last = id;
    }
    return ERR_OK;
}

static int64_t count(struct spool *s) {
    struct found f = {.max = INT64_MAX - 8, .answered = calloc(1, 100000)};
    int64_t last;
    int err = spool_load(s, 0, SIZE_MAX, check_loaded, &f, &last);
    free(f.answered);
    return err < 0 ? err : f.seen;
}

static bool live_on_a_small_disk(struct place *p) {
    struct spool *s;
    char why[SPOOL_WHY], path[128];
    if (!check(place_try(p, SPOOL_RESERVE, &s, why) == ERR_OK && spool_start(s) == ERR_OK, why))
        return false;
    int64_t last = 0;
    bool good = check(fill(p, s, &last) == ERR_BUSY, "an accept is refused when there is no room") &&
                check(p->events[SPOOL_EVENT_FULL] > 0, "it is told") && check(last > 20, "but some came in");
    snprintf(path, sizeof path, "%s/reserve", p->dir);
    good = good && check(access(path, F_OK) < 0, "the reserve is released");
    // Accepting and sending at once: only the first is refused, and the reserve's room is kept from it.
    int64_t id;
    struct outcome in = {0}, out = {0};
    struct spool_batch *b = sample_batch(s, &id);
    spool_commit(b, outcome_note, &in);
    b = spool_batch_new(s);
    spool_batch_hold(b, 1, true);
    spool_commit(b, outcome_note, &out);
    place_finish(p, s);
    good = good && check(in.err == ERR_BUSY, "accepts stay refused") &&
           check(out.err == ERR_OK, "a change that adds nothing is done");
    spool_close(s);

    // A daemon started on the full disk lets mail leave, and then takes new.
    if (!good || !check(place_try(p, SPOOL_RESERVE, &s, why) == ERR_OK, why))
        return false;
    good = check(count(s) >= last, "nothing is lost") && check(spool_start(s) == ERR_OK, "it starts");
    for (int64_t n = 1; n <= last && good; n++) {
        b = spool_batch_new(s);
        spool_batch_finish(b, n, 500);
        good = check(place_commit(p, s, b) == ERR_OK, "mail leaves a full disk");
    }
    // Within a second or two, as the reserve comes back.
    in.err = ERR_BUSY;
    for (int i = 0; i < 300 && good && in.err == ERR_BUSY; i++) {
        nanosleep(&(struct timespec){0, 10000000}, NULL);
        spool_commit(sample_batch(s, &id), outcome_note, &in);
        place_finish(p, s);
    }
    good = good && check(in.err == ERR_OK, "mail comes in again");
    spool_close(s);
    return good;
}

static void test_full(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct place p;
        place_make(&p);
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", p.dir, "tmpfs", 0, "size=56m") < 0) {
            place_remove(&p);
            _exit(SKIPPED);
        }
        bool good = live_on_a_small_disk(&p);
        umount(p.dir);
        place_remove(&p);
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED) {
        print_message("needs root, for a small disk\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill), cmocka_unit_test(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

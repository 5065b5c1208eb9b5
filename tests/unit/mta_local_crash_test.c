// SPDX-License-Identifier: BSD-2-Clause
// Exactly once: whatever a crash left behind, whatever stops in the middle, a directory that cannot be written, a
// message that comes twice, memory that runs short.
#include "tests/unit/mta_local_util.h"

#include "base/mem.h"
#include "mta/deliver_dir.h"

static const char *const to_both[] = {SMITH, BROWN, NULL};
static const char *const to_smith[] = {SMITH, NULL};

// ---- states that a crash leaves behind ----

enum left { NOTHING, IN_TMP, IN_NEW, TAKEN };

static void make_item(const struct world *w, const char *name, enum left left) {
    char dir[128], path[600];
    struct deliver_item it;
    snprintf(dir, sizeof dir, "%s/b", w->dir);
    if (left == NOTHING)
        return;
    assert_int_equal(deliver_item_begin(&it, dir, name), ERR_OK);
    assert_int_equal(deliver_item_file_open(&it, "mark"), ERR_OK);
    assert_int_equal(deliver_item_file_write(&it, bytes_str("of the earlier run")), ERR_OK);
    assert_int_equal(deliver_item_file_close(&it), ERR_OK);
    assert_int_equal(deliver_item_sync(&it), ERR_OK);
    if (left == IN_TMP)
        return;
    assert_int_equal(deliver_item_publish(dir, name), ERR_OK);
    if (left == IN_NEW)
        return;
    path_in(w, path, "b/new/%s/mark", name);
    assert_int_equal(unlink(path), 0);
    *strrchr(path, '/') = 0;
    assert_int_equal(rmdir(path), 0);
}

struct outcome_of {
    bool done;
    int err;
};
static void note(void *arg, const struct spool_result *r) {
    *(struct outcome_of *)arg = (struct outcome_of){true, r->err};
}

// As the delivery does: the recipient is being delivered, and its item's name is promised.
static void commit_intent(struct world *w, const struct item *i, const char *name) {
    char dir[128];
    struct outcome_of out = {0};
    snprintf(dir, sizeof dir, "%s/b", w->dir);
    struct spool_batch *b = spool_batch_new(w->m.spool);
    spool_batch_recipient(
        b, i->id,
        &(struct spool_recipient){
            .number = 1, .state = SPOOL_RCPT_DELIVERING, .next_hop = i->rcpt[0].hop, .reason = -1, .diagnostic = -1});
    spool_batch_intent(b, &(struct spool_intent){i->id, 1, dir, name});
    assert_int_equal(spool_commit(b, note, &out), ERR_OK);
    for (int k = 0; k < 60000 && !out.done; k++) // a machine under load syncs slowly
        loop_run_for(w->m.loop, 1);
    assert_true(out.done);
    assert_int_equal(out.err, ERR_OK);
}

static void name_of(struct world *w, const struct item *i, char name[DELIVER_NAME]) {
    struct arena a = {0};
    struct or_address address;
    const char *why;
    assert_int_equal(or_name_decode(&a, orname(&a, SMITH), &address, &why), ERR_OK);
    assert_int_equal(deliver_item_name(name, i->mts_id, or_address_canonical(&a, &address)), ERR_OK);
    arena_free(&a);
    (void)w;
}

// A message to smith waits, as an earlier run left it. Serving it is up to the caller.
static void leave(struct world *w, bool intent, enum left left) {
    char name[DELIVER_NAME];
    world_make(w);
    world_start(w, false);
    world_admit(w, letter(w, P1_MESSAGE, to_smith, WANT_REPORT), bytes_str("x"));
    name_of(w, queue_first(w->m.queue), name);
    make_item(w, name, left);
    if (intent)
        commit_intent(w, queue_first(w->m.queue), name);
    world_stop(w);
}

static void recovered(bool intent, enum left left, size_t items, bool earlier) {
    struct world w;
    char names[1][300];
    leave(&w, intent, left);
    for (int round = 0; round < 2; round++) { // the second start finds nothing to do
        world_start(&w, true);
        assert_true(w.left_in_tmp <= (left == IN_TMP && intent && round == 0));
        world_settle(&w);
        assert_int_equal(list(&w, "b/new", names, 1), items);
        assert_int_equal(entries(&w, "b/tmp"), 0);
        assert_int_equal(entries(&w, "a/new"), 1); // one report
        if (items > 0) {
            size_t n;
            char *mark = slurp(&w, names[0], "mark", &n), *json = slurp(&w, names[0], "envelope.json", &n);
            assert_true((mark != NULL) == earlier && (json != NULL) == !earlier);
            free(mark);
            free(json);
        }
        world_stop(&w);
    }
    world_remove(&w);
}

static void test_recovery(void **state) {
    (void)state;
    recovered(false, NOTHING, 1, false);
    recovered(false, IN_TMP, 1, false); // before the intent: written anew
    recovered(false, IN_NEW, 1, true);  // a spool put back from a copy: it has been delivered
    recovered(true, IN_TMP, 1, true);   // between intent and publishing
    recovered(true, IN_NEW, 1, true);   // between publishing and the commit of delivered
    recovered(true, TAKEN, 0, false);   // the same, and its reader was quick
}

// What belongs to nobody goes, what is not in tmp/ stays.
static void test_clean(void **state) {
    (void)state;
    struct world w;
    leave(&w, true, IN_TMP);
    make_item(&w, "stray", IN_TMP);
    make_item(&w, "kept", IN_NEW);
    world_start(&w, true);
    world_settle(&w);
    assert_int_equal(entries(&w, "b/tmp"), 0);
    assert_int_equal(entries(&w, "b/new"), 2);
    world_stop(&w);
    world_remove(&w);
}

// The directory is gone at the start: the delivery waits, nobody expires or returns it, and it ends at a later start.
static void test_recovery_without_directory(void **state) {
    (void)state;
    struct world w;
    char b[600], away[600];
    leave(&w, true, IN_TMP);
    path_in(&w, b, "b");
    path_in(&w, away, "away");
    assert_int_equal(rename(b, away), 0);
    world_start(&w, true);
    for (int k = 0; k < 400 && events_seen(&w, EV_DELIVERY_TROUBLE) == 0; k++)
        loop_run_for(w.m.loop, 5);
    assert_int_equal(events_seen(&w, EV_DELIVERY_TROUBLE), 1);
    assert_int_equal(local_running(w.m.local), 0);
    struct item *i = queue_first(w.m.queue);
    assert_non_null(i);
    assert_int_equal(i->settling, 1);
    i->expires = 1;
    loop_run_for(w.m.loop, 1500); // a tick of the queue
    assert_int_equal(queue_items(w.m.queue), 1);
    world_stop(&w);
    assert_int_equal(rename(away, b), 0);
    world_start(&w, true);
    world_settle(&w);
    assert_int_equal(entries(&w, "b/new"), 1);
    world_stop(&w);
    world_remove(&w);
}

// A reader takes what is there, and looks whether it is whole.
static size_t take_all(const struct world *w) {
    static char names[200][300];
    char from[600], to[600];
    path_in(w, to, "taken");
    mkdir(to, 0700);
    size_t n = list(w, "b/new", names, 200);
    for (size_t k = 0; k < n; k++) {
        json_decref(envelope_of(w, names[k]));
        path_in(w, from, "%s", names[k]);
        path_in(w, to, "taken/%s", strrchr(names[k], '/') + 1);
        assert_int_equal(rename(from, to), 0); // the same name twice fails: the folder there is not empty
    }
    return n;
}

// Recipients of whom jones has heard. A crash may split a delivery, and so its report.
static size_t reported(const struct world *w) {
    static char names[200][300];
    size_t n = list(w, "a/new", names, 200), all = 0;
    for (size_t k = 0; k < n; k++) {
        json_t *e = envelope_of(w, names[k]);
        all += json_array_size(at(e, "recipients"));
        json_decref(e);
    }
    return all;
}

// ---- stopping ----

enum { STOPS = 15 };

// Stops after ever longer times; between the runs a reader takes what is there.
static void test_stops(void **state) {
    (void)state;
    struct world w;
    struct arena a = {0};
    struct buf content = {0};
    static const char *const files[] = {"f", NULL};
    world_make(&w);
    interpersonal(&a, "text", files, 300000, &content);
    world_start(&w, false);
    for (int k = 0; k < 6; k++)
        world_admit(&w, letter(&w, P1_MESSAGE, to_both, WANT_REPORT), buf_bytes(&content));
    world_stop(&w);
    size_t taken = 0;
    for (unsigned run = 0; run <= STOPS; run++) {
        world_start(&w, true);
        if (run < STOPS)
            loop_run_for(w.m.loop, 3 * run);
        else
            world_settle(&w);
        world_stop(&w);
        taken += take_all(&w);
    }
    assert_int_equal(taken, 12);
    assert_int_equal(entries(&w, "b/tmp"), 0);
    assert_int_equal(reported(&w), 12);
    world_remove(&w);
    buf_free(&content);
    arena_free(&a);
}

// ---- kill -9 ----

enum { ROUNDS = 8, MESSAGES = 60 };

static void test_kill(void **state) {
    (void)state;
    struct world w;
    world_make(&w);
    world_start(&w, false);
    for (int k = 0; k < MESSAGES; k++)
        world_admit(&w, letter(&w, P1_MESSAGE, to_both, WANT_REPORT), bytes_str("x"));
    world_stop(&w);
    size_t taken = 0;
    for (int round = 0; round <= ROUNDS; round++) {
        pid_t child = fork();
        if (child == 0) {
            world_start(&w, true);
            while (queue_items(w.m.queue) > 0 || local_running(w.m.local) > 0)
                loop_run_for(w.m.loop, 1);
            world_stop(&w);
            _exit(0);
        }
        usleep(round < ROUNDS ? (useconds_t)(10000 + round * 7000) : 0);
        if (round < ROUNDS)
            kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(round < ROUNDS || status == 0);
        taken += take_all(&w);
    }
    assert_int_equal(taken, 2 * MESSAGES);
    assert_int_equal(entries(&w, "b/tmp"), 0);
    assert_int_equal(reported(&w), 2 * MESSAGES);
    world_remove(&w);
}

// ---- twice ----

static void test_twice(void **state) {
    (void)state;
    static const char *const smith_twice[] = {SMITH, "/S=SMITH/O=beta/P=PPB/A=test/C=gb/", NULL};
    struct world w;
    char names[1][300], path[600];
    world_make(&w);
    world_start(&w, true);
    struct opened *o = letter(&w, P1_MESSAGE, smith_twice, WANT_REPORT);
    uint8_t octets[200];
    struct bytes id = o->env->identifier;
    assert_true(id.n <= sizeof octets);
    memcpy(octets, id.p, id.n);
    id.p = octets;
    world_admit(&w, o, bytes_str("first"));
    world_settle(&w);
    assert_int_equal(list(&w, "b/new", names, 1), 1); // one recipient, however often he is named
    assert_int_equal(events_seen(&w, EV_DELIVERED_BEFORE), 0);

    // The message again on another way: while its item is there, and after it was taken.
    for (unsigned k = 0; k < 2; k++) {
        o = letter(&w, P1_MESSAGE, to_smith, WANT_NONE);
        o->env->identifier = arena_bytes(&o->arena, id);
        world_admit(&w, o, bytes_str("again"));
        world_settle(&w);
        assert_int_equal(events_seen(&w, EV_DELIVERED_BEFORE), k + 1);
        assert_int_equal(entries(&w, "b/new"), 1 - k);
        assert_int_equal(entries(&w, "b/tmp"), 0);
        if (k > 0)
            break;
        expect_file(&w, names[0], "content.ber", bytes_str("first"));
        snprintf(path, sizeof path, "rm -r '%s/b/new'", w.dir);
        assert_int_equal(take_all(&w), 1);
    }

    // Two of one identifier at once, to different recipients: both arrive.
    o = letter(&w, P1_MESSAGE, to_smith, WANT_NONE);
    memcpy(octets, o->env->identifier.p, id.n);
    world_admit(&w, o, bytes_str("one"));
    static const char *const to_brown[] = {BROWN, NULL};
    o = letter(&w, P1_MESSAGE, to_brown, WANT_NONE);
    o->env->identifier = arena_bytes(&o->arena, id);
    world_admit(&w, o, bytes_str("two"));
    world_settle(&w);
    assert_int_equal(entries(&w, "b/new"), 2);
    world_stop(&w);
    world_remove(&w);
}

// ---- trouble ----

static void test_trouble(void **state) {
    (void)state;
    struct world w;
    char b[600];
    world_make(&w);
    path_in(&w, b, "b");
    close(open(b, O_CREAT | O_WRONLY, 0600)); // a file where the directory should be
    world_start(&w, true);
    world_admit(&w, letter(&w, P1_MESSAGE, to_both, WANT_NONE), bytes_str("x"));
    for (int k = 0; k < 400 && events_seen(&w, EV_DELIVERY_TROUBLE) == 0; k++)
        loop_run_for(w.m.loop, 5);
    assert_int_equal(events_seen(&w, EV_DELIVERY_TROUBLE), 1);
    struct item *i = queue_first(w.m.queue);
    assert_int_equal(i->rcpt[0].state, SPOOL_RCPT_WAITING);
    assert_string_equal(i->rcpt[0].error, "making the item: Not a directory");
    assert_int_equal(local_running(w.m.local), 0);
    static const char *const to_jones[] = {JONES, NULL}; // others are not held up
    world_admit(&w, letter(&w, P1_MESSAGE, to_jones, WANT_NONE), bytes_str("x"));
    for (int k = 0; k < 400 && queue_items(w.m.queue) > 1; k++)
        loop_run_for(w.m.loop, 5);
    assert_int_equal(entries(&w, "a/new"), 1);
    assert_int_equal(unlink(b), 0);
    item_hasten(w.m.queue, i);
    world_settle(&w);
    assert_int_equal(entries(&w, "b/new"), 2);
    world_stop(&w);
    world_remove(&w);
}

// A content that its checksum contradicts is never delivered.
static void test_damaged(void **state) {
    (void)state;
    struct world w;
    char names[1][300], path[600];
    static uint8_t octets[100000];
    world_make(&w);
    world_start(&w, false);
    world_admit(&w, letter(&w, P1_MESSAGE, to_both, WANT_NONE), bytes_of(octets, sizeof octets));
    world_stop(&w);
    assert_int_equal(list(&w, "spool/content", names, 1), 1);
    path_in(&w, path, "%s", names[0]);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "?", 1, 50000), 1);
    close(fd);
    world_start(&w, true);
    for (int k = 0; k < 400 && events_seen(&w, EV_SPOOL_DAMAGED) == 0; k++)
        loop_run_for(w.m.loop, 5);
    assert_int_equal(events_seen(&w, EV_SPOOL_DAMAGED), 1);
    assert_int_equal(queue_items(w.m.queue), 1);
    assert_int_equal(entries(&w, "b/new"), 0);
    assert_int_equal(entries(&w, "b/tmp"), 0);
    world_stop(&w);
    world_remove(&w);
}

// The Nth allocation fails, wherever that is: nothing breaks, nothing is lost and nothing comes twice.
static void test_memory(void **state) {
    (void)state;
    struct arena a = {0};
    struct buf content = {0};
    static const char *const files[] = {"f", NULL};
    interpersonal(&a, "text", files, 100, &content);
    for (unsigned long n = 1; n < 400; n += n < 30 ? 1 : 9) {
        struct world w;
        world_make(&w);
        world_start(&w, false);
        world_admit(&w, letter(&w, P1_MESSAGE, to_both, WANT_REPORT), buf_bytes(&content));
        world_stop(&w);
        pid_t child = fork(); // what waits for the store when it stops is left to the system
        if (child == 0) {
            world_start(&w, true);
            mem_fail_at(n);
            for (int k = 0; k < 15 && queue_items(w.m.queue) > 0; k++)
                loop_run_for(w.m.loop, 2);
            mem_fail_at(0);
            world_stop(&w);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        world_start(&w, true);
        world_settle(&w);
        assert_int_equal(entries(&w, "b/new"), 2);
        assert_int_equal(entries(&w, "b/tmp"), 0);
        assert_true(reported(&w) <= 2); // admit_report gives up a report for which memory is short
        world_stop(&w);
        world_remove(&w);
    }
    buf_free(&content);
    arena_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_recovery_without_directory),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_trouble),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

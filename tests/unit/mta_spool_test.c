// SPDX-License-Identifier: BSD-2-Clause
// The spool as its caller sees it: what is committed is there, whole, and nothing else is.
#include "tests/unit/mta_spool_util.h"

#include <sqlite3.h>

#include "mta/spool_transfer.h"

struct fetched {
    int err, calls;
    bool good;
};

static void fetched_check(void *arg, int err, const struct spool_message *m) {
    struct fetched *f = arg;
    f->calls++;
    f->err = err;
    if (m == NULL)
        return;
    struct sample x;
    sample_fill(&x, m->id);
    f->good = strcmp(m->mts_id, x.id) == 0 && strcmp(m->originator, x.m.originator) == 0 &&
              strcmp(m->from_peer, "relay-a") == 0 && strcmp(m->content_type, "22") == 0 &&
              m->priority == x.m.priority && m->from_uid == -1 && m->arrived == x.m.arrived && m->expires == 9000 &&
              m->deferred == 0 && bytes_equal(m->envelope, x.m.envelope) &&
              bytes_equal(m->content.octets, x.m.content.octets) && m->content.length == x.m.content.length &&
              memcmp(m->content.sum, x.m.content.sum, CONTENT_SUM) == 0 && m->n_recipients == 3 &&
              m->recipients[2].number == 3 && strcmp(m->recipients[1].next_hop, "relay-c") == 0 &&
              m->recipients[2].state == SPOOL_RCPT_NOT_RESPONSIBLE && m->recipients[0].reason == -1;
}

static struct fetched fetch(struct place *p, struct spool *s, int64_t id) {
    struct fetched f = {0};
    assert_int_equal(spool_fetch(s, id, fetched_check, &f), ERR_OK);
    place_finish(p, s);
    assert_int_equal(f.calls, 1);
    return f;
}

struct loaded {
    size_t n;
    int64_t ids[2000];
    struct spool_message first;
    struct spool_recipient recipient;
};

static void loaded_note(void *arg, const struct spool_message *m) {
    struct loaded *l = arg;
    assert_true(l->n < 2000);
    if (l->n == 0) {
        l->first = *m;
        l->recipient = m->recipients[0];
    }
    l->ids[l->n++] = m->id;
}

static struct loaded *load(struct spool *s, size_t page) {
    struct loaded *l = calloc(1, sizeof *l);
    assert_non_null(l);
    for (int64_t after = 0, last;; after = last) {
        assert_int_equal(spool_load(s, after, page, loaded_note, l, &last), ERR_OK);
        if (last == after)
            return l;
    }
}

static void direct(struct place *p, const char *sql) {
    char path[128];
    snprintf(path, sizeof path, "%s/spool.db", p->dir);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_keep(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    struct spool *s = place_start(&p);
    int64_t id = sample_add(&p, s);
    struct fetched f = fetch(&p, s, id);
    assert_int_equal(f.err, ERR_OK);
    assert_true(f.good);
    assert_int_equal(fetch(&p, s, id + 1).err, ERR_ABSENT);
    spool_close(s);

    s = place_open(&p);
    assert_int_equal(p.events[SPOOL_EVENT_RECOVERY_BEGUN], 0);
    struct loaded *l = load(s, 1);
    assert_int_equal(l->n, 1);
    assert_int_equal(l->ids[0], id);
    assert_int_equal(l->first.content.length, strlen("the content of 1"));
    assert_int_equal(l->first.n_recipients, 3);
    assert_true(spool_new_id(s) > id);
    free(l);
    assert_int_equal(spool_start(s), ERR_OK);
    assert_true(fetch(&p, s, id).good);
    spool_close(s);
    place_remove(&p);
}

static void test_group(void **state) {
    (void)state;
    enum { N = 1200 };
    struct place p;
    place_make(&p);
    struct spool *s = place_open(&p);
    struct outcome o = {0};
    // Queued before the thread runs: they make few transactions.
    for (int i = 0; i < N; i++) {
        int64_t id;
        assert_int_equal(spool_commit(sample_batch(s, &id), outcome_note, &o), ERR_OK);
    }
    assert_int_equal(spool_start(s), ERR_OK);
    place_finish(&p, s);
    assert_int_equal(o.calls, N);
    assert_int_equal(o.err, ERR_OK);
    spool_close(s);
    s = place_open(&p);
    struct loaded *l = load(s, 100);
    assert_int_equal(l->n, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(l->ids[i], i + 1);
    free(l);
    spool_close(s);
    place_remove(&p);
}

static int accept_seen(struct place *p, struct spool *s, const char *peer, const char *identifier,
                       const char *fingerprint, int64_t now, int64_t *id) {
    struct spool_batch *b = sample_batch(s, id);
    struct spool_duplicate d = {.peer = peer,
                                .identifier = bytes_str(identifier),
                                .fingerprint = bytes_str(fingerprint),
                                .seen = now,
                                .window = 7LL * 86400 * 1000};
    spool_batch_duplicate(b, &d);
    return place_commit(p, s, b);
}

static void test_duplicates(void **state) {
    (void)state;
    const int64_t day = 86400 * 1000, t = 100 * day;
    struct place p;
    place_make(&p);
    struct spool *s = place_start(&p);
    int64_t first, second, other;
    assert_int_equal(accept_seen(&p, s, "a", "id", "f", t, &first), ERR_OK);
    assert_int_equal(accept_seen(&p, s, "a", "id", "f", t + 7 * day - 1, &second), ERR_EXISTS);
    assert_int_equal(fetch(&p, s, second).err, ERR_ABSENT); // nothing of it was kept
    assert_int_equal(accept_seen(&p, s, "b", "id", "f", t, &other), ERR_OK);
    assert_int_equal(accept_seen(&p, s, "a", "id2", "f", t, &other), ERR_OK);
    assert_int_equal(accept_seen(&p, s, "a", "id", "f2", t, &other), ERR_OK);
    spool_close(s);
    s = place_start(&p); // remembered over a restart
    assert_int_equal(accept_seen(&p, s, "a", "id", "f", t + 6 * day, &other), ERR_EXISTS);
    assert_int_equal(accept_seen(&p, s, "a", "id", "f", t + 7 * day, &other), ERR_OK);
    assert_int_equal(accept_seen(&p, s, "a", "id", "f", t + 13 * day, &other), ERR_EXISTS); // counts from the last

    // Written in the transaction that accepts, or not at all.
    struct spool_batch *b = spool_batch_new(s);
    struct spool_duplicate d = {
        .peer = "c", .identifier = bytes_str("i"), .fingerprint = bytes_str("f"), .seen = t, .window = day};
    spool_batch_duplicate(b, &d);
    spool_batch_hold(b, 4711, true);
    assert_int_equal(place_commit(&p, s, b), ERR_ABSENT);
    assert_int_equal(accept_seen(&p, s, "c", "i", "f", t, &other), ERR_OK);

    struct outcome o = {0};
    b = spool_batch_new(s);
    spool_batch_purge(b, 0, t + day);
    assert_int_equal(spool_commit(b, outcome_note, &o), ERR_OK);
    place_finish(&p, s);
    assert_int_equal(o.purged, 4); // all but the one accepted anew
    assert_int_equal(accept_seen(&p, s, "b", "id", "f", t, &other), ERR_OK);
    spool_close(s);
    place_remove(&p);
}

static void test_life(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    struct spool *s = place_start(&p);
    int64_t id = sample_add(&p, s), gone = sample_add(&p, s);

    struct spool_batch *b = spool_batch_new(s);
    struct spool_recipient r = {.number = 1,
                                .state = SPOOL_RCPT_TRANSFERRING,
                                .next_hop = "relay-z",
                                .reason = 1,
                                .diagnostic = 0,
                                .attempts = 3,
                                .next_attempt = 77,
                                .changed = 78,
                                .last_error = "refused: busy"};
    spool_batch_recipient(b, id, &r);
    spool_batch_hold(b, id, true);
    assert_int_equal(place_commit(&p, s, b), ERR_OK);

    // A batch with one impossible change does none of them.
    b = spool_batch_new(s);
    r.number = 1;
    r.attempts = 99;
    spool_batch_recipient(b, id, &r);
    r.number = 9;
    spool_batch_recipient(b, id, &r);
    assert_int_equal(place_commit(&p, s, b), ERR_ABSENT);
    struct sample x; // an id that is taken is no duplicate
    sample_fill(&x, id);
    b = spool_batch_new(s);
    spool_batch_message(b, &x.m);
    assert_int_equal(place_commit(&p, s, b), ERR_STATE);

    b = spool_batch_new(s);
    spool_batch_finish(b, gone, 500);
    spool_batch_purge(b, 501, 0);
    assert_int_equal(place_commit(&p, s, b), ERR_OK);
    assert_int_equal(fetch(&p, s, gone).err, ERR_ABSENT);
    b = spool_batch_new(s);
    spool_batch_finish(b, gone, 500);
    assert_int_equal(place_commit(&p, s, b), ERR_ABSENT);
    spool_close(s);

    s = place_open(&p);
    struct loaded *l = load(s, 10);
    assert_int_equal(l->n, 1);
    assert_true(l->first.held);
    assert_int_equal(l->first.n_recipients, 3);
    assert_int_equal(l->recipient.state, SPOOL_RCPT_WAITING); // no transfer survives its process
    assert_int_equal(l->recipient.attempts, 3);
    assert_int_equal(l->recipient.next_attempt, 77);
    free(l);
    assert_true(spool_new_id(s) > gone); // a deleted message's id is not given again
    assert_int_equal(spool_start(s), ERR_OK);

    b = spool_batch_new(s);
    spool_batch_finish(b, id, 500);
    assert_int_equal(place_commit(&p, s, b), ERR_OK);
    b = spool_batch_new(s);
    spool_batch_finish(b, id, 501);
    assert_int_equal(place_commit(&p, s, b), ERR_ABSENT); // once
    struct fetched f = fetch(&p, s, id);
    assert_int_equal(f.err, ERR_OK);
    assert_false(f.good); // its envelope is gone
    struct outcome o = {0};
    for (int64_t before = 500; before <= 501; before++) {
        b = spool_batch_new(s);
        spool_batch_purge(b, before, 0);
        assert_int_equal(spool_commit(b, outcome_note, &o), ERR_OK);
        place_finish(&p, s);
        assert_int_equal(o.purged, before == 501);
    }
    assert_int_equal(fetch(&p, s, id).err, ERR_ABSENT);
    spool_close(s);
    place_remove(&p);
}

struct pages {
    size_t n;
    int64_t next, last;
    int err;
};

static void pages_note(void *arg, const struct spool_page *page) {
    struct pages *l = arg;
    l->err = page->err;
    l->n = page->n;
    l->next = page->next;
    l->last = page->n > 0 ? page->messages[page->n - 1].id : 0;
}

static struct pages list(struct place *p, struct spool *s, struct spool_filter f) {
    struct pages l = {.err = 1};
    assert_int_equal(spool_list(s, &f, pages_note, &l), ERR_OK);
    place_finish(p, s);
    assert_int_equal(l.err, ERR_OK);
    return l;
}

static void test_queries(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    struct spool *s = place_start(&p);
    for (int i = 0; i < 30; i++)
        sample_add(&p, s);
    struct pages l = list(&p, s, (struct spool_filter){.limit = 12});
    assert_int_equal(l.n, 12);
    assert_int_equal(l.next, 12);
    l = list(&p, s, (struct spool_filter){.limit = 20, .after = l.next});
    assert_int_equal(l.n, 18);
    assert_int_equal(l.next, 0);
    assert_int_equal(l.last, 30);
    assert_int_equal(list(&p, s, (struct spool_filter){.mts_id = ";7]"}).n, 1);
    assert_int_equal(list(&p, s, (struct spool_filter){.originator = "s=JORDAN"}).n, 30);
    assert_int_equal(list(&p, s, (struct spool_filter){.recipient = "stone", .next_hop = "relay-c"}).n, 0);
    assert_int_equal(list(&p, s, (struct spool_filter){.recipient = "stone", .next_hop = "relay-b"}).n, 30);
    assert_int_equal(list(&p, s, (struct spool_filter){.by_priority = true, .priority = SPOOL_URGENT}).n, 15);
    assert_int_equal(list(&p, s, (struct spool_filter){.arrived_before = 1011}).n, 10);
    struct spool_batch *b = spool_batch_new(s);
    spool_batch_finish(b, 30, 1);
    assert_int_equal(place_commit(&p, s, b), ERR_OK);
    assert_int_equal(list(&p, s, (struct spool_filter){0}).n, 29);
    assert_int_equal(list(&p, s, (struct spool_filter){.finished = true}).n, 30);
    spool_close(s);
    place_remove(&p);
}

static void test_lock(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct spool *s;
        char why[SPOOL_WHY];
        char ok = place_try(&p, 0, &s, why) == ERR_OK ? 'y' : 'n';
        if (write(ready[1], &ok, 1) == 1)
            pause();
        _exit(1);
    }
    char ok = 0;
    assert_int_equal(read(ready[0], &ok, 1), 1);
    assert_int_equal(ok, 'y');
    struct spool *s = NULL;
    char why[SPOOL_WHY], pid[64];
    assert_int_equal(place_try(&p, 0, &s, why), ERR_BUSY);
    snprintf(pid, sizeof pid, "in use by process %d on ", (int)child);
    assert_non_null(strstr(why, pid));
    assert_null(s);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    s = place_open(&p); // the lock ended with its holder
    assert_int_equal(p.events[SPOOL_EVENT_RECOVERY_BEGUN], 1);
    spool_close(s);
    close(ready[0]);
    close(ready[1]);
    place_remove(&p);
}

static void test_format(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    spool_close(place_open(&p));
    direct(&p, "PRAGMA user_version = 3");
    struct spool *s;
    char why[SPOOL_WHY];
    assert_int_equal(place_try(&p, 0, &s, why), ERR_STATE);
    assert_non_null(strstr(why, "format 3"));
    assert_non_null(strstr(why, "newer version"));
    direct(&p, "PRAGMA user_version = 1; PRAGMA application_id = 99");
    assert_int_equal(place_try(&p, 0, &s, why), ERR_CORRUPT);
    char path[128];
    snprintf(path, sizeof path, "%s/spool.db", p.dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 4096; i++)
        fputs("no database", f);
    fclose(f);
    assert_int_equal(place_try(&p, 0, &s, why), ERR_CORRUPT);
    assert_non_null(strstr(why, "not a spool"));
    place_remove(&p);
}

// Each statement damages message 2 in another way.
struct transfers {
    int n[3];
    char peer[16], file[CONTENT_NAME];
    uint8_t key[8], state[8], detail[8];
    uint64_t length;
    int64_t since;
};

static void transfers_note(void *arg, const struct spool_transfer *t) {
    struct transfers *x = arg;
    x->n[t->kind]++;
    if (t->kind != SPOOL_TRANSFER_IN)
        return;
    snprintf(x->peer, sizeof x->peer, "%s", t->peer);
    snprintf(x->file, sizeof x->file, "%s", t->file);
    memcpy(x->key, t->key.p, t->key.n);
    memcpy(x->state, t->state.p, t->state.n);
    memcpy(x->detail, t->detail.p, t->detail.n);
    x->length = t->length;
    x->since = t->since;
}

static struct transfers transfers(struct spool *s) {
    struct transfers x = {.n = {0}};
    assert_int_equal(spool_load_transfers(s, transfers_note, &x), ERR_OK);
    return x;
}

static void tmp_file(struct place *p, const char *name, const char *octets) {
    char path[160];
    snprintf(path, sizeof path, "%s/tmp", p->dir);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/tmp/%s", p->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(octets, f);
    fclose(f);
}

static bool tmp_there(struct place *p, const char *name) {
    char path[160];
    snprintf(path, sizeof path, "%s/tmp/%s", p->dir, name);
    return access(path, F_OK) == 0;
}

// What is kept of transfers: also in a spool that an older version made, replaced, removed, purged; its file survives
// the start, others do not; without it, or damaged, it is left out.
static void test_transfers(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    spool_close(place_open(&p));
    direct(&p, "DROP TABLE transfer; PRAGMA user_version = 1");
    struct spool *s = place_start(&p);
    struct spool_transfer in = {.kind = SPOOL_TRANSFER_IN,
                                .peer = "relay-a",
                                .key = bytes_str("key"),
                                .state = bytes_str("old"),
                                .detail = bytes_str(""),
                                .file = "0abc",
                                .length = 4,
                                .since = 100};
    struct spool_batch *b = spool_batch_new(s);
    spool_batch_transfer(b, &in);
    in.state = bytes_str("state");
    in.detail = bytes_str("detail");
    spool_batch_transfer(b, &in);
    struct spool_transfer other = in;
    other.kind = SPOOL_TRANSFER_DONE;
    other.file = "";
    other.length = 0;
    spool_batch_transfer(b, &other);
    other.kind = SPOOL_TRANSFER_OUT;
    other.since = 50;
    spool_batch_transfer(b, &other);
    spool_batch_transfer_over(b, SPOOL_TRANSFER_OUT, "relay-a", bytes_str("another"));
    assert_int_equal(place_commit(&p, s, b), ERR_OK);
    spool_close(s);

    tmp_file(&p, "0abc", "octets");
    tmp_file(&p, "0def", "octets");
    s = place_open(&p);
    assert_true(tmp_there(&p, "0abc"));
    assert_false(tmp_there(&p, "0def"));
    struct transfers x = transfers(s);
    assert_int_equal(x.n[SPOOL_TRANSFER_IN] + x.n[SPOOL_TRANSFER_DONE] + x.n[SPOOL_TRANSFER_OUT], 3);
    assert_string_equal(x.peer, "relay-a");
    assert_string_equal(x.file, "0abc");
    assert_memory_equal(x.key, "key", 3);
    assert_memory_equal(x.state, "state", 5);
    assert_memory_equal(x.detail, "detail", 6);
    assert_int_equal(x.length, 4);
    assert_int_equal(x.since, 100);
    assert_int_equal(spool_start(s), ERR_OK);
    b = spool_batch_new(s);
    spool_batch_transfers_purge(b, 100);
    spool_batch_transfer_over(b, SPOOL_TRANSFER_DONE, "relay-a", bytes_str("key"));
    assert_int_equal(place_commit(&p, s, b), ERR_OK);
    spool_close(s);

    tmp_file(&p, "0abc", "oct"); // shorter than was synced
    s = place_open(&p);
    x = transfers(s);
    assert_int_equal(x.n[SPOOL_TRANSFER_IN] + x.n[SPOOL_TRANSFER_DONE] + x.n[SPOOL_TRANSFER_OUT], 0);
    spool_close(s);
    tmp_file(&p, "0abc", "octe");
    s = place_open(&p);
    assert_int_equal(transfers(s).n[SPOOL_TRANSFER_IN], 1);
    spool_close(s);
    direct(&p, "UPDATE transfer SET length = 3");
    s = place_open(&p);
    assert_int_equal(transfers(s).n[SPOOL_TRANSFER_IN], 0);
    assert_int_equal(p.events[SPOOL_EVENT_DAMAGED], 1);
    spool_close(s);
    place_remove(&p);
}

static void test_damage(void **state) {
    (void)state;
    static const char *const harm[] = {
        "UPDATE message SET priority = 1 WHERE id = 2",
        "UPDATE message SET originator = 'x' WHERE id = 2",
        "UPDATE recipient SET state = 4 WHERE message = 2 AND number = 1",
        "UPDATE recipient SET next_hop = NULL WHERE message = 2 AND number = 2",
        "UPDATE body SET envelope = x'00' WHERE message = 2",
        "UPDATE body SET content = x'00' WHERE message = 2",
        "DELETE FROM body WHERE message = 2",
    };
    for (size_t i = 0; i < sizeof harm / sizeof *harm; i++) {
        struct place p;
        place_make(&p);
        struct spool *s = place_start(&p);
        for (int n = 0; n < 3; n++)
            sample_add(&p, s);
        spool_close(s);
        direct(&p, harm[i]);
        direct(&p, "UPDATE meta SET value = 'no' WHERE key = 'clean'");
        s = place_open(&p);
        assert_int_equal(p.events[SPOOL_EVENT_RECOVERY_BEGUN], 1);
        assert_int_equal(p.events[SPOOL_EVENT_DAMAGED], 1);
        assert_int_equal(p.damaged, 2);
        assert_int_equal(p.last.counts.damaged, 1);
        assert_int_equal(p.last.counts.messages, 2);
        assert_int_equal(p.last.counts.recipients, 4);
        struct loaded *l = load(s, 10);
        assert_int_equal(l->n, i < 4 ? 2 : 3); // a damaged body shows when it is fetched
        assert_int_equal(p.events[SPOOL_EVENT_DAMAGED], 1);
        free(l);
        assert_int_equal(spool_start(s), ERR_OK);
        assert_int_equal(fetch(&p, s, 2).err, ERR_CORRUPT);
        assert_true(fetch(&p, s, 3).good);
        struct spool_batch *b = spool_batch_new(s); // the way out
        spool_batch_finish(b, 2, 500);
        assert_int_equal(place_commit(&p, s, b), ERR_OK);
        spool_close(s);
        place_remove(&p);
    }
}

static off_t database_size(struct place *p) {
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/spool.db", p->dir);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

// A database that was large gives its pages back to the file system.
static void test_give_back(void **state) {
    (void)state;
    enum { N = 400 };
    static uint8_t octets[20000];
    struct place p;
    place_make(&p);
    struct spool *s = place_start(&p);
    struct outcome o = {0};
    for (int i = 0; i < N; i++) {
        struct sample x;
        int64_t id = spool_new_id(s);
        sample_fill(&x, id);
        x.m.envelope = bytes_of(octets, sizeof octets);
        struct spool_batch *b = spool_batch_new(s);
        spool_batch_message(b, &x.m);
        assert_int_equal(spool_commit(b, outcome_note, &o), ERR_OK);
        b = spool_batch_new(s);
        spool_batch_finish(b, id, 1);
        assert_int_equal(spool_commit(b, outcome_note, &o), ERR_OK);
    }
    place_finish(&p, s);
    spool_close(s);
    off_t large = database_size(&p);
    s = place_start(&p);
    struct spool_batch *b = spool_batch_new(s);
    spool_batch_purge(b, 2, 0);
    assert_int_equal(spool_commit(b, outcome_note, &o), ERR_OK);
    place_finish(&p, s);
    assert_int_equal(o.purged, N);
    spool_close(s);
    assert_true(database_size(&p) < large / 2);
    place_remove(&p);
}

static void test_short_of_memory(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    struct spool *s = place_start(&p);
    // Each allocation in turn fails: the batch is refused, or done; a refused one leaves nothing.
    for (unsigned long n = 1; n < 40; n++) {
        struct sample x;
        int64_t id = spool_new_id(s);
        sample_fill(&x, id);
        mem_fail_at(n);
        struct spool_batch *b = spool_batch_new(s);
        int err = ERR_NOMEM;
        struct outcome o = {0};
        if (b != NULL) {
            spool_batch_message(b, &x.m);
            err = spool_commit(b, outcome_note, &o);
        }
        mem_fail_at(0);
        place_finish(&p, s);
        if (err == ERR_OK)
            err = o.err;
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        assert_int_equal(fetch(&p, s, id).err, err == ERR_OK ? ERR_OK : ERR_ABSENT);
        if (n == 1)
            assert_int_equal(err, ERR_NOMEM);
    }
    spool_close(s);
    place_remove(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keep),       cmocka_unit_test(test_group),
        cmocka_unit_test(test_duplicates), cmocka_unit_test(test_life),
        cmocka_unit_test(test_queries),    cmocka_unit_test(test_lock),
        cmocka_unit_test(test_format),     cmocka_unit_test(test_damage),
        cmocka_unit_test(test_give_back),  cmocka_unit_test(test_short_of_memory),
        cmocka_unit_test(test_transfers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

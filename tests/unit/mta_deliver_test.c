// SPDX-License-Identifier: BSD-2-Clause
// Delivery into a directory: items, names that are refused, and exactly once whatever moment the process is killed at.
#include "tests/unit/mta_spool_util.h"

#include <dirent.h>

#include "mta/deliver_dir.h"
#include "mta/diskspace.h"

static unsigned entries(const struct place *p, const char *folder) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", p->dir, folder);
    DIR *d = opendir(path);
    if (d == NULL)
        return 0;
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void target(const struct place *p, char out[128]) {
    snprintf(out, 128, "%s/out", p->dir);
}

static int write_item_file(struct deliver_item *it, const char *name, struct bytes b) {
    int err = deliver_item_file_open(it, name);
    if (err == ERR_OK)
        err = deliver_item_file_write(it, b);
    return err == ERR_OK ? deliver_item_file_close(it) : err;
}

static void expect_file(const struct place *p, const char *item, const char *file, const char *text) {
    char path[400], got[100] = "";
    snprintf(path, sizeof path, "%s/out/new/%s/%s", p->dir, item, file);
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, got, sizeof got - 1), strlen(text));
    assert_string_equal(got, text);
    close(fd);
}

static void test_name(void **state) {
    (void)state;
    char a[DELIVER_NAME], b[DELIVER_NAME];
    assert_int_equal(deliver_item_name(a, "[/PRMD=ACME/ADMD=GOLD 400/C=GB/;x-1.2]", "/S=a/"), ERR_OK);
    assert_non_null(strstr(a, "PRMD_ACME_ADMD_GOLD_400_C_GB_x-1.2_"));
    assert_int_equal(deliver_item_name(b, "[/PRMD=ACME/ADMD=GOLD 400/C=GB/;x-1.2]", "/S=a/"), ERR_OK);
    assert_string_equal(a, b);
    static const char *const others[][2] = {{"[/PRMD=ACME/ADMD=GOLD 400/C=GB/;x-1.2]", "/S=b/"},
                                            {"[/PRMD=ACME/ADMD=GOLD_400/C=GB/;x-1.2]", "/S=a/"},
                                            {"", ""},
                                            {"../../etc/passwd", "/S=a/"},
                                            {"\xc3\xa9\n..", "/S=a/"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(deliver_item_name(b, others[i][0], others[i][1]), ERR_OK);
        assert_string_not_equal(a, b);
        assert_int_not_equal(b[0], '.');
        assert_int_equal(strspn(b, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"), strlen(b));
    }
    char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(deliver_item_name(b, longest, longest), ERR_OK);
    assert_true(strlen(b) < DELIVER_NAME);
    // The boundary between the two texts counts.
    assert_int_equal(deliver_item_name(a, "ab", "c"), ERR_OK);
    assert_int_equal(deliver_item_name(b, "a", "bc"), ERR_OK);
    assert_string_not_equal(a, b);
}

static void test_item(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    char dir[128];
    target(&p, dir);
    struct deliver_item it;
    assert_int_equal(deliver_item_begin(&it, dir, "item"), ERR_OK);
    static const char *const bad[] = {"", ".", "..", "a/b", "/etc/passwd", "../x", "a\nb", "\x7f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(deliver_item_file_open(&it, bad[i]), ERR_SYNTAX);
    char longest[300];
    memset(longest, 'x', 256);
    longest[256] = 0;
    assert_int_equal(deliver_item_file_open(&it, longest), ERR_SYNTAX);
    longest[255] = 0;
    assert_int_equal(write_item_file(&it, longest, bytes_str("long")), ERR_OK);
    assert_int_equal(write_item_file(&it, "envelope.json", bytes_str("{}\n")), ERR_OK);
    assert_int_equal(write_item_file(&it, "envelope.json", bytes_str("{}\n")), ERR_EXISTS);
    assert_int_equal(deliver_item_file_open(&it, "body-1.txt"), ERR_OK);
    assert_int_equal(deliver_item_file_open(&it, "body-2.txt"), ERR_STATE);
    assert_int_equal(deliver_item_sync(&it), ERR_STATE);
    assert_int_equal(deliver_item_file_write(&it, bytes_str("two ")), ERR_OK);
    assert_int_equal(deliver_item_file_write(&it, bytes_str("pieces")), ERR_OK);
    assert_int_equal(deliver_item_file_close(&it), ERR_OK);
    assert_int_equal(deliver_item_file_write(&it, bytes_str("x")), ERR_STATE);
    assert_int_equal(deliver_item_sync(&it), ERR_OK);
    assert_int_equal(entries(&p, "out/new"), 0);
    assert_int_equal(deliver_item_publish(dir, "item"), ERR_OK);
    assert_int_equal(entries(&p, "out/tmp"), 0);
    assert_int_equal(entries(&p, "out/new/item"), 3);
    expect_file(&p, "item", "envelope.json", "{}\n");
    expect_file(&p, "item", "body-1.txt", "two pieces");
    assert_int_equal(deliver_item_publish(dir, "item"), ERR_OK); // again, after a restart
    assert_int_equal(deliver_item_begin(&it, dir, "item"), ERR_EXISTS);

    assert_int_equal(deliver_item_begin(&it, dir, "second"), ERR_OK); // and a way out
    assert_int_equal(deliver_item_file_open(&it, "body-1.txt"), ERR_OK);
    deliver_item_discard(&it);
    assert_int_equal(entries(&p, "out/tmp"), 0);
    assert_int_equal(deliver_item_begin(&it, dir, "a/b"), ERR_SYNTAX);
    assert_int_equal(deliver_item_publish(dir, "../new/item"), ERR_SYNTAX);
    assert_int_equal(deliver_item_begin(&it, "/nonexistent/dir", "x"), ERR_SYSTEM);
    assert_int_equal(deliver_item_publish("/nonexistent/dir", "x"), ERR_SYSTEM);
    place_remove(&p);
}

static void test_symlinks(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    char dir[128], path[200], outside[160];
    target(&p, dir);
    struct deliver_item it;
    assert_int_equal(deliver_item_begin(&it, dir, "first"), ERR_OK);
    deliver_item_discard(&it);
    snprintf(outside, sizeof outside, "%s/outside", p.dir);
    assert_int_equal(mkdir(outside, 0700), 0);
    snprintf(path, sizeof path, "%s/precious", outside);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    // Someone put a link where our item goes: it is taken away, what it points to is not touched.
    snprintf(path, sizeof path, "%s/tmp/item", dir);
    assert_int_equal(symlink(outside, path), 0);
    assert_int_equal(deliver_item_begin(&it, dir, "item"), ERR_OK);
    assert_int_equal(write_item_file(&it, "f", bytes_str("x")), ERR_OK);
    deliver_item_discard(&it);
    assert_int_equal(entries(&p, "outside"), 1);
    // new/ being a link is refused before anything is moved through it.
    assert_int_equal(deliver_item_begin(&it, dir, "moved"), ERR_OK);
    assert_int_equal(deliver_item_sync(&it), ERR_OK);
    snprintf(path, sizeof path, "%s/new", dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(outside, path), 0);
    assert_int_equal(deliver_item_publish(dir, "moved"), ERR_SYSTEM);
    assert_int_equal(entries(&p, "outside"), 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(deliver_item_publish(dir, "moved"), ERR_OK);
    // tmp/ itself being a link is refused.
    snprintf(path, sizeof path, "%s/tmp", dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(outside, path), 0);
    assert_int_equal(deliver_item_begin(&it, dir, "item"), ERR_SYSTEM);
    assert_int_equal(entries(&p, "outside"), 1);
    place_remove(&p);
}

// --- killed at each step ---

enum { STEPS = 9 };

static void step(int *left) {
    if (--*left < 0)
        kill(getpid(), SIGKILL);
}

static void build(const char *dir, const char *name, int *left) {
    struct deliver_item it;
    assert_int_equal(deliver_item_begin(&it, dir, name), ERR_OK);
    step(left);
    assert_int_equal(write_item_file(&it, "envelope.json", bytes_str("{}\n")), ERR_OK);
    step(left);
    assert_int_equal(deliver_item_file_open(&it, "body-1.txt"), ERR_OK);
    assert_int_equal(deliver_item_file_write(&it, bytes_str("hello ")), ERR_OK);
    step(left);
    assert_int_equal(deliver_item_file_write(&it, bytes_str("world")), ERR_OK);
    assert_int_equal(deliver_item_file_close(&it), ERR_OK);
    step(left);
    assert_int_equal(deliver_item_sync(&it), ERR_OK);
    step(left);
}

static void commit_done(struct place *p, struct spool *s, int64_t message) {
    struct spool_batch *b = spool_batch_new(s);
    struct spool_recipient r = {.number = 1, .state = SPOOL_RCPT_DELIVERED, .reason = -1, .diagnostic = -1};
    spool_batch_delivered(b, message, 1);
    spool_batch_recipient(b, message, &r);
    assert_int_equal(place_commit(p, s, b), ERR_OK);
}

static void deliver(struct place *p, struct spool *s, const char *dir, int64_t message, int *left) {
    char name[DELIVER_NAME];
    assert_int_equal(deliver_item_name(name, "id", "rcpt"), ERR_OK);
    build(dir, name, left);
    struct spool_batch *b = spool_batch_new(s);
    spool_batch_intent(b, &(struct spool_intent){.message = message, .number = 1, .dir = dir, .name = name});
    assert_int_equal(place_commit(p, s, b), ERR_OK);
    step(left);
    assert_int_equal(deliver_item_publish(dir, name), ERR_OK);
    step(left);
    commit_done(p, s, message);
    step(left);
}

struct restart {
    char name[DELIVER_NAME], dir[128];
    int64_t message;
    enum spool_rcpt_state state;
    int intents;
};

static void note_intent(void *arg, const struct spool_intent *i) {
    struct restart *r = arg;
    snprintf(r->name, sizeof r->name, "%s", i->name);
    snprintf(r->dir, sizeof r->dir, "%s", i->dir);
    r->intents++;
}

static void note_message(void *arg, const struct spool_message *m) {
    struct restart *r = arg;
    r->message = m->id;
    r->state = m->recipients[0].state;
}

static bool is_intended(void *arg, const char *name) {
    return strcmp(((struct restart *)arg)->name, name) == 0;
}

// What a daemon does when it starts.
static void start_again(struct place *p, const char *dir) {
    struct restart r = {0};
    struct spool *s = place_open(p);
    int64_t last;
    assert_int_equal(spool_load(s, 0, 10, note_message, &r, &last), ERR_OK);
    assert_int_equal(spool_load_intents(s, note_intent, &r), ERR_OK);
    assert_true(r.intents <= 1);
    assert_int_equal(spool_start(s), ERR_OK);
    assert_true(deliver_dir_clean(dir, is_intended, &r) >= 0);
    int never = STEPS + 100;
    if (r.intents == 1) {
        assert_int_equal(deliver_item_publish(r.dir, r.name), ERR_OK);
        commit_done(p, s, r.message);
    } else if (r.state != SPOOL_RCPT_DELIVERED) {
        deliver(p, s, dir, r.message, &never);
    }
    spool_close(s);
}

static bool nothing_kept(void *arg, const char *name) {
    (void)arg, (void)name;
    return false;
}

static void test_kill(void **state) {
    (void)state;
    unsigned redelivered = 0;
    // In the second half a reader takes the item out of new/ as soon as it is there, before the restart.
    for (int at = 0; at < 2 * STEPS; at++) {
        struct place p;
        place_make(&p);
        char dir[128], from[300], name[DELIVER_NAME], taken[160];
        target(&p, dir);
        struct spool *s = place_start(&p);
        int64_t message = sample_add(&p, s);
        spool_close(s);
        pid_t child = fork();
        if (child == 0) {
            int left = at % STEPS;
            s = place_start(&p);
            deliver(&p, s, dir, message, &left);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(at % STEPS == STEPS - 1 ? WIFEXITED(status) : WIFSIGNALED(status));
        assert_int_equal(deliver_item_name(name, "id", "rcpt"), ERR_OK);
        snprintf(from, sizeof from, "%s/new/%s", dir, name);
        snprintf(taken, sizeof taken, "%s/taken", p.dir);
        unsigned there = at >= STEPS && rename(from, taken) == 0;
        start_again(&p, dir);
        start_again(&p, dir); // and again: nothing more happens
        assert_int_equal(entries(&p, "out/new") + there, 1);
        assert_int_equal(entries(&p, "out/tmp"), 0);
        if (!there) {
            expect_file(&p, name, "envelope.json", "{}\n");
            expect_file(&p, name, "body-1.txt", "hello world");
        }
        redelivered += there;
        assert_int_equal(deliver_dir_clean(dir, nothing_kept, NULL), 0);
        place_remove(&p);
    }
    assert_true(redelivered > 0); // the reader did come first in some
}

static void test_intent_name(void **state) {
    (void)state;
    struct place p;
    place_make(&p);
    struct spool *s = place_start(&p);
    int64_t a = sample_add(&p, s), b = sample_add(&p, s);
    struct spool_batch *first = spool_batch_new(s), *second = spool_batch_new(s);
    spool_batch_intent(first, &(struct spool_intent){.message = a, .number = 1, .dir = "/d", .name = "n"});
    spool_batch_intent(second, &(struct spool_intent){.message = b, .number = 1, .dir = "/d", .name = "n"});
    assert_int_equal(place_commit(&p, s, first), ERR_OK);
    assert_int_equal(place_commit(&p, s, second), ERR_EXISTS);
    spool_close(s);
    place_remove(&p);
}

static void test_diskspace(void **state) {
    (void)state;
    struct diskspace d;
    diskspace_init(&d);
    const uint64_t mb = 1 << 20;
    struct diskspace_sample s = {.size = 10000 * mb, .free = 501 * mb, .inodes = 1000, .inodes_free = 51};
    assert_false(diskspace_low(&d, &s));
    s.free = 499 * mb;
    assert_true(diskspace_low(&d, &s));
    s.free = 520 * mb; // above the reserve, but not yet by a tenth
    assert_true(diskspace_low(&d, &s));
    s.free = 551 * mb;
    s.inodes_free = 56;
    assert_false(diskspace_low(&d, &s));
    s.inodes_free = 49;
    assert_true(diskspace_low(&d, &s));
    s.inodes_free = 1000;
    assert_false(diskspace_low(&d, &s));
    s.size = 1000 * mb; // 5 % would be 50 MB
    s.free = 255 * mb;
    assert_true(diskspace_low(&d, &s));
    d = (struct diskspace){.percent = 5, .minimum = 0};
    s.inodes = s.inodes_free = 0; // not counted
    assert_false(diskspace_low(&d, &s));
    struct place p;
    place_make(&p);
    int dir = open(p.dir, O_RDONLY | O_DIRECTORY);
    assert_int_equal(diskspace_measure(dir, &s), ERR_OK);
    assert_true(s.size > 0 && s.free <= s.size);
    close(dir);
    assert_int_equal(diskspace_measure(-1, &s), ERR_SYSTEM);
    place_remove(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name), cmocka_unit_test(test_item),        cmocka_unit_test(test_symlinks),
        cmocka_unit_test(test_kill), cmocka_unit_test(test_intent_name), cmocka_unit_test(test_diskspace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

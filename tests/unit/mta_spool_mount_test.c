// SPDX-License-Identifier: BSD-2-Clause
// On what file system a spool lies, and whose it is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "mta/spool_lock.h"
#include "mta/spool_mount.h"

static const char sample[] = "21 26 0:20 / /proc rw,nosuid shared:12 - proc proc rw\n"
                             "26 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                             "40 26 0:40 / /srv rw shared:5 master:2 propagate_from:3 - xfs /dev/sdb rw\n"
                             "41 40 0:41 / /srv/mail rw - nfs4 server:/export rw,vers=4.2\n"
                             "42 41 0:42 / /srv/mail/local rw - ext4 /dev/sdc rw\n"
                             "43 26 0:43 /sub /mnt/with\\040blank\\011tab\\134back rw - cifs //server/share rw\n"
                             "44 26 0:44 / /over rw - nfs server:/a rw\n"
                             "45 26 0:45 / /over rw - ext4 /dev/sdd rw\n"
                             "46 26 0:46 / /under rw - ext4 /dev/sde rw\n"
                             "47 26 0:47 / /under rw - fuse.sshfs user@host: rw,user_id=0\n"
                             "48 26 0:48 / /trailing rw - fuse.glusterfs server:/vol rw"; // without a line end

static void look(const char *path, const char *type, const char *point) {
    char found[MOUNT_TYPE], at[MOUNT_POINT];
    assert_true(spool_mount_find(bytes_of(sample, sizeof sample - 1), path, found, at));
    assert_string_equal(found, type);
    assert_string_equal(at, point);
}

static void test_longest_mount_point(void **state) {
    (void)state;
    look("/", "ext4", "/");
    look("/var/spool", "ext4", "/");
    look("/srv", "xfs", "/srv");
    look("/srvx/spool", "ext4", "/"); // not below /srv
    look("/srv/mailx", "xfs", "/srv");
    look("/srv/mail", "nfs4", "/srv/mail");
    look("/srv/mail/spool", "nfs4", "/srv/mail");
    look("/srv/mail/local/spool", "ext4", "/srv/mail/local");
    look("/trailing/spool", "fuse.glusterfs", "/trailing");
}

static void test_escapes(void **state) {
    (void)state;
    look("/mnt/with blank\ttab\\back/spool", "cifs", "/mnt/with blank\ttab\\back");
    look("/mnt/with\\040blank", "ext4", "/");
}

static void test_last_mount_lies_on_top(void **state) {
    (void)state;
    look("/over/spool", "ext4", "/over");
    look("/under/spool", "fuse.sshfs", "/under");
}

static void test_broken_lines(void **state) {
    (void)state;
    char type[MOUNT_TYPE], point[MOUNT_POINT];
    static const char *const broken[] = {"",
                                         "\n\n\n",
                                         "26",
                                         "26 1 8:1 /",
                                         "26 1 8:1 / / rw,relatime shared:1 ext4 /dev/sda1 rw\n", // no separator
                                         "26 1 8:1 / / rw -",
                                         "26 1 8:1 / relative rw - nfs a b\n"};
    for (size_t k = 0; k < sizeof broken / sizeof *broken; k++)
        assert_false(spool_mount_find(bytes_of(broken[k], strlen(broken[k])), "/srv", type, point));
    // A long mount point is cut for the message, and compared whole; a long type is cut.
    char line[2000], path[1200] = "/";
    memset(path + 1, 'p', 1000);
    snprintf(line, sizeof line, "1 2 0:1 / / rw - ext4 x rw\n3 4 0:2 / %s rw - nfs%0200d x rw\n", path, 4);
    assert_true(spool_mount_find(bytes_of(line, strlen(line)), path, type, point));
    assert_int_equal(strlen(point), MOUNT_POINT - 1);
    assert_int_equal(strlen(type), MOUNT_TYPE - 1);
    path[1000] = 0; // one letter less: another folder
    assert_true(spool_mount_find(bytes_of(line, strlen(line)), path, type, point));
    assert_string_equal(type, "ext4");
}

static void test_types(void **state) {
    (void)state;
    static const char *const network[] = {"nfs",       "nfs4",   "cifs",     "smb3",       "9p",
                                          "ceph",      "afs",    "virtiofs", "fuse.sshfs", "fuse.glusterfs",
                                          "fuse.ceph", "lustre", "vboxsf"};
    static const char *const local[] = {"ext2",        "ext3",  "ext4", "xfs",   "btrfs",   "zfs",
                                        "f2fs",        "tmpfs", "gfs2", "ocfs2", "overlay", "fuseblk",
                                        "fuse.bindfs", "fuse",  "",     "nfsd",  "ramfs",   "fuse.ext4"};
    for (size_t k = 0; k < sizeof network / sizeof *network; k++)
        assert_true(spool_mount_is_network(network[k]));
    for (size_t k = 0; k < sizeof local / sizeof *local; k++)
        assert_false(spool_mount_is_network(local[k]));
}

static int folder(char path[64]) {
    snprintf(path, 64, "spool_mount_test.XXXXXX");
    assert_non_null(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void folder_remove(const char *path, int fd) {
    unlinkat(fd, "lock", 0);
    close(fd);
    assert_int_equal(rmdir(path), 0);
}

static void test_this_machine(void **state) {
    (void)state;
    char path[64], type[MOUNT_TYPE], point[MOUNT_POINT];
    int fd = folder(path);
    bool allowed = spool_mount_allowed(fd, type, point);
    assert_int_equal(allowed, !spool_mount_is_network(type));
    assert_true(type[0] != 0 && point[0] == '/');
    folder_remove(path, fd);
}

// ---- the lock ----

static void test_lock_and_owner(void **state) {
    (void)state;
    char path[64], why[200], text[160], host[SPOOL_HOST] = "", expected[160];
    struct spool_owner owner;
    int first = folder(path), second = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int lock = spool_lock_take(first, &owner, why);
    assert_true(lock >= 0);
    assert_int_equal(spool_lock_take(second, &owner, why), ERR_BUSY);
    gethostname(host, sizeof host - 1);
    assert_string_equal(owner.host, host);
    assert_int_equal(owner.pid, getpid());
    assert_int_equal(strlen(owner.since), 20);
    spool_owner_text(&owner, text);
    snprintf(expected, sizeof expected, "process %ld on %s since %s", (long)getpid(), host, owner.since);
    assert_string_equal(text, expected);
    assert_int_equal(unlinkat(first, "lock", 0), 0); // the file is not the lock
    assert_int_equal(spool_lock_take(second, &owner, why), ERR_BUSY);
    spool_owner_text(&owner, text);
    assert_string_equal(text, "an unknown process");
    spool_lock_release(lock);
    close(first);
    lock = spool_lock_take(second, &owner, why);
    assert_true(lock >= 0);
    spool_lock_release(lock);
    folder_remove(path, second);
}

// The record is for messages only: nothing that stands there is believed, and its age does not matter.
static void test_record_decides_nothing(void **state) {
    (void)state;
    static const char *const records[] = {
        "",          "process 1 on old since 1999-01-01T00:00:00Z\n", "\x1b[2Jprocess",
        "process x", "process 99999999999999999999 on h since t",     "\n\n"};
    for (size_t k = 0; k < sizeof records / sizeof *records; k++) {
        char path[64], why[200], text[160];
        struct spool_owner owner;
        int dir = folder(path), fd = openat(dir, "lock", O_WRONLY | O_CREAT, 0600);
        assert_true(write(fd, records[k], strlen(records[k])) >= 0);
        int lock = spool_lock_take(dir, &owner, why); // nobody holds it, whatever is written
        assert_true(lock >= 0);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_true(pwrite(fd, records[k], strlen(records[k]), 0) >= 0);
        int other = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(spool_lock_take(other, &owner, why), ERR_BUSY); // and the other way round
        spool_owner_text(&owner, text);
        for (const char *c = text; *c != 0; c++)
            assert_true(*c >= ' ' && *c <= '~');
        close(fd), close(other);
        spool_lock_release(lock);
        folder_remove(path, dir);
    }
}

// It ends with its holder, however that ends.
static void test_lock_of_a_killed_holder(void **state) {
    (void)state;
    char path[64], why[200], ready;
    struct spool_owner owner;
    int fds[2], dir = folder(path);
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        int own = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (own >= 0 && spool_lock_take(own, &owner, why) >= 0 && write(fds[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(fds[0], &ready, 1), 1);
    assert_int_equal(spool_lock_take(dir, &owner, why), ERR_BUSY);
    assert_int_equal(owner.pid, child);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    int lock = spool_lock_take(dir, &owner, why);
    assert_true(lock >= 0);
    spool_lock_release(lock);
    close(fds[0]), close(fds[1]);
    folder_remove(path, dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_mount_point),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_last_mount_lies_on_top),
        cmocka_unit_test(test_broken_lines),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_this_machine),
        cmocka_unit_test(test_lock_and_owner),
        cmocka_unit_test(test_record_decides_nothing),
        cmocka_unit_test(test_lock_of_a_killed_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

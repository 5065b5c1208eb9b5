// SPDX-License-Identifier: BSD-2-Clause
// What the parts of content_file share: the thread's folders, small wrappers of system calls that go on
// after an interruption and tell a full disk from other failures.
#ifndef MTA_CONTENT_FILE_INTERNAL_H
#define MTA_CONTENT_FILE_INTERNAL_H

#include <errno.h>

#include "base/err.h"
#include "mta/content_file.h"

struct file_thread {
    struct workq jobs, done;
    pthread_t thread;
    int dir, content, tmp; // descriptors; dir is the caller's
};

// Runs w in the loop, from file_thread_completions. Any thread.
void file_thread_answer(struct file_thread *t, struct work *w);

static inline int content_error(int e) {
    return e == ENOSPC || e == EDQUOT || e == EFBIG ? ERR_BUSY : ERR_SYSTEM;
}
bool content_name_ok(const char *name);
int content_write_all(int fd, const void *p, size_t n);
ptrdiff_t content_read_some(int fd, void *to, size_t n); // octets, 0 at the end, or an error

#endif

// SPDX-License-Identifier: BSD-2-Clause
// The file thread and what its jobs are made of. Jobs run one after the other, in the order they were posted; a long
// one gives way by posting itself again. Nothing but the two queues is shared with the loop: a job belongs to the side
// that has it.
#include "mta/content_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "mta/content_file_internal.h"

static void job_done(struct work *w) {
    struct file_job *j = (struct file_job *)w;
    j->done(j);
}

static void job_run(struct work *w) {
    struct file_job *j = (struct file_job *)w;
    j->again = false;
    j->run(j);
    if (j->again) {
        workq_post(&j->thread->jobs, w);
        return;
    }
    w->run = job_done;
    workq_post(&j->thread->done, w);
}

void file_job_post(struct file_thread *t, struct file_job *j) {
    j->thread = t;
    j->work.run = job_run;
    workq_post(&t->jobs, &j->work);
}

void file_job_again(struct file_job *j) {
    j->again = true;
}

void file_thread_answer(struct file_thread *t, struct work *w) {
    workq_post(&t->done, w);
}

static void run_list(struct work *list) {
    for (struct work *next; list != NULL; list = next) {
        next = list->next;
        list->run(list);
    }
}

static void *thread_main(void *arg) {
    struct file_thread *t = arg;
    for (struct work *list; (list = workq_wait(&t->jobs)) != NULL;)
        run_list(list);
    return NULL;
}

static int open_folder(int dir, const char *name) {
    if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
        return -1;
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static void close_folders(struct file_thread *t) {
    if (t->content >= 0)
        close(t->content);
    if (t->tmp >= 0)
        close(t->tmp);
}

struct file_thread *file_thread_new(int dirfd, void (*notify)(void *arg), void *notify_arg) {
    struct file_thread *t = mem_calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->dir = dirfd;
    t->content = open_folder(dirfd, "content");
    t->tmp = open_folder(dirfd, "tmp");
    if (t->content < 0 || t->tmp < 0 || workq_init(&t->jobs, NULL, NULL) < 0)
        goto no_jobs;
    if (workq_init(&t->done, notify, notify_arg) < 0)
        goto no_done;
    if (pthread_create(&t->thread, NULL, thread_main, t) == 0)
        return t;
    workq_destroy(&t->done);
no_done:
    workq_destroy(&t->jobs);
no_jobs:
    close_folders(t);
    mem_free(t);
    return NULL;
}

void file_thread_completions(struct file_thread *t) {
    workq_run_turn(&t->done);
}

void file_thread_free(struct file_thread *t) {
    if (t == NULL)
        return;
    workq_close(&t->jobs);
    pthread_join(t->thread, NULL);
    // A last answer may post a last job (a freed writer removes its file): nobody else would run it any more.
    for (struct work *list; (list = workq_take(&t->done)) != NULL || (list = workq_take(&t->jobs)) != NULL;)
        run_list(list);
    workq_destroy(&t->done);
    workq_destroy(&t->jobs);
    close_folders(t);
    mem_free(t);
}

int file_thread_dirfd(const struct file_thread *t) {
    return t->dir;
}

// --- system calls ---

bool content_name_ok(const char *name) {
    size_t n = strnlen(name, CONTENT_NAME);
    return n > 0 && n < CONTENT_NAME && strspn(name, "0123456789abcdef") == n;
}

int content_write_all(int fd, const void *p, size_t n) {
    for (const uint8_t *at = p; n > 0;) {
        ssize_t put = write(fd, at, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return content_error(errno);
        at += put;
        n -= (size_t)put;
    }
    return ERR_OK;
}

ptrdiff_t content_read_some(int fd, void *to, size_t n) {
    for (;;) {
        ssize_t got = read(fd, to, n);
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return ERR_SYSTEM;
    }
}

// --- removing ---

struct removal {
    struct file_job job;
    char name[CONTENT_NAME];
    bool half;
};

// A failure leaves an orphan, which the next start removes.
static void removal_run(struct file_job *j) {
    const struct removal *r = (struct removal *)j;
    unlinkat(r->half ? j->thread->tmp : j->thread->content, r->name, 0);
}

static void removal_done(struct file_job *j) {
    mem_free(j);
}

static int remove_soon(struct file_thread *t, const char *name, bool half) {
    if (!content_name_ok(name))
        return ERR_SYNTAX;
    struct removal *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return ERR_NOMEM;
    r->job.run = removal_run;
    r->job.done = removal_done;
    r->half = half;
    snprintf(r->name, sizeof r->name, "%s", name);
    file_job_post(t, &r->job);
    return ERR_OK;
}

int content_delete(struct file_thread *t, const struct content_ref *ref) {
    return ref->file[0] == 0 ? ERR_OK : remove_soon(t, ref->file, false);
}

int content_delete_half(struct file_thread *t, const char *file) {
    return remove_soon(t, file, true);
}

// SPDX-License-Identifier: BSD-2-Clause
// For the tests of the command: a daemon that answers as it is told, on a socket of a folder of its own, and the
// command run in this process with its streams caught.
#ifndef CLI_UTIL_H
#define CLI_UTIL_H

#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdpass.h"
#include "cli/cli.h"

enum { FAKE_EXCHANGES = 16, FAKE_CONTENT_MAX = 1 << 20, FAKE_NOW_S = 1795170876 }; // 2026-11-20 10:34:36

struct fake {
    char dir[64], path[80];
    int fd;
    pthread_t thread;
    struct {
        const char *want, *answer; // JSON lines; want NULL: whatever comes; answer NULL: closes the connection
        int answer_fd;             // goes along, -1: none
    } exchange[FAKE_EXCHANGES];
    size_t n, done;
    char *last;       // the request that came last
    char *wrong;      // the first request that was not what was wanted
    uint8_t *content; // of the descriptor that came with the last request that had one; NULL: too much to keep
    size_t content_size;
};

static inline void fake_open(struct fake *f) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    *f = (struct fake){.dir = "/tmp/x400-cli-test-XXXXXX"};
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/socket", f->dir);
    memcpy(sa.sun_path, f->path, strlen(f->path) + 1);
    f->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(f->fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(listen(f->fd, 4), 0);
}

static inline void fake_add(struct fake *f, const char *want, const char *answer) {
    assert_true(f->n < FAKE_EXCHANGES);
    f->exchange[f->n].want = want;
    f->exchange[f->n].answer = answer;
    f->exchange[f->n++].answer_fd = -1;
}

static inline void fake_take_content(struct fake *f, int fd) {
    struct stat st;
    if (fstat(fd, &st) == 0)
        f->content_size = (size_t)st.st_size;
    if (f->content_size < FAKE_CONTENT_MAX) {
        free(f->content);
        f->content = malloc(f->content_size + 1);
        if (f->content == NULL || pread(fd, f->content, f->content_size, 0) != st.st_size)
            f->content_size = 0;
    }
    close(fd);
}

// One line with its descriptor, or NULL.
static inline char *fake_line(struct fake *f, int fd) {
    size_t cap = 1 << 20, n = 0;
    char *line = malloc(cap);
    while (line != NULL && n + 1 < cap) {
        int in = -1;
        ssize_t got = fd_receive(fd, line + n, cap - n - 1, &in);
        if (got <= 0)
            break;
        if (in >= 0)
            fake_take_content(f, in);
        n += (size_t)got;
        if (line[n - 1] == '\n') {
            line[n - 1] = 0;
            return line;
        }
    }
    free(line);
    return NULL;
}

static inline void fake_answer(int fd, const char *text, int fd_out) {
    if (fd_send(fd, bytes_str(text), fd_out) < 0 || fd_send(fd, bytes_str("\n"), -1) < 0)
        perror("the fake daemon");
}

static inline bool fake_same(const char *want, const char *got) {
    json_t *a = json_loads(want, 0, NULL), *b = json_loads(got, 0, NULL);
    bool same = a != NULL && b != NULL && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return same;
}

static inline void *fake_run(void *arg) {
    struct fake *f = arg;
    int fd = accept(f->fd, NULL, NULL);
    for (; f->done < f->n && fd >= 0; f->done++) {
        char *line = fake_line(f, fd);
        if (line == NULL)
            break;
        free(f->last);
        f->last = line;
        if (f->exchange[f->done].want != NULL && f->wrong == NULL && !fake_same(f->exchange[f->done].want, line))
            f->wrong = strdup(line);
        if (f->exchange[f->done].answer == NULL) {
            f->done++;
            break;
        }
        fake_answer(fd, f->exchange[f->done].answer, f->exchange[f->done].answer_fd);
    }
    if (fd >= 0)
        close(fd);
    return NULL;
}

static inline void fake_start(struct fake *f) {
    if (f->n > 0)
        assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

// All exchanges took place as wanted.
static inline void fake_join(struct fake *f) {
    if (f->n > 0) {
        shutdown(f->fd, SHUT_RDWR); // a command that never called
        pthread_join(f->thread, NULL);
    }
    if (f->wrong != NULL)
        fail_msg("the request was %s", f->wrong);
    assert_int_equal(f->done, f->n);
}

static inline void fake_close(struct fake *f) {
    close(f->fd);
    unlink(f->path);
    rmdir(f->dir);
    free(f->last);
    free(f->wrong);
    free(f->content);
}

// ---- the command ----

struct ran {
    int status;
    char *out; // both streams, in order
    size_t size;
};

struct how {
    const char *in; // standard input, NULL: empty
    bool terminal;  // standard input and error are one
    bool colour;
};

static inline struct ran run_command(const struct how *how, int argc, char *const *argv) {
    struct ran r = {0};
    struct cli c = {.now_ms = (int64_t)FAKE_NOW_S * 1000};
    setenv("TZ", "UTC", 1);
    tzset();
    setlocale(LC_CTYPE, "C.UTF-8");
    c.in = tmpfile();
    c.out = c.err = open_memstream(&r.out, &r.size);
    assert_non_null(c.in);
    assert_non_null(c.out);
    if (how->in != NULL)
        fputs(how->in, c.in);
    rewind(c.in);
    c.in_terminal = c.err_terminal = how->terminal;
    c.colour = how->colour;
    r.status = cli_main(&c, argc, argv);
    fclose(c.in);
    fclose(c.out);
    return r;
}

// The words of a line: separated by blanks, "quoted" where they hold some. line is changed.
static inline int split_words(char *line, char **words, int max) {
    int n = 0;
    for (char *p = line; *p != 0 && n < max;) {
        p += strspn(p, " ");
        if (*p == 0)
            break;
        bool quoted = *p == '"';
        words[n++] = p + quoted;
        p += quoted;
        p += strcspn(p, quoted ? "\"" : " ");
        if (*p != 0)
            *p++ = 0;
    }
    return n;
}

#endif

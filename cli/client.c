// SPDX-License-Identifier: BSD-2-Clause
#include "cli/client.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "conf/conf.h"

enum { ANSWER_MAX = 256 << 20, ANSWER_SECONDS = 300, SLOW_MS = 2000 };

static const char *const options[] = {"status", "submit", "control"};
static const char *const defaults[] = {"/run/x400/status", "/run/x400/submit", "/run/x400/control"};

#define SOCKET_OPTIONS(least)                                                                                          \
    {.name = "file",                                                                                                   \
     .letter = 'f',                                                                                                    \
     .value = "FILE",                                                                                                  \
     .help = "the daemon's configuration, which names its sockets\n(" X400D_SYSCONFDIR "/x400d.conf)"},                \
    {                                                                                                                  \
        .name = #least, .value = "PATH", .help = "use this " #least " socket, without reading the configuration"       \
    }

const struct option option_status_socket[] = {SOCKET_OPTIONS(status), {0}};
const struct option option_submit_socket[] = {SOCKET_OPTIONS(submit), {0}};
const struct option option_control_socket[] = {SOCKET_OPTIONS(control), {0}};
const struct option option_json[] = {{.name = "json", .help = "the daemon's answer as JSON"}, {0}};

// ---- which socket ----

// The path of the configuration, or the default. *guessed: the configuration did not say.
static const char *find_path(struct cli *c, const struct args *a, enum client_socket least, bool *guessed) {
    const char *file = args_get(a, "file"), *path = args_get(a, options[least]);
    *guessed = false;
    if (path != NULL)
        return path;
    struct conf_errors errors;
    struct conf *conf = conf_load_sockets(file != NULL ? file : X400D_SYSCONFDIR "/x400d.conf", &errors);
    if (conf != NULL) {
        const struct conf_mta *m = &conf->mta;
        path = least == CLIENT_STATUS ? m->status.path : least == CLIENT_SUBMIT ? m->submit.path : m->control.path;
        path = arena_strdup(c->arena, path);
    } else if (file != NULL) { // asked for by name: its errors are what the user wants to know
        conf_errors_print(&errors, c->err);
        cli_fail(c, "the configuration %s does not name the socket; --%s PATH gives it", file, options[least]);
    } else {
        *guessed = true;
        path = defaults[least];
    }
    conf_errors_free(&errors);
    conf_free(conf);
    return path;
}

// ---- connecting ----

// Who may use the socket, and who we are: what a refused permission needs.
static void explain_permission(const struct cli *c, const char *path) {
    struct stat st;
    if (stat(path, &st) < 0) {
        fprintf(c->err, "  a folder above it is closed to you: ask its owner\n");
        return;
    }
    const struct passwd *p = getpwuid(st.st_uid);
    const struct group *g = getgrgid(st.st_gid);
    char owner[32], group[32];
    snprintf(owner, sizeof owner, "%u", (unsigned)st.st_uid);
    snprintf(group, sizeof group, "%u", (unsigned)st.st_gid);
    const char *group_name = g == NULL ? group : g->gr_name;
    fprintf(c->err, "  it is of user %s, group %s, mode %03o: ", p == NULL ? owner : p->pw_name, group_name,
            (unsigned)st.st_mode & 0777);
    if (st.st_mode & S_IWGRP)
        fprintf(c->err, "are you in the group %s?\n", group_name);
    else
        fprintf(c->err, "only its owner may use it\n");
}

static int explain(const struct cli *c, const struct args *a, const char *path, bool guessed,
                   enum client_socket least) {
    int e = errno;
    cli_fail(c, "the daemon's %s socket %s: %s", options[least], path, strerror(e));
    if (e == EACCES || e == EPERM)
        explain_permission(c, path);
    else if (e == ENOENT || e == ECONNREFUSED)
        fprintf(c->err, "  is x400d running%s?\n", args_has(a, "file") ? " with this configuration" : "");
    if (guessed)
        fprintf(c->err,
                "  this is the default path, because " X400D_SYSCONFDIR "/x400d.conf could not be read:\n"
                "  -f FILE names another configuration, --%s PATH the socket\n",
                options[least]);
    return CLI_FAILED;
}

int client_open(struct client *d, struct cli *c, const struct args *a, enum client_socket least) {
    bool guessed;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct timeval timeout = {.tv_sec = ANSWER_SECONDS};
    const char *path = find_path(c, a, least, &guessed);
    *d = (struct client){.c = c, .fd = -1, .path = path};
    if (path == NULL)
        return CLI_FAILED;
    if (strlen(path) >= sizeof sa.sun_path)
        return cli_fail(c, "the path of the socket is longer than %zu octets: %s", sizeof sa.sun_path - 1, path);
    memcpy(sa.sun_path, path, strlen(path) + 1);
    d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (d->fd < 0 || connect(d->fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
        explain(c, a, path, guessed, least);
        client_close(d);
        return CLI_FAILED;
    }
    if (least != CLIENT_SUBMIT) // storing a large content may take its time
        setsockopt(d->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return CLI_DONE;
}

void client_close(struct client *d) {
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
    buf_free(&d->in);
}

// ---- one request ----

static int send_all(struct client *d, const char *text, size_t n, int fd) {
    while (n > 0) {
        ssize_t sent = fd_send(d->fd, bytes_of(text, n), fd);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        fd = -1;
        text += sent;
        n -= (size_t)sent;
    }
    return 0;
}

// Reads up to the end of the line. Octets of the line, or -1 and *why.
static ssize_t read_line(struct client *d, int *fd_in, const char **why) {
    size_t seen = 0;
    for (;;) {
        struct bytes b = buf_bytes(&d->in);
        const uint8_t *end = b.n == seen ? NULL : memchr(b.p + seen, '\n', b.n - seen);
        if (end != NULL)
            return end - b.p;
        seen = b.n;
        char piece[65536];
        ssize_t got = fd_receive(d->fd, piece, sizeof piece, fd_in);
        if (got < 0 && errno == EINTR)
            continue;
        *why = got == 0                                               ? "it closed the connection without an answer"
               : got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? "no answer for 5 minutes"
               : got < 0                                              ? strerror(errno)
               : b.n + (size_t)got > ANSWER_MAX                       ? "the answer is too long"
               : buf_append(&d->in, piece, (size_t)got) < 0           ? "memory is short"
                                                                      : NULL;
        if (*why != NULL)
            return -1;
    }
}

static json_t *result_of(struct client *d, json_t *answer, const char *why) {
    json_t *result = NULL;
    if (json_is_true(json_object_get(answer, "ok")))
        result = json_incref(json_object_get(answer, "result"));
    else if (*json_text(answer, "error") != 0) { // it may have several lines: those of a configuration
        fprintf(d->c->err, "x400 %s: %s%s", d->c->command, json_text(answer, "error"),
                json_text(answer, "error")[strlen(json_text(answer, "error")) - 1] == '\n' ? "" : "\n");
        return NULL;
    }
    if (result == NULL)
        cli_fail(d->c, "what answers on %s does not speak as x400d does: %s", d->path, why);
    return result;
}

// On a terminal, an answer that takes its time is seen to be waited for.
static ssize_t wait_for_line(struct client *d, int *fd_in, const char **why) {
    struct pollfd p = {.fd = d->fd, .events = POLLIN};
    const struct cli *c = d->c;
    bool slow = c->err_terminal && d->in.len == 0 && poll(&p, 1, SLOW_MS) == 0;
    if (slow) {
        fprintf(c->err, "waiting for the daemon");
        fflush(c->err);
    }
    ssize_t n = read_line(d, fd_in, why);
    if (slow)
        fputs("\r\033[K", c->err);
    return n;
}

json_t *client_ask(struct client *d, json_t *request, int fd, int *fd_in) {
    json_error_t e;
    const char *why = "memory is short";
    if (fd_in != NULL)
        *fd_in = -1;
    if (request != NULL)
        json_object_set_new(request, "v", json_integer(1));
    char *line = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
    json_decref(request);
    bool sent = line != NULL;
    if (sent) {
        size_t n = strlen(line);
        line[n] = '\n'; // in place of its NUL: sent by length
        sent = send_all(d, line, n + 1, fd) == 0;
        why = strerror(errno);
        free(line);
    }
    ssize_t n = sent ? wait_for_line(d, fd_in, &why) : -1;
    if (n < 0) {
        cli_fail(d->c, "the daemon on %s: %s", d->path, why);
        return NULL;
    }
    json_t *answer = json_loadb((const char *)buf_bytes(&d->in).p, (size_t)n, 0, &e);
    buf_consume(&d->in, (size_t)n + 1);
    json_t *result = result_of(d, answer, answer == NULL ? e.text : "there is no \"ok\" in the answer");
    json_decref(answer);
    return result;
}

json_t *client_once(struct cli *c, const struct args *a, enum client_socket least, json_t *request) {
    struct client d;
    if (client_open(&d, c, a, least) != CLI_DONE) {
        json_decref(request);
        return NULL;
    }
    json_t *result = client_ask(&d, request, -1, NULL);
    client_close(&d);
    return result;
}

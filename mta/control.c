// SPDX-License-Identifier: BSD-2-Clause
#include "mta/control.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/mem.h"
#include "mta/life.h"

// Each socket has its own clients: whoever may use one of them cannot keep the others' users out.
enum { OUT_MAX = 1 << 20, CLIENTS_MAX = 64, ACCEPT_RETRY_MS = 200 };

struct control_socket {
    struct control *c;
    enum control_level level;
    char *path;
    int fd;
    struct loop_io *io;
    struct loop_timer *retry; // there was no descriptor for a client
    unsigned n_conns;
};

struct control_conn {
    LIST_ENTRY(control_conn) link;
    struct control_socket *s;
    uid_t uid;
    int fd;
    struct loop_io *io;
    struct buf in, out;
    int fd_in;           // received, for the next request
    int fd_out;          // to be sent with the first octets of out
    struct request *now; // being answered: the next line waits
    bool serving;        // an answer given at once comes back to the loop of serve(), not to a deeper one
    bool eof;            // the client sends no more
    bool broken;         // nothing more is served
};

struct control {
    struct mta *m;
    struct control_socket sockets[3];
    LIST_HEAD(, control_conn) conns;
    STAILQ_HEAD(request_list, request) put_off; // until the spool is open
    uint64_t put_off_until;
    struct loop_timer *look;
};

struct command {
    const char *name;
    enum control_level level; // least that may use it
    bool spool;               // needs the spool, or what is there only with it
    void (*run)(struct request *r);
};

static const struct command commands[] = {
    {"show", CONTROL_STATUS, false, show_command}, // it looks itself
    {"message", CONTROL_STATUS, true, show_message_command},
    {"raw", CONTROL_ALL, true, show_message_command}, // a content is nobody's business but the operator's
    {"submit", CONTROL_SUBMIT, true, submit_command},
    {"queue", CONTROL_ALL, true, queue_command},
    {"peer", CONTROL_ALL, true, peer_command},
    {"reload", CONTROL_ALL, false, reload_command},
    {"trace", CONTROL_ALL, true, trace_command},
    {"stack", CONTROL_ALL, false, stack_command},
};

static void serve(struct control_conn *n);

const char *request_text(const struct request *r, const char *key) {
    return json_string_value(json_object_get(r->in, key));
}

bool request_flag(const struct request *r, const char *key) {
    return json_is_true(json_object_get(r->in, key));
}

int64_t request_number(const struct request *r, const char *key, int64_t otherwise) {
    const json_t *v = json_object_get(r->in, key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

json_t *reply_text(const char *s) {
    json_t *v = s == NULL ? NULL : json_string(s);
    return v != NULL ? v : json_null();
}

json_t *reply_text_or_null(const char *s) {
    return reply_text(s == NULL || *s == 0 ? NULL : s);
}

// ---- connections ----

static void conn_free(struct control_conn *n) {
    if (n->now != NULL)
        n->now->conn = NULL;
    LIST_REMOVE(n, link);
    n->s->n_conns--;
    loop_io_free(n->io);
    close(n->fd);
    if (n->fd_in >= 0)
        close(n->fd_in);
    if (n->fd_out >= 0)
        close(n->fd_out);
    buf_free(&n->in);
    buf_free(&n->out);
    mem_free(n);
}

static ssize_t send_some(struct control_conn *n) {
    ssize_t sent = fd_send(n->fd, buf_bytes(&n->out), n->fd_out);
    if (sent > 0 && n->fd_out >= 0) {
        close(n->fd_out);
        n->fd_out = -1;
    }
    return sent;
}

// Writes what it can. False: the connection is gone.
static bool flush(struct control_conn *n) {
    while (n->out.len > 0) {
        ssize_t sent = send_some(n);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent <= 0) {
            conn_free(n);
            return false;
        }
        buf_consume(&n->out, (size_t)sent);
    }
    if ((n->eof || n->broken) && n->out.len == 0 && n->now == NULL) {
        conn_free(n);
        return false;
    }
    loop_io_want(n->io, !n->eof && n->now == NULL && n->out.len<OUT_MAX, n->out.len> 0);
    return true;
}

static void answer(struct request *r, json_t *o, int fd) {
    struct control_conn *n = r->conn;
    char *line = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (n == NULL || line == NULL || buf_append(&n->out, line, strlen(line)) < 0 || buf_append_u8(&n->out, '\n') < 0) {
        if (fd >= 0)
            close(fd);
        if (n != NULL)
            n->broken = true;
    } else
        n->fd_out = fd;
    free(line);
    if (r->fd >= 0)
        close(r->fd);
    json_decref(r->in);
    mem_free(r);
    if (n == NULL)
        return;
    n->now = NULL;
    if (!n->serving)
        serve(n);
}

void reply_fd(struct request *r, json_t *result, int fd) {
    answer(r, json_pack("{s:i, s:b, s:o}", "v", 1, "ok", 1, "result", result == NULL ? json_null() : result), fd);
}

void reply(struct request *r, json_t *result) {
    reply_fd(r, result, -1);
}

void reply_error(struct request *r, const char *fmt, ...) {
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_t *t = json_string(text);
    answer(r, json_pack("{s:i, s:b, s:o}", "v", 1, "ok", 0, "error", t != NULL ? t : json_string("(not UTF-8)")), -1);
}

void operator_event(const struct request *r, const char *fmt, ...) {
    char text[1024], uid[24];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    snprintf(uid, sizeof uid, "%u", (unsigned)r->uid);
    EVENT_RAISE(r->m->events, mta_event(EV_OPERATOR), {"uid", uid}, {"what", text});
}

bool request_without_spool(struct request *r) {
    const struct life_status *s = life_status(r->m->life);
    if (life_has_spool(r->m->life))
        return false;
    if (s->holder.host[0] != 0)
        reply_error(r, "this daemon has no spool now: %s. Ask there, or wait: it is taken over when it is free",
                    s->why);
    else
        reply_error(r, "this daemon has no spool now (%s): %s. `x400 show status` and `x400 show stacks` say more",
                    life_state_word(s->state), s->why);
    return true;
}

// ---- requests that wait for the spool ----

static void put_off(struct control *c, struct request *r, const struct command *command) {
    if (STAILQ_EMPTY(&c->put_off)) {
        c->put_off_until = loop_now_ms(c->m->loop) + CONTROL_PATIENCE_MS;
        loop_timer_at(c->look, c->put_off_until);
    }
    r->put_off = command;
    STAILQ_INSERT_TAIL(&c->put_off, r, next);
}

static void on_look(void *arg) {
    struct control *c = arg;
    struct request_list now = STAILQ_HEAD_INITIALIZER(now);
    if (life_opens(c->m->life) && loop_now_ms(c->m->loop) < c->put_off_until) {
        loop_timer_at(c->look, c->put_off_until);
        return;
    }
    STAILQ_CONCAT(&now, &c->put_off);
    for (struct request *r; (r = STAILQ_FIRST(&now)) != NULL;) {
        STAILQ_REMOVE_HEAD(&now, next);
        if (r->conn == NULL) // nobody would hear that it was done
            answer(r, NULL, -1);
        else if (!request_without_spool(r))
            r->put_off->run(r);
    }
}

void control_look(struct control *c) {
    if (c != NULL && !STAILQ_EMPTY(&c->put_off))
        loop_timer_in(c->look, 0);
}

// ---- dispatching ----

static void dispatch(struct control_conn *n, json_t *in, const char *broken) {
    struct request *r = mem_calloc(1, sizeof *r);
    if (r == NULL) {
        json_decref(in);
        n->broken = true;
        return;
    }
    *r = (struct request){.m = n->s->c->m, .conn = n, .in = in, .uid = n->uid, .fd = n->fd_in};
    n->fd_in = -1;
    n->now = r;
    loop_io_want(n->io, false, n->out.len > 0);
    const char *name = request_text(r, "cmd");
    if (in == NULL || name == NULL) {
        reply_error(r, "the request is no JSON object with a \"cmd\": %s", broken);
        return;
    }
    if (request_number(r, "v", 1) != 1) {
        reply_error(r, "this daemon speaks version 1, the request is of version %lld: use the x400 of the same release",
                    (long long)request_number(r, "v", 1));
        return;
    }
    for (size_t k = 0; k < sizeof commands / sizeof *commands; k++)
        if (strcmp(commands[k].name, name) == 0) {
            if (commands[k].level > n->s->level)
                reply_error(r, "\"%s\" is not for this socket: use the %s socket", name,
                            commands[k].level == CONTROL_SUBMIT ? "submit" : "control");
            else if (commands[k].spool && life_opens(r->m->life))
                put_off(n->s->c, r, &commands[k]);
            else if (!commands[k].spool || !request_without_spool(r))
                commands[k].run(r);
            return;
        }
    reply_error(r, "there is no command \"%s\"", name);
}

// Takes whole lines out of what came, one at a time, while the client takes the answers. False: there is none now.
static bool serve_some(struct control_conn *n) {
    bool any = false;
    n->serving = true;
    while (n->now == NULL && !n->broken && n->out.len < OUT_MAX && n->fd_out < 0) {
        struct bytes b = buf_bytes(&n->in);
        const uint8_t *end = b.n == 0 ? NULL : memchr(b.p, '\n', b.n);
        if (end == NULL)
            break;
        json_error_t e;
        json_t *in = json_loadb((const char *)b.p, (size_t)(end - b.p), JSON_REJECT_DUPLICATES, &e);
        buf_consume(&n->in, (size_t)(end - b.p) + 1);
        dispatch(n, in, e.text);
        any = true;
    }
    n->serving = false;
    return any;
}

// May free the connection.
static void serve(struct control_conn *n) {
    for (bool any = true; any;) {
        any = serve_some(n);
        if (!flush(n))
            return;
    }
}

// Whole lines are served before more is read: what has gathered is the beginning of one. The longest request: a
// submission to P1_UB_RECIPIENTS, commands on identifiers, or the filter of a `show`.
static size_t line_max(enum control_level level) {
    return level == CONTROL_STATUS ? 64 << 10 : 16 << 20;
}

static void on_conn(void *arg, bool readable, bool writable) {
    struct control_conn *n = arg;
    if (!readable) {
        if (writable && flush(n) && n->now == NULL)
            serve(n);
        return;
    }
    char piece[65536];
    ssize_t got = fd_receive(n->fd, piece, sizeof piece, &n->fd_in);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got == 0) {
        n->eof = true;
        if (n->now == NULL)
            serve(n);
        return;
    }
    if (got < 0 || n->in.len > line_max(n->s->level) || buf_append(&n->in, piece, (size_t)got) < 0) {
        conn_free(n);
        return;
    }
    if (n->now == NULL)
        serve(n);
}

static void on_client(void *arg, bool readable, bool writable) {
    (void)readable, (void)writable;
    struct control_socket *s = arg;
    int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) { // it stays in the backlog: do not spin
            loop_io_want(s->io, false, false);
            loop_timer_in(s->retry, ACCEPT_RETRY_MS);
        }
        return;
    }
    struct ucred who;
    socklen_t len = sizeof who;
    struct control_conn *n = s->n_conns >= CLIENTS_MAX ? NULL : mem_calloc(1, sizeof *n);
    if (n == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 ||
        (n->io = loop_io_new(s->c->m->loop, fd, on_conn, n)) == NULL) {
        mem_free(n);
        close(fd);
        return;
    }
    n->s = s;
    n->uid = who.uid;
    n->fd = fd;
    n->fd_in = n->fd_out = -1;
    LIST_INSERT_HEAD(&s->c->conns, n, link);
    s->n_conns++;
    loop_io_want(n->io, true, false);
}

static void on_accept_retry(void *arg) {
    struct control_socket *s = arg;
    loop_io_want(s->io, true, false);
}

// ---- the sockets ----

// A socket that nobody answers on is what a killed daemon left.
static bool answered(const struct sockaddr_un *sa) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)sa, sizeof *sa) == 0;
    if (fd >= 0)
        close(fd);
    return yes;
}

static int socket_open(struct control_socket *s, const struct conf_socket *conf, char why[256]) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const struct group *g = conf->group == NULL ? NULL : getgrnam(conf->group);
    if (strlen(conf->path) >= sizeof sa.sun_path) {
        snprintf(why, 256, "the path of the socket %.80s… is longer than %zu octets", conf->path,
                 sizeof sa.sun_path - 1);
        return ERR_LIMIT;
    }
    if (conf->group != NULL && g == NULL) {
        snprintf(why, 256, "the group %s of the socket %s does not exist", conf->group, conf->path);
        return ERR_ABSENT;
    }
    memcpy(sa.sun_path, conf->path, strlen(conf->path) + 1);
    if (answered(&sa)) {
        snprintf(why, 256, "another daemon answers on the socket %s", conf->path);
        return ERR_BUSY;
    }
    struct stat st;
    if (lstat(conf->path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        snprintf(why, 256, "%s is in the way of a socket, and is no socket itself", conf->path);
        return ERR_EXISTS;
    }
    unlink(conf->path);
    s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(0777 & ~conf->mode); // never open wider, not even for a moment
    bool ok = s->fd >= 0 && bind(s->fd, (struct sockaddr *)&sa, sizeof sa) == 0;
    umask(before);
    ok = ok && (g == NULL || chown(conf->path, (uid_t)-1, g->gr_gid) == 0) && chmod(conf->path, conf->mode) == 0 &&
         listen(s->fd, CLIENTS_MAX) == 0;
    if (!ok) {
        int e = errno;
        snprintf(why, 256, "the socket %s: %s%s", conf->path, strerror(e),
                 e == ENOENT   ? " (its folder is to be made, and to belong to the daemon's user)"
                 : e == EACCES ? " (its folder is to belong to the daemon's user)"
                               : "");
        return ERR_SYSTEM;
    }
    s->path = mem_strdup(conf->path);
    s->io = loop_io_new(s->c->m->loop, s->fd, on_client, s);
    s->retry = loop_timer_new(s->c->m->loop, on_accept_retry, s);
    if (s->io == NULL || s->path == NULL || s->retry == NULL)
        return ERR_NOMEM;
    return loop_io_want(s->io, true, false);
}

struct control *control_new(struct mta *m, char why[256]) {
    struct control *c = mem_calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->m = m;
    LIST_INIT(&c->conns);
    STAILQ_INIT(&c->put_off);
    c->look = loop_timer_new(m->loop, on_look, c);
    const struct conf_socket *conf[] = {&m->conf->mta.status, &m->conf->mta.submit, &m->conf->mta.control};
    for (int k = 0; k < 3; k++)
        c->sockets[k] = (struct control_socket){.c = c, .level = (enum control_level)k, .fd = -1};
    snprintf(why, 256, "memory is short");
    for (int k = 0; k < 3; k++)
        if (c->look == NULL || socket_open(&c->sockets[k], conf[k], why) != ERR_OK) {
            control_free(c);
            return NULL;
        }
    return c;
}

void control_free(struct control *c) {
    if (c == NULL)
        return;
    while (!LIST_EMPTY(&c->conns))
        conn_free(LIST_FIRST(&c->conns));
    for (struct request *r; (r = STAILQ_FIRST(&c->put_off)) != NULL;) {
        STAILQ_REMOVE_HEAD(&c->put_off, next);
        answer(r, NULL, -1);
    }
    loop_timer_free(c->look);
    for (int k = 0; k < 3; k++) {
        struct control_socket *s = &c->sockets[k];
        loop_io_free(s->io);
        loop_timer_free(s->retry);
        if (s->fd >= 0)
            close(s->fd);
        if (s->path != NULL)
            unlink(s->path);
        mem_free(s->path);
    }
    mem_free(c);
}

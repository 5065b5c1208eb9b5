// SPDX-License-Identifier: BSD-2-Clause
// x400d: the daemon. Here is what lives as long as the process. Start: configuration → events → control sockets → the
// spool's half (life.h), which waits for the spool while that is another's. Stop, on SIGTERM: that half closes the
// spool in order; a second SIGTERM hurries. SIGHUP reloads and reopens the log.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/notify.h"
#include "mta/amgr.h"
#include "mta/amgr_stacks.h"
#include "mta/control.h"
#include "mta/life.h"
#include "mta/operate.h"
#include "mta/queue.h"
#include "mta/trace.h"

enum { SECOND_MS = 1000 };

struct daemon {
    struct mta m;
    const char *conf_path;
    int ready_fd; // tells the starting process how it went; -1: told, or in the foreground
    struct loop_signal *term, *interrupt, *hup;
    struct loop_timer *second;
    struct loop_timer *watchdog;
    struct notify notify; // the service manager, if there is one
    bool ready, stopping;
    int exit_status;
};

static int usage(FILE *to) {
    fprintf(to, "usage: x400d [-n] [-d] [-f FILE]\n"
                "  -n       check the configuration and exit\n"
                "  -d       stay in the foreground, write events to standard error\n"
                "  -f FILE  configuration, instead of " X400D_SYSCONFDIR "/x400d.conf\n"
                "  -V       print the version\n");
    return to == stderr ? 2 : 0;
}

// ---- telling the starting process ----

// Whoever reads what the starting process writes would else wait for the end of the daemon.
static void leave_terminal(void) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2 && null >= 0; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

// The service manager first: it must know who goes on before the starting process ends.
static void tell_ready(struct daemon *d, char status, const char *what) {
    if (status == 0 && !d->ready)
        notify_ready(&d->notify, what);
    else
        notify_status(&d->notify, what);
    d->ready = status == 0;
    if (d->ready_fd < 0)
        return;
    leave_terminal();
    if (write(d->ready_fd, &status, 1) < 0)
        d->exit_status = 1; // nobody waits any more
    close(d->ready_fd);
    d->ready_fd = -1;
}

// The starting process stays until the daemon runs or has failed, so that its exit status tells.
static int background(struct daemon *d) {
    int fds[2];
    if (pipe(fds) < 0)
        return ERR_SYSTEM;
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYSTEM;
    if (pid > 0) {
        char status = 1;
        close(fds[1]);
        ssize_t got = read(fds[0], &status, 1);
        _exit(got == 1 ? status : 1);
    }
    close(fds[0]);
    d->ready_fd = fds[1];
    return setsid() < 0 || chdir("/") < 0 ? ERR_SYSTEM : ERR_OK;
}

static void fatal(struct daemon *d, const char *what) {
    EVENT_RAISE(d->m.events, mta_event(EV_FATAL_START), {"what", what});
    if (!d->m.foreground)
        fprintf(stderr, "x400d: %s\n", what);
    d->exit_status = 1;
    tell_ready(d, 1, what);
    loop_stop(d->m.loop);
}

// ---- what the spool's half tells ----

static void on_changed(void *ctx, const struct life_status *s) {
    struct daemon *d = ctx;
    char status[SPOOL_WHY + 20];
    if (s->state == LIFE_SERVING)
        snprintf(status, sizeof status, "MTA %s, %zu messages waiting at the start", d->m.conf->mta.name,
                 queue_items(d->m.queue));
    else
        snprintf(status, sizeof status, "%s: %s", life_state_word(s->state), s->why);
    if (s->state == LIFE_SERVING || (s->state == LIFE_WAITING && s->why[0] != 0))
        tell_ready(d, 0, status); // a standby node waits in the background
    else if (!d->stopping)
        notify_status(&d->notify, status);
    control_look(d->m.control);
}

static void on_fatal(void *ctx, const char *what) {
    fatal(ctx, what);
}

static void on_ended(void *ctx) {
    loop_stop(((struct daemon *)ctx)->m.loop);
}

// ---- signals and time ----

static void on_second(void *arg) {
    struct daemon *d = arg;
    events_tick(d->m.events, loop_now_ms(d->m.loop));
    if (!d->ready && life_status(d->m.life)->state == LIFE_OPENING)
        notify_extend(&d->notify, 30 * SECOND_MS); // the check of a large spool takes its time
    loop_timer_in(d->second, SECOND_MS);
}

static void on_watchdog(void *arg) {
    struct daemon *d = arg;
    notify_watchdog(&d->notify);
    loop_timer_in(d->watchdog, d->notify.watchdog_ms);
}

static void on_terminate(void *arg) {
    struct daemon *d = arg;
    if (!d->stopping) {
        EVENT_RAISE(d->m.events, mta_event(EV_STOPPING), {"what", "a signal"});
        notify_stopping(&d->notify, "associations are released");
    }
    d->stopping = true;
    life_stop(d->m.life);
}

static void on_hangup(void *arg) {
    struct daemon *d = arg;
    struct buf out = {0};
    events_reopen(d->m.events);
    mta_reload(&d->m, false, &out);
    buf_free(&out);
}

static void tear_down(struct daemon *d) {
    struct mta *m = &d->m;
    life_finish(m->life);
    traces_free(m->traces);
    control_free(m->control);
    amgr_free(m->amgr);
    m->amgr = NULL;
    life_free(m->life);
    m->life = NULL;
    if (m->events != NULL && d->exit_status == 0)
        event_raise(m->events, mta_event(EV_STOPPED), NULL, 0);
    amgr_stacks_free(m->stacks);
    assoc_stacks_free(m->env.stacks);
    resolver_free(m->env.resolver);
    loop_signal_free(d->term), loop_signal_free(d->interrupt), loop_signal_free(d->hup);
    loop_timer_free(d->second), loop_timer_free(d->watchdog);
    notify_close(&d->notify);
    events_close(m->events);
    loop_free(m->loop);
    held_conf_unref(m->held);
    arena_free(&m->arena);
}

// ---- starting ----

static bool open_events(struct mta *m) {
    struct event_options o;
    reload_event_options(m, m->conf, &o);
    m->events = events_open(&o);
    if (m->events == NULL)
        fprintf(stderr, "x400d: the events cannot be written to %s: %s\n", o.path == NULL ? "syslog" : o.path,
                strerror(errno));
    return m->events != NULL;
}

static bool make_parts(struct daemon *d) {
    static const struct life_user user = {on_changed, on_fatal, on_ended};
    struct mta *m = &d->m;
    if (!open_events(m))
        return false;
    m->traces = traces_new(m);
    m->loop = loop_new();
    m->env.loop = m->loop;
    m->env.resolver = m->loop == NULL ? NULL : resolver_new(m->loop);
    m->env.stacks = m->env.resolver == NULL ? NULL : assoc_stacks_new(m->loop, m->env.resolver);
    m->stacks = m->env.stacks == NULL ? NULL : amgr_stacks_new(m);
    if (m->stacks == NULL || m->traces == NULL)
        return false;
    m->amgr = amgr_new(m);
    m->life = life_new(m, &user, d);
    d->term = loop_signal_new(m->loop, SIGTERM, on_terminate, d);
    d->interrupt = loop_signal_new(m->loop, SIGINT, on_terminate, d);
    d->hup = loop_signal_new(m->loop, SIGHUP, on_hangup, d);
    d->second = loop_timer_new(m->loop, on_second, d);
    d->watchdog = loop_timer_new(m->loop, on_watchdog, d);
    if (m->amgr == NULL || m->life == NULL || d->term == NULL || d->interrupt == NULL || d->hup == NULL ||
        d->second == NULL || d->watchdog == NULL || reload_domain(m) != ERR_OK)
        return false;
    on_second(d);
    if (d->notify.watchdog_ms != 0)
        on_watchdog(d);
    return true;
}

static void raise_descriptor_limit(void) {
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static int run(struct daemon *d) {
    struct mta *m = &d->m;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_IGN); // what is in force again after tear_down: a second one must not end it half-way
    raise_descriptor_limit();
    if (notify_open(&d->notify) != ERR_OK)
        fprintf(stderr, "x400d: NOTIFY_SOCKET names no socket that can be used: the service manager is told nothing\n");
    if (!m->foreground && background(d) != ERR_OK) {
        perror("x400d: cannot go into the background");
        return 1;
    }
    m->started = clock_utc_ms();
    if (!make_parts(d)) {
        fprintf(stderr, "x400d: cannot start\n");
        tell_ready(d, 1, "cannot start");
        return 1;
    }
    char why[256] = "memory is short";
    m->control = control_new(m, why);
    if (m->control == NULL)
        fatal(d, why);
    else
        life_start(m->life);
    if (d->exit_status == 0)
        loop_run(m->loop);
    tear_down(d);
    return d->exit_status;
}

// In the background the daemon is in no folder that somebody may want to unmount; what the option named stays the same.
static const char *absolute_path(const char *path, char out[PATH_MAX]) {
    char here[PATH_MAX];
    if (path[0] == '/' || getcwd(here, sizeof here) == NULL || snprintf(out, PATH_MAX, "%s/%s", here, path) >= PATH_MAX)
        return path;
    return out;
}

int main(int argc, char **argv) {
    struct daemon d = {.conf_path = X400D_SYSCONFDIR "/x400d.conf", .ready_fd = -1};
    bool check = false;
    char path[PATH_MAX];
    for (int o; (o = getopt(argc, argv, "ndf:hV")) != -1;) {
        switch (o) {
        case 'n': check = true; break;
        case 'd': d.m.foreground = true; break;
        case 'f': d.conf_path = optarg; break;
        case 'h': return usage(stdout);
        case 'V': puts("x400d " X400D_VERSION); return 0;
        default: return usage(stderr);
        }
    }
    if (optind != argc)
        return usage(stderr);
    if (!check)
        d.conf_path = absolute_path(d.conf_path, path);
    struct conf_errors errors;
    struct conf *c = conf_load(d.conf_path, &errors);
    conf_errors_print(&errors, stderr);
    conf_errors_free(&errors);
    if (c == NULL)
        return 1;
    if (check) {
        printf("%s: the configuration is valid\n", d.conf_path);
        conf_free(c);
        return 0;
    }
    d.m.held = held_conf_new(c);
    d.m.conf = c;
    return d.m.held == NULL ? 1 : run(&d);
}

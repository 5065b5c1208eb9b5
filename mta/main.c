// SPDX-License-Identifier: BSD-2-Clause
// x400d: the daemon. Start: configuration → events → spool (waiting for whoever holds it) → what is stored into the
// queue → sockets → listeners and calls. Stop, on SIGTERM: nothing new is taken, associations are released in order,
// the spool is closed; after STOP_MS it is closed all the same. SIGHUP reloads and reopens the log.
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

#include "base/mem.h"
#include "base/notify.h"
#include "conf/print.h"
#include "mta/admit.h"
#include "mta/amgr.h"
#include "mta/control.h"
#include "mta/housekeeping.h"
#include "mta/local.h"
#include "mta/operate.h"
#include "mta/resume_in.h"
#include "mta/resume_out.h"
#include "mta/settle.h"
#include "mta/trace.h"
#include "x400/mtsid.h"

enum { STOP_MS = 13000, QUIET_MS = 20, LOCK_WAIT_MS = 1000, LOAD_PAGE = 1000 };

struct daemon {
    struct mta m;
    const char *conf_path;
    bool foreground;
    int ready_fd; // tells the starting process how it went; -1: told, or in the foreground
    struct loop_notifier *spool_note, *file_note;
    struct loop_signal *term, *interrupt, *hup;
    struct loop_timer *stop, *lock_wait;
    struct loop_timer *quiet; // while stopping: looks whether all is on the disk
    struct notify notify;        // the service manager, if there is one
    struct loop_timer *watchdog; // it is told that the loop turns; NULL: it does not ask
    struct housekeeping *housekeeping;
    size_t loaded;
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
    if (status == 0)
        notify_ready(&d->notify, what);
    else
        notify_status(&d->notify, what);
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
    if (!d->foreground)
        fprintf(stderr, "x400d: %s\n", what);
    d->exit_status = 1;
    tell_ready(d, 1, what);
    loop_stop(d->m.loop);
}

// ---- configuration ----

static void event_options(const struct daemon *d, const struct conf *c, struct event_options *o) {
    *o = (struct event_options){.target = d->foreground                       ? EVENT_TO_STDERR
                                          : c->mta.events == CONF_EVENTS_FILE ? EVENT_TO_FILE
                                                                              : EVENT_TO_SYSLOG,
                                .path = c->mta.events_file,
                                .json = c->mta.events_format == CONF_JSON,
                                .ident = "x400d",
                                .least = EVENT_INFO};
}

static int take_domain(struct mta *m) {
    struct mts_domain domain;
    struct buf b = {0};
    const struct conf_domain *c = &m->conf->mta.domain;
    int r = mts_domain_set(&domain, c->country, c->admd, c->prmd);
    if (r == ERR_OK)
        r = mts_domain_encode(&domain, &b);
    if (r == ERR_OK)
        m->domain = arena_bytes(&m->arena, buf_bytes(&b));
    buf_free(&b);
    return r;
}

static void tell_warnings(struct mta *m, const struct conf_errors *errors) {
    for (const struct conf_error *e = errors->first; e != NULL; e = e->next)
        if (e->warning) {
            char what[600];
            snprintf(what, sizeof what, "%s:%u: %s", e->where.file == NULL ? "" : e->where.file, e->where.line,
                     e->text);
            EVENT_RAISE(m->events, mta_event(EV_CONF_WARNING), {"what", what});
        }
}

// What cannot change while the daemon runs.
static const char *fixed_difference(const struct conf *from, const struct conf *to) {
    if (strcmp(from->mta.spool, to->mta.spool) != 0)
        return "the spool's folder";
    if (strcmp(from->mta.control.path, to->mta.control.path) != 0 ||
        strcmp(from->mta.submit.path, to->mta.submit.path) != 0 ||
        strcmp(from->mta.status.path, to->mta.status.path) != 0)
        return "the path of a socket";
    return NULL;
}

static void tell_not_taken(struct daemon *d, const struct conf_errors *errors, const char *fixed) {
    char what[600] = "unreadable";
    const struct conf_error *e = errors->first;
    while (e != NULL && e->warning)
        e = e->next;
    if (fixed != NULL)
        snprintf(what, sizeof what, "%s cannot change while the daemon runs", fixed);
    else if (e != NULL && e->where.file != NULL && e->where.line > 0)
        snprintf(what, sizeof what, "%s:%u: %s", e->where.file, e->where.line, e->text);
    else if (e != NULL)
        snprintf(what, sizeof what, "%s", e->text);
    EVENT_RAISE(d->m.events, mta_event(EV_CONF_ERROR), {"file", d->conf_path}, {"what", what});
}

static void errors_text(const struct conf_errors *errors, struct buf *out) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (f == NULL)
        return;
    conf_errors_print(errors, f);
    fclose(f);
    buf_append(out, text, n);
    free(text);
}

// When the new log cannot be opened, the old one goes on: both it and who asked are told.
static void events_move(struct mta *m, const struct conf *fresh, struct buf *out) {
    struct event_options o;
    char what[400];
    event_options((struct daemon *)m, fresh, &o);
    if (events_set(m->events, &o) == ERR_OK)
        return;
    snprintf(what, sizeof what, "the event log %s cannot be opened: %s; events go on where they went before",
             o.path == NULL ? "" : o.path, strerror(errno));
    EVENT_RAISE(m->events, mta_event(EV_CONF_WARNING), {"what", what});
    buf_printf(out, "%s\n", what);
}

static int put_in_force(struct mta *m, struct conf *fresh, struct buf *out) {
    struct held_conf *held = held_conf_new(fresh);
    if (held == NULL) {
        conf_free(fresh);
        return ERR_NOMEM;
    }
    events_move(m, fresh, out);
    struct held_conf *before = m->held; // the peers still point into it
    m->held = held;
    m->conf = held->conf;
    int r = take_domain(m);
    amgr_reload(m->amgr);
    held_conf_unref(before);
    local_reload(m->local);
    admit_reroute_lost(m);
    return r;
}

int mta_reload(struct mta *m, bool dry_run, struct buf *out) {
    struct daemon *d = (struct daemon *)m;
    struct conf_errors errors;
    struct conf *fresh = conf_load(d->conf_path, &errors);
    const char *fixed = fresh == NULL ? NULL : fixed_difference(m->conf, fresh);
    errors_text(&errors, out);
    if (fixed != NULL)
        buf_printf(out, "%s cannot change while the daemon runs: stop and start it\n", fixed);
    if (fresh == NULL || fixed != NULL) {
        if (!dry_run)
            tell_not_taken(d, &errors, fixed);
        conf_errors_free(&errors);
        conf_free(fresh);
        return ERR_SYNTAX;
    }
    int err = ERR_OK;
    buf_clear(out);
    conf_diff(m->conf, fresh, out);
    if (dry_run)
        conf_free(fresh);
    else {
        tell_warnings(m, &errors);
        err = put_in_force(m, fresh, out);
        if (err != ERR_OK)
            EVENT_RAISE(m->events, mta_event(EV_CONF_ERROR), {"file", d->conf_path}, {"what", err_text(err)});
        else
            EVENT_RAISE(m->events, mta_event(EV_CONF_LOADED), {"file", d->conf_path},
                        {"what", out->len == 0 ? "nothing has changed" : "reloaded"});
    }
    conf_errors_free(&errors);
    return err;
}

// ---- spool ----

static void on_spool_event(void *arg, const struct spool_event *e) {
    struct mta *m = arg;
    char n[5][24], message[24];
    const uint64_t counts[] = {e->counts.messages, e->counts.recipients, e->counts.intents, e->counts.damaged,
                               e->counts.orphans};
    for (int k = 0; k < 5; k++)
        snprintf(n[k], sizeof n[k], "%llu", (unsigned long long)counts[k]);
    snprintf(message, sizeof message, "%lld", (long long)e->message);
    switch (e->kind) {
    case SPOOL_EVENT_RECOVERY_BEGUN: EVENT_RAISE(m->events, mta_event(EV_RECOVERY_BEGUN), {"dir", e->text}); break;
    case SPOOL_EVENT_RECOVERY_CHECKING:
        EVENT_RAISE(m->events, mta_event(EV_RECOVERY_CHECKING), {"what", e->text});
        break;
    case SPOOL_EVENT_RECOVERY_DONE:
        EVENT_RAISE(m->events, mta_event(EV_RECOVERY_FINISHED), {"messages", n[0]}, {"recipients", n[1]},
                    {"intents", n[2]}, {"damaged", n[3]}, {"orphans", n[4]});
        break;
    case SPOOL_EVENT_DAMAGED:
        EVENT_RAISE(m->events, mta_event(EV_SPOOL_DAMAGED), {"what", e->text}, {"message", message});
        break;
    case SPOOL_EVENT_FULL:
        EVENT_RAISE(m->events, mta_event(EV_SPACE_LOW), {"dir", m->conf->mta.spool}, {"what", "the disk is full"});
        break;
    case SPOOL_EVENT_RESERVE: EVENT_RAISE(m->events, mta_event(EV_SPACE_BACK), {"dir", m->conf->mta.spool}); break;
    case SPOOL_EVENT_ERROR: EVENT_RAISE(m->events, mta_event(EV_SPOOL_ERROR), {"what", e->text}); break;
    }
}

static void wake_spool(void *arg) {
    loop_notify(((struct daemon *)arg)->spool_note);
}
static void wake_files(void *arg) {
    loop_notify(((struct daemon *)arg)->file_note);
}
static void on_spool_note(void *arg) {
    spool_completions(((struct daemon *)arg)->m.spool);
}
static void on_file_note(void *arg) {
    struct mta *m = &((struct daemon *)arg)->m;
    file_thread_completions(m->files);
    file_thread_completions(m->submissions);
}

static void load_one(void *arg, const struct spool_message *sm) {
    struct daemon *d = arg;
    struct item *i = item_new(sm);
    if (i == NULL || queue_add(d->m.queue, i) != ERR_OK)
        EVENT_RAISE(d->m.events, mta_event(EV_RESOURCE_LIMIT), {"what", "memory is too short for the queue"});
    d->loaded++;
}

static void serve(struct daemon *d);

static void try_spool(void *arg) {
    struct daemon *d = arg;
    struct mta *m = &d->m;
    char why[256];
    struct spool_options o = {.dir = m->conf->mta.spool,
                              .reserve = SPOOL_RESERVE,
                              .notify = wake_spool,
                              .notify_arg = d,
                              .event = on_spool_event,
                              .event_arg = m};
    int r = spool_open(&o, &m->spool, why);
    if (r == ERR_OK) {
        serve(d);
        return;
    }
    if (r != ERR_BUSY) {
        fatal(d, why);
        return;
    }
    EVENT_RAISE(m->events, mta_event(EV_SPOOL_HELD), {"dir", m->conf->mta.spool}, {"what", why});
    tell_ready(d, 0, why); // a standby node waits in the background
    loop_timer_in(d->lock_wait, LOCK_WAIT_MS);
}

static void load_transfer(void *arg, const struct spool_transfer *t) {
    struct mta *m = arg;
    if (t->kind == SPOOL_TRANSFER_OUT)
        resume_out_load(m->resume_out, t);
    else
        resume_in_load(m->resume_in, t);
}

static int load(struct daemon *d) {
    struct mta *m = &d->m;
    int64_t last = 0, before = -1;
    while (last != before) {
        before = last;
        int r = spool_load(m->spool, before, LOAD_PAGE, load_one, d, &last);
        if (r != ERR_OK)
            return r;
    }
    return spool_load_transfers(m->spool, load_transfer, m);
}

static void serve(struct daemon *d) {
    struct mta *m = &d->m;
    char why[256] = "memory is short";
    m->files = file_thread_new(spool_dirfd(m->spool), wake_files, d);
    m->submissions = file_thread_new(spool_dirfd(m->spool), wake_files, d);
    m->queue = queue_new(m, settle_expired);
    m->amgr = amgr_new(m);
    m->local = local_new(m);
    m->resume_in = resume_in_new(m);
    m->resume_out = resume_out_new(m);
    d->housekeeping = m->files == NULL ? NULL : housekeeping_new(m);
    if (m->submissions == NULL || d->housekeeping == NULL || m->queue == NULL || m->amgr == NULL || m->local == NULL ||
        m->resume_in == NULL || m->resume_out == NULL) {
        fatal(d, why);
        return;
    }
    if (local_recover(m->local) != ERR_OK || load(d) != ERR_OK || spool_start(m->spool) != ERR_OK) {
        fatal(d, "the spool cannot be read");
        return;
    }
    m->control = control_new(m, why);
    if (m->control == NULL) {
        fatal(d, why);
        return;
    }
    char waiting[24];
    snprintf(waiting, sizeof waiting, "%zu", d->loaded);
    EVENT_RAISE(m->events, mta_event(EV_STARTED), {"version", X400D_VERSION}, {"name", m->conf->mta.name},
                {"waiting", waiting});
    admit_reroute_lost(m);
    resume_out_start(m->resume_out);
    amgr_start(m->amgr);
    local_start(m->local);
    char status[200];
    snprintf(status, sizeof status, "MTA %s, %zu messages waiting at the start", m->conf->mta.name, d->loaded);
    tell_ready(d, 0, status);
}

// ---- stopping ----

// The associations have ended. What is on its way to the disk gets there first.
static void on_released(void *arg) {
    loop_timer_in(((struct daemon *)arg)->quiet, QUIET_MS);
}

static void on_quiet(void *arg) {
    struct daemon *d = arg;
    if (local_running(d->m.local) == 0 && spool_pending(d->m.spool) == 0 && resume_in_busy(d->m.resume_in) == 0)
        loop_stop(d->m.loop);
    else
        loop_timer_in(d->quiet, QUIET_MS);
}

static void on_watchdog(void *arg) {
    struct daemon *d = arg;
    notify_watchdog(&d->notify);
    loop_timer_in(d->watchdog, d->notify.watchdog_ms);
}

static void on_stop_timer(void *arg) {
    loop_stop(((struct daemon *)arg)->m.loop);
}

static void on_terminate(void *arg) {
    struct daemon *d = arg;
    struct mta *m = &d->m;
    if (m->stopping || m->control == NULL) { // asked twice, or not serving yet
        loop_stop(m->loop);
        return;
    }
    m->stopping = true;
    EVENT_RAISE(m->events, mta_event(EV_STOPPING), {"what", "a signal"});
    notify_stopping(&d->notify, "associations are released");
    loop_timer_in(d->stop, STOP_MS);
    local_stop(m->local);
    amgr_stop(m->amgr, on_released, d);
}

static void on_hangup(void *arg) {
    struct daemon *d = arg;
    struct buf out = {0};
    events_reopen(d->m.events);
    if (d->m.control != NULL)
        mta_reload(&d->m, false, &out);
    buf_free(&out);
}

static void tear_down(struct daemon *d) {
    struct mta *m = &d->m;
    control_free(m->control);
    traces_free(m->traces);
    amgr_free(m->amgr);
    resume_in_stop(m->resume_in);
    housekeeping_free(d->housekeeping);
    local_finish(m->local);
    file_thread_free(m->submissions);
    file_thread_free(m->files); // runs what is queued; its callbacks may still commit
    m->files = NULL;
    spool_close(m->spool);
    local_free(m->local);
    queue_free(m->queue);
    resume_in_free(m->resume_in);
    resume_out_free(m->resume_out);
    if (m->spool != NULL)
        event_raise(m->events, mta_event(EV_STOPPED), NULL, 0);
    resolver_free(m->env.resolver);
    loop_notifier_free(d->spool_note), loop_notifier_free(d->file_note);
    loop_signal_free(d->term), loop_signal_free(d->interrupt), loop_signal_free(d->hup);
    loop_timer_free(d->stop), loop_timer_free(d->quiet), loop_timer_free(d->lock_wait);
    loop_timer_free(d->watchdog);
    notify_close(&d->notify);
    events_close(m->events);
    loop_free(m->loop);
    held_conf_unref(m->held);
    arena_free(&m->arena);
}

// ---- starting ----

static bool make_parts(struct daemon *d) {
    struct mta *m = &d->m;
    struct event_options o;
    event_options(d, m->conf, &o);
    m->traces = traces_new(m);
    m->events = events_open(&o);
    if (m->events == NULL) {
        fprintf(stderr, "x400d: the events cannot be written to %s: %s\n", o.path == NULL ? "syslog" : o.path,
                strerror(errno));
        return false;
    }
    m->loop = loop_new();
    m->env.loop = m->loop;
    m->env.resolver = m->loop == NULL ? NULL : resolver_new(m->loop);
    if (m->loop == NULL || m->env.resolver == NULL || m->traces == NULL)
        return false;
    d->spool_note = loop_notifier_new(m->loop, on_spool_note, d);
    d->file_note = loop_notifier_new(m->loop, on_file_note, d);
    d->term = loop_signal_new(m->loop, SIGTERM, on_terminate, d);
    d->interrupt = loop_signal_new(m->loop, SIGINT, on_terminate, d);
    d->hup = loop_signal_new(m->loop, SIGHUP, on_hangup, d);
    d->stop = loop_timer_new(m->loop, on_stop_timer, d);
    d->quiet = loop_timer_new(m->loop, on_quiet, d);
    d->lock_wait = loop_timer_new(m->loop, try_spool, d);
    if (d->notify.watchdog_ms != 0) {
        d->watchdog = loop_timer_new(m->loop, on_watchdog, d);
        if (d->watchdog == NULL)
            return false;
        on_watchdog(d);
    }
    return d->spool_note != NULL && d->file_note != NULL && d->term != NULL && d->interrupt != NULL && d->hup != NULL &&
           d->stop != NULL && d->quiet != NULL && d->lock_wait != NULL && take_domain(m) == ERR_OK;
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
    if (!d->foreground && background(d) != ERR_OK) {
        perror("x400d: cannot go into the background");
        return 1;
    }
    m->started = clock_utc_ms();
    if (!make_parts(d)) {
        fprintf(stderr, "x400d: cannot start\n");
        tell_ready(d, 1, "cannot start");
        return 1;
    }
    try_spool(d);
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
        case 'd': d.foreground = true; break;
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

// SPDX-License-Identifier: BSD-2-Clause
// A configuration that is put in force while the daemon runs. What cannot change then: the spool's folder and the paths
// of the sockets.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/print.h"
#include "mta/admit.h"
#include "mta/amgr.h"
#include "mta/life.h"
#include "mta/local.h"
#include "mta/operate.h"
#include "x400/mtsid.h"

void reload_event_options(const struct mta *m, const struct conf *c, struct event_options *o) {
    *o = (struct event_options){.target = m->foreground                       ? EVENT_TO_STDERR
                                          : c->mta.events == CONF_EVENTS_FILE ? EVENT_TO_FILE
                                                                              : EVENT_TO_SYSLOG,
                                .path = c->mta.events_file,
                                .json = c->mta.events_format == CONF_JSON,
                                .ident = "x400d",
                                .least = EVENT_INFO};
}

int reload_domain(struct mta *m) {
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

static void tell_not_taken(struct mta *m, const struct conf_errors *errors, const char *fixed) {
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
    EVENT_RAISE(m->events, mta_event(EV_CONF_ERROR), {"file", m->conf->path}, {"what", what});
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
    reload_event_options(m, fresh, &o);
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
    int r = reload_domain(m);
    amgr_reload(m->amgr);
    held_conf_unref(before);
    if (life_status(m->life)->state == LIFE_SERVING) {
        local_reload(m->local);
        admit_reroute_lost(m);
    }
    life_look(m->life);
    return r;
}

int mta_reload(struct mta *m, bool dry_run, struct buf *out) {
    struct conf_errors errors;
    struct conf *fresh = conf_load(m->conf->path, &errors);
    const char *fixed = fresh == NULL ? NULL : fixed_difference(m->conf, fresh);
    errors_text(&errors, out);
    if (fixed != NULL)
        buf_printf(out, "%s cannot change while the daemon runs: stop and start it\n", fixed);
    if (fresh == NULL || fixed != NULL) {
        if (!dry_run)
            tell_not_taken(m, &errors, fixed);
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
            EVENT_RAISE(m->events, mta_event(EV_CONF_ERROR), {"file", m->conf->path}, {"what", err_text(err)});
        else
            EVENT_RAISE(m->events, mta_event(EV_CONF_LOADED), {"file", m->conf->path},
                        {"what", out->len == 0 ? "nothing has changed" : "reloaded"});
    }
    conf_errors_free(&errors);
    return err;
}

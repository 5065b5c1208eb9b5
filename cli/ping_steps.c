// SPDX-License-Identifier: BSD-2-Clause
#include "cli/ping_steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rfc1006/session_service.h"

// ---- names ----

static const struct {
    uint16_t bit;
    const char *name;
} units[] = {{SESSION_FU_HALF_DUPLEX, "half-duplex"},
             {SESSION_FU_DUPLEX, "duplex"},
             {SESSION_FU_MINOR_SYNC, "minor-synchronize"},
             {SESSION_FU_ACTIVITY, "activity-management"},
             {SESSION_FU_EXCEPTIONS, "exceptions"}};
enum { N_UNITS = sizeof units / sizeof *units };

// Object identifiers that an operator meets here.
static const char *oid_name(const char *dotted) {
    static const char *const known[][2] = {
        {"2.2.1.0.1", "ACSE"},         {"2.6.0.2.12", "RTSE"},      {"2.6.0.2.7", "MTSE"},
        {"2.6.0.1.6", "mts-transfer"}, {"2.6.0.1.3", "mts-access"}, {"2.6.0.1.5", "mts-reliable-access"},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (strcmp(known[k][0], dotted) == 0)
            return known[k][1];
    return NULL;
}

static const char *mode_name(const struct stack_negotiated *n) {
    if (n->rtse.mode == RTSE_NORMAL)
        return "normal";
    return n->rtse.protocol == RTSE_PROTOCOL_P1_1984 ? "x410-1984" : "x410-1988";
}

static const char *dialogue_name(const struct stack_negotiated *n) {
    return n->rtse.dialogue == RTSE_MONOLOGUE ? "monologue" : "two-way-alternate";
}

// ---- words ----

__attribute__((format(printf, 3, 4))) static void put(char *line, size_t size, const char *fmt, ...) {
    size_t n = strlen(line);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line + n, size - n, fmt, ap);
    va_end(ap);
}

static void put_oid(char *line, size_t size, const char *dotted) {
    const char *name = oid_name(dotted);
    put(line, size, name != NULL ? "%s (%s)" : "%s", dotted, name);
}

static void say_session(char *line, size_t size, const struct stack_negotiated *n) {
    put(line, size, "version %u", n->session.version);
    const char *before = "; ";
    for (size_t k = 0; k < N_UNITS; k++)
        if (n->session.functional_units & units[k].bit) {
            put(line, size, "%s%s", before, units[k].name);
            before = ", ";
        }
    if (n->session.tsdu_to_responder != 0 || n->session.tsdu_to_initiator != 0)
        put(line, size, "; TSDU at most %u out, %u in (0: any)", n->session.tsdu_to_responder,
            n->session.tsdu_to_initiator);
}

static void say_presentation(char *line, size_t size, const struct stack_negotiated *n) {
    for (size_t k = 0; k < n->presentation.n_contexts; k++) {
        put(line, size, "%s%d ", k > 0 ? ", " : "contexts ", n->presentation.contexts[k].id);
        put_oid(line, size, n->presentation.contexts[k].abstract_syntax);
        put(line, size, n->presentation.contexts[k].accepted ? " accepted" : " rejected");
    }
}

static void say_bind(char *line, size_t size, const struct bind_info *info) {
    if (info->form == BIND_NONE)
        put(line, size, "accepted, without credentials");
    else
        put(line, size, "accepted by \"%.*s\" (password as %s)", (int)info->name.n, (const char *)info->name.p,
            bind_form_name(info->form));
}

const char *ping_step_text(struct arena *arena, const struct assoc *a, enum assoc_step s, const char *detail) {
    char line[512] = "";
    const struct stack_negotiated *n = s > ASSOC_CONNECT ? assoc_negotiated(a) : NULL;
    switch (s) {
    case ASSOC_TRANSPORT: put(line, sizeof line, "class 0, TPDU size %u", n->transport.tpdu_size); break;
    case ASSOC_SESSION: say_session(line, sizeof line, n); break;
    case ASSOC_PRESENTATION: say_presentation(line, sizeof line, n); break;
    case ASSOC_ASSOCIATION:
        put(line, sizeof line, "application context ");
        put_oid(line, sizeof line, n->association.application_context);
        if (n->association.implementation[0] != 0)
            put(line, sizeof line, "; the peer is \"%s\"", n->association.implementation);
        break;
    case ASSOC_RTSE:
        put(line, sizeof line, "mode %s", mode_name(n));
        if (n->rtse.mode == RTSE_X410)
            put(line, sizeof line, " (application protocol %d)", n->rtse.protocol);
        put(line, sizeof line, ", dialogue %s, ", dialogue_name(n));
        if (n->rtse.checkpoint == 0)
            put(line, sizeof line, "no checkpoints");
        else
            put(line, sizeof line, "checkpoint %uK window %u", n->rtse.checkpoint, n->rtse.window);
        break;
    case ASSOC_BIND: say_bind(line, sizeof line, assoc_bind_info(a)); break;
    default: return detail;
    }
    return arena_strndup(arena, line, strlen(line));
}

// ---- JSON ----

static json_t *session_json(const struct stack_negotiated *n) {
    json_t *all = json_array();
    for (size_t k = 0; k < N_UNITS; k++)
        if (n->session.functional_units & units[k].bit)
            json_array_append_new(all, json_string(units[k].name));
    return json_pack("{s:i, s:o, s:I, s:I}", "version", (int)n->session.version, "functional_units", all,
                     "tsdu_to_responder", (json_int_t)n->session.tsdu_to_responder, "tsdu_to_initiator",
                     (json_int_t)n->session.tsdu_to_initiator);
}

static json_t *presentation_json(const struct stack_negotiated *n) {
    json_t *all = json_array();
    for (size_t k = 0; k < n->presentation.n_contexts; k++)
        json_array_append_new(all, json_pack("{s:i, s:s, s:b}", "id", (int)n->presentation.contexts[k].id,
                                             "abstract_syntax", n->presentation.contexts[k].abstract_syntax, "accepted",
                                             (int)n->presentation.contexts[k].accepted));
    return json_pack("{s:o}", "contexts", all);
}

static json_t *bind_json(const struct bind_info *info) {
    char name[80];
    size_t n = info->name.n < sizeof name ? info->name.n : sizeof name - 1;
    for (size_t k = 0; k < n; k++) // JSON takes nothing that is not UTF-8
        name[k] = info->name.p[k] < 0x80 ? (char)info->name.p[k] : '?';
    name[n] = 0;
    return json_pack("{s:s, s:s}", "responder", name, "password_form", bind_form_name(info->form));
}

json_t *ping_step_json(const struct assoc *a, enum assoc_step s) {
    const struct stack_negotiated *n = s > ASSOC_CONNECT ? assoc_negotiated(a) : NULL;
    switch (s) {
    case ASSOC_CONNECT: return json_pack("{s:s, s:s}", "local", assoc_local(a), "remote", assoc_remote(a));
    case ASSOC_TRANSPORT:
        return json_pack("{s:i, s:I, s:i, s:i}", "class", 0, "tpdu_size", (json_int_t)n->transport.tpdu_size,
                         "local_reference", (int)n->transport.local_reference, "remote_reference",
                         (int)n->transport.remote_reference);
    case ASSOC_SESSION: return session_json(n);
    case ASSOC_PRESENTATION: return presentation_json(n);
    case ASSOC_ASSOCIATION:
        return json_pack("{s:s, s:s}", "application_context", n->association.application_context, "implementation",
                         n->association.implementation);
    case ASSOC_RTSE: {
        json_t *v = json_pack("{s:s, s:s, s:I, s:I}", "mode", mode_name(n), "dialogue", dialogue_name(n),
                              "checkpoint_k", (json_int_t)n->rtse.checkpoint, "window", (json_int_t)n->rtse.window);
        if (v != NULL && n->rtse.mode == RTSE_X410)
            json_object_set_new(v, "application_protocol", json_integer(n->rtse.protocol));
        return v;
    }
    case ASSOC_BIND: return bind_json(assoc_bind_info(a));
    default: return json_object();
    }
}

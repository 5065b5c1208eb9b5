// SPDX-License-Identifier: BSD-2-Clause
// A report repeats what its readers need to recognise the subject (identifier, content type and identifier, correlator,
// encoded information types), and for each recipient its number, what was asked for, and what happened. It goes to the
// originator, or where lists were expanded to the last list, which then finds the whole chain in it. The trace of the
// subject goes along when an audited report was asked for. Not implemented: proof of delivery, signatures on reports.
#include "x400/report.h"

bool report_wanted(const struct p1_recipient *r, const struct p1_fate *fate) {
    return !fate->delivered || (r->indicators.set & (P1_MTA_REPORT | P1_ORIGINATOR_REPORT)) != 0;
}

bool report_for_originator(const struct p1_recipient *r) {
    uint32_t asked = P1_ORIGINATOR_REPORT | (r->fate.delivered ? 0 : P1_ORIGINATOR_NON_DELIVERY_REPORT);
    return (r->indicators.set & asked) != 0;
}

bool report_returns_content(const struct p1_envelope *report, const struct p1_envelope *subject) {
    if (subject->type != P1_MESSAGE || !(subject->indicators.set & P1_CONTENT_RETURN_REQUEST))
        return false;
    for (size_t i = 0; i < report->n_recipients; i++)
        if (!report->recipient[i].fate.delivered)
            return true;
    return false;
}

// PrintableString of the text: other characters become '?', at most ub-supplementary-info-length are kept.
static struct bytes printable(struct arena *a, const char *text) {
    size_t n = 0, len = strlen(text);
    char *out = arena_alloc(a, len + 1);
    if (out == NULL)
        return bytes_of(NULL, 0);
    for (size_t i = 0; i < len && n < P1_UB_SUPPLEMENTARY_INFO; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c & 0xC0) == 0x80)
            continue; // the rest of a UTF-8 character
        out[n++] = validate_octet(VALIDATE_PRINTABLE, c) ? (char)c : '?';
    }
    return bytes_of(out, n);
}

static int copy_extension(struct arena *a, struct p1_extensions *to, const struct p1_extensions *from, int type) {
    const struct p1_extension *e = p1_extension_find(from, type);
    return e == NULL || e->value.p == NULL ? 0 : p1_extension_set(a, to, type, e->value);
}

static int report_recipient(struct arena *a, const struct p1_envelope *subject, const struct report_maker *m,
                            const struct report_item *item, struct p1_recipient *out) {
    const struct p1_recipient *of = &subject->recipient[item->recipient];
    struct p1_history redirections = {NULL, 0};
    *out = (struct p1_recipient){.name = of->name,
                                 .number = of->number,
                                 .indicators = of->indicators,
                                 .explicit_conversion = P1_NO_CONVERSION,
                                 .arrival = p1_time_of(m->arrival),
                                 .fate = item->fate};
    if (item->converted != NULL)
        out->converted = *item->converted;
    if (item->supplementary != NULL && item->supplementary[0] != '\0' &&
        (out->supplementary = printable(a, item->supplementary)).p == NULL)
        return ERR_NOMEM;
    int err = p1_history(a, &of->extensions, P1_EXT_REDIRECTION_HISTORY, &redirections);
    if (err == ERR_NOMEM)
        return err;
    if (err == 0 && redirections.n > 0)
        out->intended = redirections.entry[0].name;
    return copy_extension(a, &out->extensions, &of->extensions, P1_EXT_REDIRECTION_HISTORY);
}

// The chain of lists that brought the subject here: the report goes to the last one.
static int report_destination(struct arena *a, const struct p1_envelope *subject, struct p1_envelope *report) {
    struct p1_history lists = {NULL, 0};
    report->originator = subject->originator;
    int err = p1_history(a, &subject->extensions, P1_EXT_DL_EXPANSION_HISTORY, &lists);
    if (err < 0 || lists.n == 0)
        return err == ERR_NOMEM ? err : 0;
    report->originator = lists.entry[lists.n - 1].name;
    struct p1_history_entry *chain = arena_array(a, lists.n + 1, sizeof *chain);
    if (chain == NULL)
        return ERR_NOMEM;
    chain[0].name = subject->originator;
    chain[0].time = subject->trace.n > 0 ? subject->trace.element[0].arrival : lists.entry[0].time;
    memcpy(chain + 1, lists.entry, lists.n * sizeof *chain);
    return p1_history_set(a, &report->extensions, P1_EXT_ORIGINATOR_AND_DL_EXPANSION_HISTORY,
                          &(struct p1_history){chain, lists.n + 1});
}

static int report_trace(struct arena *a, const struct report_maker *m, struct p1_envelope *report) {
    struct trace_element here = {.domain = m->domain, .arrival = p1_time_of(m->now), .routing = TRACE_RELAYED};
    int err = trace_add(a, &report->trace, &here, false);
    if (err < 0 || m->mta_name == NULL)
        return err;
    here.mta_name = bytes_str(m->mta_name);
    if ((err = p1_internal_trace_add(a, &report->extensions, &here)) < 0)
        return err;
    struct buf b = {0};
    err = p1_put_raw(&b, m->domain);
    if (err == 0)
        err = tlv_put(&b, TLV_UNIVERSAL, false, TLV_IA5_STRING, here.mta_name);
    if (err == 0)
        err = tlv_wrap(&b, 0, TLV_UNIVERSAL, true, TLV_SEQUENCE);
    if (err == 0)
        err = p1_extension_set(a, &report->extensions, P1_EXT_REPORTING_MTA_NAME, buf_bytes(&b));
    buf_free(&b);
    return err;
}

static int report_recipients(struct arena *a, const struct p1_envelope *subject, const struct report_maker *m,
                             const struct report_item *item, size_t n, struct p1_envelope *report) {
    const uint32_t audited = P1_MTA_REPORT | P1_MTA_NON_DELIVERY_REPORT;
    report->recipient = arena_array(a, n, sizeof *report->recipient);
    if (report->recipient == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (item[i].recipient >= subject->n_recipients)
            return ERR_STATE;
        const struct p1_recipient *of = &subject->recipient[item[i].recipient];
        if (!report_wanted(of, &item[i].fate))
            continue;
        int err = report_recipient(a, subject, m, &item[i], &report->recipient[report->n_recipients]);
        if (err < 0)
            return err;
        report->n_recipients++;
        if ((of->indicators.set & audited) == audited)
            report->report->intermediate = subject->trace;
    }
    return report->n_recipients > 0 ? 0 : ERR_ABSENT;
}

int report_make(struct arena *a, const struct p1_envelope *subject, const struct report_maker *m,
                const struct report_item *item, size_t n, struct p1_envelope **out) {
    if (subject->type == P1_REPORT)
        return ERR_STATE;
    if (n == 0)
        return ERR_ABSENT;
    struct p1_envelope *report = p1_envelope_new(a, P1_REPORT);
    if (report == NULL)
        return ERR_NOMEM;
    int err = report_recipients(a, subject, m, item, n, report);
    if (err == 0)
        err = report_destination(a, subject, report);
    if (err == 0)
        err = report_trace(a, m, report);
    if (err == 0)
        err = copy_extension(a, &report->report->extensions, &subject->extensions, P1_EXT_CONTENT_CORRELATOR);
    if (err < 0)
        return err;
    report->identifier = m->identifier;
    report->content_type = subject->content_type;
    report->content_identifier = subject->content_identifier;
    report->original_eits = subject->original_eits;
    report->report->subject = subject->identifier;
    *out = report;
    return 0;
}

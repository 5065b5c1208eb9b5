// SPDX-License-Identifier: BSD-2-Clause
// `x400 send` and `x400 probe`: the addresses are checked here, the content is written to a file whose descriptor goes
// to the daemon, and the MTS identifier comes back.
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/message.h"
#include "cli/table.h"

static const char *const priorities[] = {"normal", "non-urgent", "urgent", NULL};
static const char *const reports[] = {"none", "non-delivery", "delivery", NULL};
static const char *const importances[] = {"low", "normal", "high", NULL};
static const char *const sensitivities[] = {"personal", "private", "company-confidential", NULL};
static const char *const notifications[] = {"non-receipt", "receipt", NULL};

#define ENVELOPE_OPTIONS                                                                                               \
    {.name = "from", .value = "OR", .help = "the originator's O/R address"},                                           \
        {.name = "to", .value = "OR", .help = "a recipient; may be repeated"},                                         \
        {.name = "priority", .value = "P", .help = "normal, non-urgent or urgent", .choices = priorities},             \
        {.name = "report", .value = "R", .help = "none, non-delivery (the default) or delivery", .choices = reports},  \
    {                                                                                                                  \
        .name = "id", .value = "TEXT", .help = "content identifier, at most 16 characters; reports repeat it"          \
    }

const struct option send_options[] = {
    ENVELOPE_OPTIONS,
    {.name = "cc", .value = "OR", .help = "a copy recipient; may be repeated"},
    {.name = "bcc", .value = "OR", .help = "gets the message, but is not named in it; may be repeated"},
    {.name = "subject", .letter = 's', .value = "TEXT", .help = "the subject"},
    {.name = "body",
     .value = "FILE",
     .help = "the text, UTF-8; - is standard input,\nthe default when nothing is attached"},
    {.name = "attach", .value = "FILE", .help = "a file to go with it, of any size; may be repeated"},
    {.name = "importance", .value = "I", .help = "low, normal or high", .choices = importances},
    {.name = "sensitivity",
     .value = "S",
     .help = "personal, private or company-confidential",
     .choices = sensitivities},
    {.name = "reply-to", .value = "OR", .help = "where an answer shall go"},
    {.name = "notification",
     .value = "N",
     .help = "ask recipients for non-receipt or receipt notifications",
     .choices = notifications},
    {.name = "deferred",
     .value = "TIME",
     .help = "not to be delivered before: 2026-11-20T10:34 (local),\n2026-11-20T10:34Z, +90s, +30m, +2h, +1d"},
    {.name = "return-content", .help = "a non-delivery report shall return the content"},
    {.name = "disclose", .help = "recipients may see each other in the envelope"},
    {0}};
const struct option probe_options[] = {
    ENVELOPE_OPTIONS, {.name = "size", .value = "OCTETS", .help = "size of the content that is asked about (0)"}, {0}};

// ---- the request ----

static int add_recipients(const struct cli *c, const struct args *a, const char *name, json_t *list) {
    size_t n;
    const char **all = args_all(c, a, name, &n), *report = args_get(a, "report");
    for (size_t k = 0; all != NULL && k < n; k++) {
        int status = message_address(c, name, all[k], NULL);
        if (status != CLI_DONE)
            return status;
        json_t *one = json_pack("{s:s}", "address", all[k]);
        if (report != NULL && one != NULL)
            json_object_set_new(one, "report", json_string(report));
        json_array_append_new(list, one);
    }
    return all == NULL ? cli_fail(c, "memory is short") : CLI_DONE;
}

static int add_deferred(const struct cli *c, const struct args *a, json_t *request) {
    const char *text = args_get(a, "deferred");
    if (text == NULL)
        return CLI_DONE;
    int64_t t = message_time(c, text);
    if (t < 0)
        return cli_usage(c, "--deferred is a time like 2026-11-20T10:34, 2026-11-20T10:34Z or +2h, not \"%s\"", text);
    json_object_set_new(request, "deferred", json_integer(t));
    return CLI_DONE;
}

// Everything but the content. NULL when *status says what was wrong.
static json_t *request_new(const struct cli *c, const struct args *a, const char *kind, int *status) {
    const char *from = args_get(a, "from"), *priority = args_get(a, "priority"), *id = args_get(a, "id");
    bool probe = strcmp(kind, "probe") == 0;
    json_t *list = json_array();
    *status = from == NULL ? cli_usage(c, "--from OR is missing") : message_address(c, "from", from, NULL);
    if (*status == CLI_DONE && id != NULL && (strlen(id) == 0 || strlen(id) > 16))
        *status = cli_usage(c, "--id has 1 to 16 characters");
    if (*status == CLI_DONE)
        *status = add_recipients(c, a, "to", list);
    if (*status == CLI_DONE && !probe)
        *status = add_recipients(c, a, "cc", list);
    if (*status == CLI_DONE && !probe)
        *status = add_recipients(c, a, "bcc", list);
    if (*status == CLI_DONE && json_array_size(list) == 0)
        *status = cli_usage(c, "--to OR is missing");
    json_t *r = *status != CLI_DONE ? NULL
                                    : json_pack("{s:s, s:s, s:s, s:O, s:s, s:i}", "cmd", "submit", "kind", kind,
                                                "originator", from, "recipients", list, "priority",
                                                priority == NULL ? "normal" : priority, "content_type", 22);
    json_decref(list);
    if (r != NULL && id != NULL)
        json_object_set_new(r, "content_identifier", json_string(id));
    if (r != NULL && !probe)
        *status = add_deferred(c, a, r);
    if (*status == CLI_DONE)
        return r != NULL ? r : (*status = cli_fail(c, "memory is short"), NULL);
    json_decref(r);
    return NULL;
}

static void add_content(const struct args *a, json_t *r, const struct content *content) {
    json_t *external = json_array();
    for (size_t k = 0; k < content->n_external; k++)
        json_array_append_new(external, json_string(content->external[k]));
    json_object_set_new(r, "eits",
                        json_pack("{s:I, s:o}", "built_in", (json_int_t)content->built_in, "external", external));
    json_object_set_new(r, "content_length", json_integer((json_int_t)content->length));
    json_object_set_new(r, "return_content", json_boolean(args_has(a, "return-content")));
    json_object_set_new(r, "disclose", json_boolean(args_has(a, "disclose")));
}

// ---- submission ----

static int submit(struct cli *c, const struct args *a, struct client *d, json_t *request, int fd) {
    json_t *v = client_ask(d, request, fd, NULL);
    int status = CLI_FAILED;
    if (v != NULL && args_has(a, "json"))
        status = cli_print_json(c, v);
    else if (v != NULL)
        status = fprintf(c->out, "%s\n", text_clean(c->arena, json_text(v, "id"))) < 0 ? CLI_FAILED : CLI_DONE;
    json_decref(v);
    return status;
}

// The identifier of an interpersonal message: the time and 64 random bits.
static const char *ipm_identifier(const struct cli *c) {
    uint64_t random;
    char when[32];
    time_t now = (time_t)(cli_now_ms(c) / 1000);
    struct tm tm;
    if (getrandom(&random, sizeof random, 0) != sizeof random || gmtime_r(&now, &tm) == NULL ||
        strftime(when, sizeof when, "%Y%m%d%H%M%S", &tm) == 0)
        return NULL;
    return arena_printf(c->arena, "%s-%016llx", when, (unsigned long long)random);
}

int send_run(struct cli *c, const struct args *a) {
    int status;
    struct client d;
    struct content content = {.fd = -1};
    json_t *r = request_new(c, a, "message", &status);
    if (r == NULL)
        return status;
    const char *identifier = ipm_identifier(c);
    if (identifier == NULL)
        status = cli_fail(c, "no random octets could be had");
    else if ((status = client_open(&d, c, a, CLIENT_SUBMIT)) == CLI_DONE) { // before the work: most likely to fail
        status = message_content(c, a, identifier, &content);
        if (status == CLI_DONE) {
            add_content(a, r, &content);
            status = submit(c, a, &d, json_incref(r), content.fd);
            close(content.fd);
        }
        client_close(&d);
    }
    json_decref(r);
    return status;
}

int probe_run(struct cli *c, const struct args *a) {
    int status;
    struct client d;
    int64_t size = 0;
    json_t *r = request_new(c, a, "probe", &status);
    if (r != NULL)
        status = args_number(c, a, "size", 0, INT32_MAX, &size);
    if (status == CLI_DONE && (status = client_open(&d, c, a, CLIENT_SUBMIT)) == CLI_DONE) {
        json_object_set_new(r, "content_length", json_integer(size));
        status = submit(c, a, &d, json_incref(r), -1);
        client_close(&d);
    }
    json_decref(r);
    return status;
}

// SPDX-License-Identifier: BSD-2-Clause
// `x400 check`: the configuration as the daemon would read it.
#include <string.h>

#include "base/err.h"
#include "cli/command.h"
#include "conf/conf.h"
#include "conf/print.h"

const struct option check_options[] = {
    {.name = "file", .letter = 'f', .value = "FILE", .help = "the configuration (" X400D_SYSCONFDIR "/x400d.conf)"},
    {.name = "print", .help = "print the effective configuration, defaults written out;\nit parses back to the same"},
    {.name = "secrets", .help = "with --print: show the passwords that stand in the file"},
    {.name = "json", .help = "errors and warnings as JSON"},
    {0}};

static json_t *text_or_null(const char *s) {
    json_t *v = s == NULL ? NULL : json_string(s);
    return v != NULL ? v : json_null();
}

static int print_errors_json(const struct cli *c, const struct conf_errors *errors) {
    json_t *list = json_array();
    for (const struct conf_error *e = errors->first; e != NULL; e = e->next)
        json_array_append_new(list, json_pack("{s:s, s:o, s:i, s:i, s:o, s:o, s:o}", "level",
                                              e->warning ? "warning" : "error", "file", text_or_null(e->where.file),
                                              "line", (int)e->where.line, "column", (int)e->where.column, "text",
                                              text_or_null(e->text), "source", text_or_null(e->source), "hint",
                                              text_or_null(e->hint)));
    json_t *all = json_pack("{s:b, s:i, s:i, s:o}", "ok", errors->n_errors == 0, "errors", (int)errors->n_errors,
                            "warnings", (int)errors->n_warnings, "list", list);
    int status = cli_print_json(c, all);
    json_decref(all);
    return status;
}

static int print_conf(const struct cli *c, const struct conf *conf, bool secrets) {
    struct buf out = {0};
    struct conf_where why = {0};
    int status = CLI_DONE, err = conf_print(conf, secrets ? CONF_PRINT_SECRETS : 0, &out, &why);
    if (err == ERR_STATE)
        status = cli_fail(c, "%s:%u: a password stands in this block: --secrets shows it", why.file, why.line);
    else if (err != ERR_OK)
        status = cli_fail(c, "%s", err_text(err));
    else
        fwrite(out.mem + out.off, 1, out.len, c->out);
    buf_free(&out);
    return status;
}

static void print_summary(const struct cli *c, const struct conf *conf, const struct conf_errors *errors) {
    fprintf(c->out, "%s: %s; stacks: %zu, peers: %zu, routes: %zu, deliveries: %zu", conf->path,
            errors->n_warnings > 0 ? "usable" : "good", conf->n_stacks, conf->n_peers, conf->n_routes,
            conf->n_delivers);
    if (errors->n_warnings > 0)
        fprintf(c->out, ", warnings: %zu", errors->n_warnings);
    fputc('\n', c->out);
}

int check_run(struct cli *c, const struct args *a) {
    const char *file = args_get(a, "file");
    struct conf_errors errors;
    if (args_has(a, "secrets") && !args_has(a, "print"))
        return cli_usage(c, "--secrets goes with --print");
    if (args_has(a, "print") && args_has(a, "json"))
        return cli_usage(c, "--print and --json exclude each other");
    struct conf *conf = conf_load(file != NULL ? file : X400D_SYSCONFDIR "/x400d.conf", &errors);
    int status = conf == NULL ? CLI_FAILED : CLI_DONE;
    if (args_has(a, "json"))
        print_errors_json(c, &errors);
    else
        conf_errors_print(&errors, c->err);
    if (conf != NULL && args_has(a, "print"))
        status = print_conf(c, conf, args_has(a, "secrets"));
    else if (conf != NULL && !args_has(a, "json"))
        print_summary(c, conf, &errors);
    conf_errors_free(&errors);
    conf_free(conf);
    return status;
}

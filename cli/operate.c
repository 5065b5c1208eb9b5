// SPDX-License-Identifier: BSD-2-Clause
// The commands that change something: `x400 queue …`, `x400 peer …`, `x400 reload`. What touches messages tells first
// how many, and asks.
#include <string.h>

#include "cli/select.h"
#include "cli/table.h"

const struct option queue_options[] = {SELECT_OPTIONS,
                                       {.name = "all", .help = "every message that waits"},
                                       {.name = "yes", .letter = 'y', .help = "do not ask"},
                                       {0}};
const struct option reload_options[] = {{.name = "dry-run", .help = "only tell what would change"}, {0}};

static const char *plural(int64_t n) {
    return n == 1 ? "" : "s";
}

// ---- queue ----

static json_t *queue_request(const struct cli *c, const struct args *a, const char *action, bool count, int *status) {
    json_t *r = json_pack("{s:s, s:s, s:b, s:b}", "cmd", "queue", "action", action, "count", (int)count, "all",
                          (int)args_has(a, "all"));
    *status = select_add(c, a, r);
    return r;
}

// True: yes. Only a terminal can answer.
static bool confirmed(const struct cli *c, const char *action, int64_t n) {
    char answer[16] = "";
    fprintf(c->err, "%s %lld message%s? [y/N] ", action, (long long)n, plural(n));
    fflush(c->err);
    if (fgets(answer, sizeof answer, c->in) == NULL)
        return false;
    answer[strcspn(answer, "\n")] = 0;
    return strcmp(answer, "y") == 0 || strcmp(answer, "Y") == 0 || strcmp(answer, "yes") == 0;
}

static int queue_done(struct cli *c, const struct args *a, const char *action, const json_t *v) {
    static const char *const past[][2] = {{"hold", "held"},
                                          {"release", "released"},
                                          {"retry", "set to be tried now"},
                                          {"return", "returned"},
                                          {"delete", "deleted"}};
    int64_t found = json_number(v, "found"), done = json_number(v, "done");
    const char *word = action;
    for (size_t k = 0; k < sizeof past / sizeof *past; k++)
        if (strcmp(action, past[k][0]) == 0)
            word = past[k][1];
    if (args_has(a, "json"))
        return cli_print_json(c, v) == CLI_DONE && done == found ? CLI_DONE : CLI_FAILED;
    fprintf(c->out, "%lld message%s %s\n", (long long)done, plural(done), word);
    if (done < found)
        return cli_fail(c, "%lld message%s being transferred right now, and left alone: try again",
                        (long long)(found - done), found - done == 1 ? " is" : "s are");
    return CLI_DONE;
}

static int queue_ask(struct cli *c, const struct args *a, struct client *d, const char *action) {
    int status;
    if (!args_has(a, "yes")) {
        json_t *r = queue_request(c, a, action, true, &status);
        json_t *v = client_ask(d, r, -1, NULL);
        int64_t found = json_number(v, "found");
        json_decref(v);
        if (v == NULL)
            return CLI_FAILED;
        if (found == 0)
            return cli_fail(c, "no waiting message matches");
        if (!confirmed(c, action, found))
            return cli_fail(c, "nothing was done");
    }
    json_t *v = client_ask(d, queue_request(c, a, action, false, &status), -1, NULL);
    if (v != NULL && json_number(v, "found") == 0)
        status = cli_fail(c, "no waiting message matches");
    else
        status = v == NULL ? CLI_FAILED : queue_done(c, a, action, v);
    json_decref(v);
    return status;
}

int queue_run(struct cli *c, const struct args *a) {
    const char *action = strchr(a->command->name, ' ') + 1;
    struct client d;
    int status;
    if (!select_given(a))
        return cli_usage(c, "say which messages: their numbers or identifiers, --peer, --from, --to, --priority, "
                            "--older, or --all");
    json_decref(queue_request(c, a, action, true, &status));
    if (status != CLI_DONE)
        return status;
    if (!args_has(a, "yes") && !c->in_terminal)
        return cli_usage(c, "nobody can be asked, for standard input is not a terminal: --yes does it without asking");
    if (client_open(&d, c, a, CLIENT_CONTROL) != CLI_DONE)
        return CLI_FAILED;
    status = queue_ask(c, a, &d, action);
    client_close(&d);
    return status;
}

// ---- peer ----

int peer_run(struct cli *c, const struct args *a) {
    static const struct {
        const char *action, *done;
    } table[] = {{"enable", "is enabled"},
                 {"disable", "is disabled: its associations end, its messages wait"},
                 {"connect", "is being called"},
                 {"disconnect", "is being disconnected"}};
    const char *name = a->words[0], *action = a->words[1];
    size_t k = 0;
    while (k < sizeof table / sizeof *table && strcmp(table[k].action, action) != 0)
        k++;
    if (k == sizeof table / sizeof *table)
        return cli_usage(c, "a peer can be told to enable, disable, connect or disconnect, not \"%s\"", action);
    json_t *v =
        client_once(c, a, CLIENT_CONTROL, json_pack("{s:s, s:s, s:s}", "cmd", "peer", "name", name, "action", action));
    if (v == NULL)
        return CLI_FAILED;
    int status = CLI_DONE;
    if (args_has(a, "json"))
        status = cli_print_json(c, v);
    else
        fprintf(c->out, "peer %s %s\n", text_clean(c->arena, name), table[k].done);
    json_decref(v);
    return status;
}

// ---- stack ----

static void print_released(const struct cli *c, const char *name, const json_t *v) {
    int64_t n = json_number(v, "released"), cut = json_number(v, "cut_off");
    fprintf(c->out, "stack %s is on standby: ", name);
    if (n + cut == 0)
        fputs("it had no association", c->out);
    else
        fprintf(c->out, "%lld association%s released", (long long)n, n == 1 ? " was" : "s were");
    if (cut > 0)
        fprintf(c->out, ", %lld did not end in time and %s cut off", (long long)cut, cut == 1 ? "was" : "were");
    fputc('\n', c->out);
}

int stack_run(struct cli *c, const struct args *a) {
    const char *name = a->words[0], *action = a->words[1];
    bool standby = strcmp(action, "standby") == 0;
    if (!standby && strcmp(action, "active") != 0)
        return cli_usage(c, "a stack can be told to be active or standby, not \"%s\"", action);
    json_t *v =
        client_once(c, a, CLIENT_CONTROL, json_pack("{s:s, s:s, s:s}", "cmd", "stack", "name", name, "action", action));
    if (v == NULL)
        return CLI_FAILED;
    int status = CLI_DONE;
    const char *state = json_text(v, "state"), *why = json_text(v, "why");
    name = text_clean(c->arena, name);
    if (args_has(a, "json"))
        status = cli_print_json(c, v);
    else if (standby && strcmp(state, "standby") != 0)
        status = cli_fail(c, "stack %s is %s: another command made it active meanwhile", name, state);
    else if (standby)
        print_released(c, name, v);
    else
        fprintf(c->out, "stack %s is %s%s%s%s%s\n", name, strcmp(state, "standby") == 0 ? "on " : "",
                text_clean(c->arena, state), *why == 0 ? "" : ": ", text_clean(c->arena, why),
                strcmp(state, "active") == 0 ? "" : "; it becomes active as soon as it can");
    json_decref(v);
    return status;
}

// ---- reload ----

int reload_run(struct cli *c, const struct args *a) {
    bool dry = args_has(a, "dry-run");
    json_t *v = client_once(c, a, CLIENT_CONTROL, json_pack("{s:s, s:b}", "cmd", "reload", "dry_run", (int)dry));
    if (v == NULL)
        return CLI_FAILED;
    const char *changes = json_text(v, "changes");
    int status = CLI_DONE;
    if (args_has(a, "json"))
        status = cli_print_json(c, v);
    else if (*changes == 0)
        fprintf(c->out, "the configuration is the same: nothing %s\n", dry ? "would change" : "changed");
    else
        fprintf(c->out, "%s%s", changes, changes[strlen(changes) - 1] == '\n' ? "" : "\n");
    json_decref(v);
    return status;
}

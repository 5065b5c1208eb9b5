// SPDX-License-Identifier: BSD-2-Clause
// Parsing a command line by the command's table of options, and help made from the same table. Options may stand
// anywhere before `--`: --name VALUE, --name=VALUE, -f VALUE, -fVALUE.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/table.h"
#include "conf/nearest.h"

enum { OPTIONS_MAX = 64, NAME_WIDTH = 24 };

#define EACH_OPTION(cmd, o)                                                                                            \
    for (size_t list_ = 0; list_ < COMMAND_OPTION_LISTS; list_++)                                                      \
        for (const struct option *o = (cmd)->options[list_]; o != NULL && o->name != NULL; o++)

const char *args_get(const struct args *a, const char *name) {
    for (size_t i = a->n_given; i-- > 0;)
        if (strcmp(a->given[i].option->name, name) == 0)
            return a->given[i].value == NULL ? "" : a->given[i].value;
    return NULL;
}

const char **args_all(const struct cli *c, const struct args *a, const char *name, size_t *n) {
    const char **all = arena_array(c->arena, a->n_given + 1, sizeof *all);
    *n = 0;
    for (size_t i = 0; i < a->n_given && all != NULL; i++)
        if (strcmp(a->given[i].option->name, name) == 0)
            all[(*n)++] = a->given[i].value;
    return all;
}

int args_number(const struct cli *c, const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out) {
    const char *text = args_get(a, name);
    char *end;
    if (text == NULL)
        return CLI_DONE;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (*text == 0 || *end != 0 || errno != 0 || v < min || v > max)
        return cli_usage(c, "--%s is a number from %lld to %lld, not \"%s\"", name, (long long)min, (long long)max,
                         text);
    *out = v;
    return CLI_DONE;
}

// ---- parsing ----

static const struct option *by_name(const struct command *cmd, const char *name, size_t n) {
    EACH_OPTION(cmd, o)
    if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
        return o;
    return NULL;
}

static const struct option *by_letter(const struct command *cmd, char letter) {
    EACH_OPTION(cmd, o)
    if (o->letter == letter)
        return o;
    return NULL;
}

static int unknown_option(const struct cli *c, const struct command *cmd, const char *name, size_t n) {
    const char *names[OPTIONS_MAX], *word = arena_strndup(c->arena, name, n);
    size_t n_names = 0;
    EACH_OPTION(cmd, o)
    if (n_names < OPTIONS_MAX)
        names[n_names++] = o->name;
    const char *near = word == NULL ? NULL : conf_nearest(word, names, n_names);
    if (near != NULL)
        return cli_usage(c, "there is no option --%s; did you mean --%s?", word, near);
    return cli_usage(c, "there is no option --%.*s", (int)n, name);
}

static int check_choice(const struct cli *c, const struct option *o, const char *value) {
    size_t n = 0;
    char list[200] = "";
    for (; o->choices[n] != NULL; n++) {
        if (strcmp(o->choices[n], value) == 0)
            return CLI_DONE;
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", n == 0 ? "" : ", ", o->choices[n]);
    }
    const char *near = conf_nearest(value, o->choices, n);
    if (near != NULL)
        return cli_usage(c, "--%s is one of %s, not \"%s\"; did you mean \"%s\"?", o->name, list, value, near);
    return cli_usage(c, "--%s is one of %s, not \"%s\"", o->name, list, value);
}

// value: what was joined to the option, NULL: nothing. Takes the next word when the option wants one.
static int take(const struct cli *c, struct args *a, const struct option *o, const char *value, int argc,
                char *const *argv, int *i) {
    if (o->value == NULL && value != NULL)
        return cli_usage(c, "--%s takes no value", o->name);
    if (o->value != NULL && value == NULL) {
        if (*i + 1 >= argc)
            return cli_usage(c, "--%s needs a value: %s", o->name, o->value);
        value = argv[++*i];
    }
    a->given[a->n_given++] = (struct given){o, value};
    return o->choices == NULL ? CLI_DONE : check_choice(c, o, value);
}

static int take_option(const struct cli *c, struct args *a, int argc, char *const *argv, int *i) {
    const char *s = argv[*i];
    const struct option *o;
    if (s[1] == '-') {
        size_t n = strcspn(s + 2, "=");
        o = by_name(a->command, s + 2, n);
        return o == NULL ? unknown_option(c, a->command, s + 2, n)
                         : take(c, a, o, s[2 + n] == '=' ? s + 3 + n : NULL, argc, argv, i);
    }
    o = by_letter(a->command, s[1]);
    if (o == NULL)
        return cli_usage(c, "there is no option -%c", s[1]);
    if (o->value == NULL && s[2] != 0)
        return cli_usage(c, "-%c takes no value", s[1]);
    return take(c, a, o, s[2] != 0 ? s + 2 : NULL, argc, argv, i);
}

int args_parse(const struct cli *c, const struct command *cmd, int argc, char *const *argv, struct args *out) {
    *out = (struct args){.command = cmd};
    out->words = arena_array(c->arena, (size_t)argc + 1, sizeof *out->words);
    out->given = arena_array(c->arena, (size_t)argc + 1, sizeof *out->given);
    if (out->words == NULL || out->given == NULL)
        return cli_fail(c, "memory is short");
    bool options = true;
    for (int i = 0; i < argc; i++) {
        int status = CLI_DONE;
        if (options && strcmp(argv[i], "--") == 0)
            options = false;
        else if (options && argv[i][0] == '-' && argv[i][1] != 0)
            status = take_option(c, out, argc, argv, &i);
        else
            out->words[out->n_words++] = argv[i];
        if (status != CLI_DONE)
            return status;
    }
    if (out->n_words < cmd->words_min)
        return cli_usage(c, "something is missing: x400 %s %s", cmd->name, cmd->arguments);
    if (out->n_words > cmd->words_max)
        return cli_usage(c, "\"%s\" is too much: x400 %s %s", out->words[cmd->words_max], cmd->name, cmd->arguments);
    return CLI_DONE;
}

// ---- help ----

// Each line of text after `indent` blanks, the first where the cursor is.
static void print_indented(FILE *out, const char *text, int indent) {
    for (;;) {
        size_t n = strcspn(text, "\n");
        fprintf(out, "%.*s\n", (int)n, text);
        if (text[n] == 0)
            return;
        text += n + 1;
        fprintf(out, "%*s", indent, "");
    }
}

static void print_option(const struct cli *c, const struct option *o) {
    char shown[80], letter[8] = "";
    if (o->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(shown, sizeof shown, "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
             o->value != NULL ? o->value : "");
    fprintf(c->out, "  %s", shown);
    int width = text_width(shown);
    if (width >= NAME_WIDTH)
        fprintf(c->out, "\n%*s", NAME_WIDTH + 3, "");
    else
        fprintf(c->out, "%*s", NAME_WIDTH + 1 - width, "");
    print_indented(c->out, o->help, NAME_WIDTH + 3);
}

void command_help(const struct cli *c, const struct command *cmd) {
    fprintf(c->out, "usage: x400 %s %s\n\n%s.\n", cmd->name, cmd->arguments, cmd->summary);
    if (cmd->details != NULL)
        fprintf(c->out, "\n%s\n", cmd->details);
    fputs("\noptions:\n", c->out);
    EACH_OPTION(cmd, o)
    print_option(c, o);
    fputs("  -h, --help               this text\n\nexample:\n  ", c->out);
    print_indented(c->out, cmd->example, 2);
    fputs("\nexit status: 0 done, 1 failed, 2 wrong usage\n", c->out);
}

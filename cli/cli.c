// SPDX-License-Identifier: BSD-2-Clause
// Finding the command that was meant, and what is said about a command line.
#include "cli/cli.h"

#include <stdarg.h>
#include <string.h>

#include "base/loop.h"
#include "cli/command.h"
#include "conf/nearest.h"

enum { COMMANDS_MAX = 64, ARENA_LIMIT = 512 << 20 };

// ---- what all commands use ----

static void say(const struct cli *c, const char *fmt, va_list ap) {
    fprintf(c->err, "x400%s%s: ", c->command != NULL ? " " : "", c->command != NULL ? c->command : "");
    vfprintf(c->err, fmt, ap);
    fputc('\n', c->err);
}

int cli_fail(const struct cli *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    say(c, fmt, ap);
    va_end(ap);
    return CLI_FAILED;
}

int cli_usage(const struct cli *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    say(c, fmt, ap);
    va_end(ap);
    fprintf(c->err, "see: x400%s%s --help\n", c->command != NULL ? " " : "", c->command != NULL ? c->command : "");
    return CLI_USAGE;
}

int64_t cli_now_ms(const struct cli *c) {
    return c->now_ms != 0 ? c->now_ms : clock_utc_ms();
}

int cli_print_json(const struct cli *c, const json_t *value) {
    if (json_dumpf(value, c->out, JSON_INDENT(2) | JSON_ENCODE_ANY) < 0 || fputc('\n', c->out) < 0)
        return cli_fail(c, "the answer could not be written");
    return CLI_DONE;
}

const char *json_text(const json_t *object, const char *key) {
    const char *s = json_string_value(json_object_get(object, key));
    return s == NULL ? "" : s;
}

int64_t json_number(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

// ---- help ----

static void print_commands(const struct cli *c, const char *group) {
    size_t n = group == NULL ? 0 : strlen(group);
    for (const struct command *k = commands; k->name != NULL; k++)
        if (n == 0 || (strncmp(k->name, group, n) == 0 && k->name[n] == ' '))
            fprintf(c->out, "  %-18s %s\n", k->name, k->summary);
}

static int help_all(const struct cli *c) {
    fputs("usage: x400 COMMAND [option]…\n\nThe command of operators and users of x400d.\n\ncommands:\n", c->out);
    print_commands(c, NULL);
    fputs("\nx400 COMMAND --help tells of one command. Exit status: 0 done, 1 failed, 2 wrong usage.\n"
          "x400 --version tells the version.\n"
          "O/R addresses are written /G=John/S=Smith/O=ACME/P=PRMD/A=ADMD/C=GB/ or\n"
          "\"C=GB;A=ADMD;P=PRMD;O=ACME;S=Smith;G=John\".\n",
          c->out);
    return CLI_DONE;
}

static int help_group(const struct cli *c, const char *group) {
    fprintf(c->out, "usage: x400 %s …\n\ncommands:\n", group);
    print_commands(c, group);
    fprintf(c->out, "\nx400 %s … --help tells of one of them.\n", group);
    return CLI_DONE;
}

// ---- finding the command ----

static bool is_help(const char *s) {
    return strcmp(s, "--help") == 0 || strcmp(s, "-h") == 0 || strcmp(s, "help") == 0;
}

static bool is_group(const char *word) {
    size_t n = strlen(word);
    for (const struct command *k = commands; k->name != NULL; k++)
        if (strncmp(k->name, word, n) == 0 && k->name[n] == ' ')
            return true;
    return false;
}

// word: the first one (group NULL), or the one behind the group.
static const struct command *find(const char *group, const char *word) {
    size_t n = group == NULL ? 0 : strlen(group) + 1;
    for (const struct command *k = commands; k->name != NULL; k++)
        if ((n == 0 || (strncmp(k->name, group, n - 1) == 0 && k->name[n - 1] == ' ')) &&
            strcmp(k->name + n, word) == 0)
            return k;
    return NULL;
}

static int unknown(const struct cli *c, const char *group, const char *word) {
    const char *words[COMMANDS_MAX];
    size_t n_words = 0, n = group == NULL ? 0 : strlen(group) + 1;
    for (const struct command *k = commands; k->name != NULL && n_words < COMMANDS_MAX; k++)
        if (n == 0)
            words[n_words++] = arena_strndup(c->arena, k->name, strcspn(k->name, " "));
        else if (strncmp(k->name, group, n - 1) == 0 && k->name[n - 1] == ' ')
            words[n_words++] = k->name + n;
    const char *near = conf_nearest(word, words, n_words);
    if (near != NULL)
        return cli_usage(c, "there is no command \"%s\"; did you mean \"%s\"?", word, near);
    return cli_usage(c, "there is no command \"%s\"", word);
}

static bool wants_help(int argc, char *const *argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(struct cli *c, const struct command *k, int argc, char *const *argv) {
    struct args a;
    c->command = k->name;
    if (wants_help(argc, argv)) {
        command_help(c, k);
        return CLI_DONE;
    }
    int status = args_parse(c, k, argc, argv, &a);
    return status != CLI_DONE ? status : k->run(c, &a);
}

static int dispatch(struct cli *c, int argc, char *const *argv) {
    if (argc < 2) {
        cli_usage(c, "say what to do");
        return CLI_USAGE;
    }
    if (is_help(argv[1]) && (argc == 2 || argv[1][0] == '-'))
        return help_all(c);
    if (strcmp(argv[1], "--version") == 0) {
        fputs("x400 " X400D_VERSION "\n", c->out);
        return CLI_DONE;
    }
    if (!is_group(argv[1])) {
        const struct command *k = find(NULL, argv[1]);
        return k == NULL ? unknown(c, NULL, argv[1]) : run(c, k, argc - 2, argv + 2);
    }
    c->command = argv[1];
    if (argc == 2)
        return cli_usage(c, "say what: x400 %s …", argv[1]);
    if (is_help(argv[2]))
        return help_group(c, argv[1]);
    const struct command *k = find(argv[1], argv[2]);
    return k == NULL ? unknown(c, argv[1], argv[2]) : run(c, k, argc - 3, argv + 3);
}

int cli_main(const struct cli *io, int argc, char *const *argv) {
    struct arena arena;
    struct cli c = *io;
    arena_init(&arena, ARENA_LIMIT);
    c.arena = &arena;
    c.command = NULL;
    int status = dispatch(&c, argc, argv);
    arena_free(&arena);
    if (fflush(c.out) != 0 && status == CLI_DONE)
        status = CLI_FAILED;
    return status;
}

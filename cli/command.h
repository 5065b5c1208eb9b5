// SPDX-License-Identifier: BSD-2-Clause
// Commands and their options, as tables; parsing a command line by them and printing its help from them.
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/cli.h"

struct option {
    const char *name;           // "from", given as --from; NULL ends a list
    char letter;                // 'f', given as -f; 0: none
    const char *value;          // "FILE", how help names it; NULL: a flag
    const char *help;           // may have several lines
    const char *const *choices; // the values there are, ended by NULL; NULL: any
};

enum { COMMAND_OPTION_LISTS = 4 };
struct args;
struct command {
    const char *name;      // "send", "show queue"
    const char *arguments; // "--from OR --to OR [option]…", behind the name in its usage
    const char *summary;   // one line
    const char *details;   // paragraphs, NULL: none
    const char *example;   // command lines, one a line
    const struct option *options[COMMAND_OPTION_LISTS];
    unsigned words_min, words_max; // words that are not options
    int (*run)(struct cli *c, const struct args *a);
};

struct given {
    const struct option *option;
    const char *value; // NULL of a flag
};
struct args {
    const struct command *command;
    const char **words;
    size_t n_words;
    struct given *given; // in the order of the command line
    size_t n_given;
};

// The commands, ended by a NULL name. command_table.c
extern const struct command commands[];

// The value of the last one given (a flag: ""); NULL: not given. name must be in the command's lists.
const char *args_get(const struct args *a, const char *name);
static inline bool args_has(const struct args *a, const char *name) {
    return args_get(a, name) != NULL;
}
// All values of an option in order, into an array of the arena; *n may be 0. NULL: memory is short.
const char **args_all(const struct cli *c, const struct args *a, const char *name, size_t *n);

// argv after the name of the command. CLI_DONE, CLI_USAGE (said), CLI_FAILED (memory).
int args_parse(const struct cli *c, const struct command *cmd, int argc, char *const *argv, struct args *out);
// A number from min to max. CLI_DONE or CLI_USAGE; *out is unchanged when it was not given.
int args_number(const struct cli *c, const struct args *a, const char *name, int64_t min, int64_t max, int64_t *out);

void command_help(const struct cli *c, const struct command *cmd);

// ---- lists that several commands use ----
extern const struct option option_json[];
extern const struct option option_status_socket[], option_submit_socket[], option_control_socket[];

// ---- the commands, by file ----
int send_run(struct cli *c, const struct args *a);         // send.c
int probe_run(struct cli *c, const struct args *a);        // send.c
int ping_run(struct cli *c, const struct args *a);         // ping.c
int dump_run(struct cli *c, const struct args *a);         // dump.c
int check_run(struct cli *c, const struct args *a);        // check.c
int show_status_run(struct cli *c, const struct args *a);  // show.c
int show_stacks_run(struct cli *c, const struct args *a);  // show_stacks.c
int show_peers_run(struct cli *c, const struct args *a);   // show_peers.c
int show_assoc_run(struct cli *c, const struct args *a);   // show.c
int show_queue_run(struct cli *c, const struct args *a);   // show_queue.c
int show_message_run(struct cli *c, const struct args *a); // show_message.c
int show_routes_run(struct cli *c, const struct args *a);  // show_route.c: `show route`, `show routes`
int show_events_run(struct cli *c, const struct args *a);  // show_events.c
int queue_run(struct cli *c, const struct args *a);        // operate.c: the five of them
int peer_run(struct cli *c, const struct args *a);         // operate.c
int stack_run(struct cli *c, const struct args *a);        // operate.c
int reload_run(struct cli *c, const struct args *a);       // operate.c
int trace_run(struct cli *c, const struct args *a);        // trace.c
extern const struct option send_options[], probe_options[], ping_options[], dump_options[], check_options[],
    show_peers_options[], show_queue_options[], show_message_options[], show_events_options[], queue_options[],
    reload_options[], trace_options[];

#endif

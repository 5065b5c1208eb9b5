// SPDX-License-Identifier: BSD-2-Clause
// The command x400: what its parts share. A command is a row of a table (command.h); it gets where to read and write as
// a struct, so that tests run it in their own process. Results are exit statuses.
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct cli {
    FILE *in, *out, *err;
    bool in_terminal, out_terminal, err_terminal;
    bool colour;         // of out
    int64_t now_ms;      // UTC; 0: the clock. Tests set it
    struct arena *arena; // for whatever lives as long as the command
    const char *command; // "show queue", for messages
};

// Runs the command line; io's arena and command are set here. The exit status.
int cli_main(const struct cli *io, int argc, char *const *argv);

// "x400 show queue: " and the text, as one line on err. Returns CLI_FAILED, or CLI_USAGE and where to find help.
int cli_fail(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int cli_usage(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

int64_t cli_now_ms(const struct cli *c);
int cli_print_json(const struct cli *c, const json_t *value); // indented; takes no reference. CLI_DONE, or CLI_FAILED

// Reading what the daemon says: "" or 0 when it is absent or of another type.
const char *json_text(const json_t *object, const char *key);
int64_t json_number(const json_t *object, const char *key);

#endif

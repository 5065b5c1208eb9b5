// SPDX-License-Identifier: BSD-2-Clause
// The program x400: its standard streams and the locale; everything else is cli.c.
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN); // a daemon that goes away is an error message, not a death
    // Texts are UTF-8 whatever the locale says; it is only asked how wide characters are, and a missing one is no
    // fault.
    if (setlocale(LC_CTYPE, "") == NULL || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    const char *no_color = getenv("NO_COLOR");
    struct cli c = {.in = stdin,
                    .out = stdout,
                    .err = stderr,
                    .in_terminal = isatty(STDIN_FILENO),
                    .out_terminal = isatty(STDOUT_FILENO),
                    .err_terminal = isatty(STDERR_FILENO)};
    c.colour = c.out_terminal && (no_color == NULL || *no_color == 0);
    return cli_main(&c, argc, argv);
}

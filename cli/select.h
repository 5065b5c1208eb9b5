// SPDX-License-Identifier: BSD-2-Clause
// Which messages a command means, for `x400 show queue`, `x400 show message` and `x400 queue …`; answers in pages.
#ifndef CLI_SELECT_H
#define CLI_SELECT_H

#include "cli/client.h"

extern const char *const select_priorities[];

#define SELECT_OPTIONS                                                                                                 \
    {.name = "peer", .value = "NAME", .help = "those that go to this next hop"},                                       \
        {.name = "from", .value = "TEXT", .help = "those whose originator contains the text"},                         \
        {.name = "to", .value = "TEXT", .help = "those with a recipient that contains the text"},                      \
        {.name = "priority", .value = "P", .help = "normal, non-urgent or urgent", .choices = select_priorities}, {    \
        .name = "older", .value = "TIME", .help = "those that arrived longer ago: 90s, 30m, 2h, 1d"                    \
    }

// Adds the command's words as identifiers, and its options, to a request. CLI_DONE or CLI_USAGE.
int select_add(const struct cli *c, const struct args *a, json_t *request);
// Whether anything was selected by words or options; --all counts.
bool select_given(const struct args *a);

enum { SELECT_ALL = 0 };
// Asks page by page, with "after", until all came, or at least `limit` messages. The first answer, its "messages" those
// of all pages. Takes the reference of the request. NULL: it failed and was said.
json_t *client_pages(struct client *d, json_t *request, size_t limit);

#endif

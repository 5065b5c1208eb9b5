// SPDX-License-Identifier: BSD-2-Clause
// Composing what `x400 send` and `x400 probe` submit.
#ifndef CLI_MESSAGE_H
#define CLI_MESSAGE_H

#include "cli/command.h"
#include "x400/ipm_stream.h"

// A content written to an unlinked file.
struct content {
    int fd; // -1: none
    uint64_t length;
    uint32_t built_in;                  // encoded information types, as struct ipm_eits has them
    const char *external[IPM_EITS_MAX]; // dotted, in the arena
    size_t n_external;
};

// An address of the command line, as the option `name` gave it (NULL: a word). CLI_DONE; CLI_USAGE, and what is wrong
// was shown with its place; CLI_FAILED. orname (may be NULL): its encoding as ORName, in the arena.
int message_address(const struct cli *c, const char *name, const char *text, struct bytes *orname);

// The heading, the body and the attachments that a asks for, as a P22 content. identifier: of this IPM, at most 64
// characters of PrintableString. CLI_DONE; CLI_FAILED or CLI_USAGE, said.
int message_content(struct cli *c, const struct args *a, const char *identifier, struct content *out);

// "2026-11-20T10:34[:36][Z]" (local without Z), "2026-11-20 10:34", or "+90s", "+30m", "+2h", "+1d" from now: seconds
// since 1970 UTC; -1: it is none of these.
int64_t message_time(const struct cli *c, const char *text);

#endif

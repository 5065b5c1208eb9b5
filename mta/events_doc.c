// SPDX-License-Identifier: BSD-2-Clause
// Prints the event catalogue as Markdown: `make docs` writes it to docs/events.md. A program of its own, so that
// the page cannot differ from what the daemon does.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mta/events.h"

static int by_id(const void *a, const void *b) {
    const struct event_def *x = *(const struct event_def *const *)a, *y = *(const struct event_def *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

// The anchor that Markdown viewers make of "### 289 open-failed".
static void print_row(const struct event_def *e) {
    printf("| [%u](#%u-%s) | %s | %s | ", e->id, e->id, e->name, e->name, event_level_name(e->level));
    size_t n = strcspn(e->meaning, ".:;");
    printf("%.*s |\n", (int)n, e->meaning);
}

// The names of the fields, each once, in the order of the text.
static void print_fields(const char *text) {
    const char *between = "Fields: ";
    for (const char *p = text; (p = strchr(p, '{')) != NULL;) {
        size_t n = strcspn(++p, "}");
        printf("%s`%.*s`", between, (int)n, p);
        between = ", ";
        p += n;
    }
    if (strcmp(between, ", ") == 0)
        puts(".\n");
}

// The fields that tell one repeating case from another.
static void print_key(const char *key) {
    const char *between = " Counted while it repeats with the same text for the same ";
    for (size_t n; (n = strcspn(key, " ")) > 0; key += n + (key[n] == ' ')) {
        printf("%s`%.*s`", between, (int)n, key);
        between = " and ";
    }
    printf(".");
}

static void print_event(const struct event_def *e) {
    printf("### %u %s\n", e->id, e->name);
    printf("Level %s.", event_level_name(e->level));
    if (e->key != NULL)
        print_key(e->key);
    printf("\n\n```\n%s\n```\n", e->text);
    print_fields(e->text);
    printf("- **Meaning:** %s\n", e->meaning);
    if (strcmp(e->causes, "-") != 0)
        printf("- **Likely causes:** %s\n", e->causes);
    printf("- **What to do:** %s\n\n", e->action);
}

static const char introduction[] =
    "# Events of x400d\n"
    "\n"
    "What the daemon tells its operator, to syslog (facility mail) or a file, as plain text or JSON: see `events` in\n"
    "x400d.conf(5). `x400 show events` lists the latest 1,000, also while the daemon waits for its spool. Identifiers "
    "below\n"
    "10,000 are those that operators of earlier X.400 connectors know; the others begin at 20001.\n"
    "\n"
    "## Reading them\n"
    "A line in a file reads `TIME x400d LEVEL ID NAME: TEXT`, in syslog `ID NAME: TEXT`. A JSON line has `v` (1), "
    "`time`\n"
    "(UTC), `id`, `level`, `event` (the name), `text`, and each field by its name. A field without a value is left out "
    "in\n"
    "JSON; in the text it reads `-`, or the part in brackets that it stands in is left out. Control characters in a "
    "value are\n"
    "written `\\x0a`.\n"
    "\n"
    "An event that repeats with the same text is written at its first time and when the text changes; in between it "
    "is\n"
    "counted, and written once in 5 minutes with the field `repeated`.\n"
    "\n"
    "The lines about messages (20201 to 20205) have `delay`, the seconds since the message arrived, and `delays`, "
    "four\n"
    "parts of it: waiting in the queue, opening the association, transferring, waiting for the acknowledgement. A "
    "part\n"
    "that is not known is `-`.\n"
    "\n"
    "## One failure, several numbers\n"
    "Rules and scripts may know a number, so each is raised where it always was. Of those that tell of one and the "
    "same failure\n"
    "one is a warning and says everything; the other is a notice with the same fields. Watch the warning, or the "
    "number that\n"
    "you know, but not both.\n"
    "\n"
    "| what failed | warning | also, as a notice | and then |\n"
    "|---|---|---|---|\n"
    "| a caller is refused | 9301: who called, and for each peer that nearly matched what differed | 51, when it was "
    "the name, the password or a selector | |\n"
    "| one attempt of a call: one stack, one address | 9318: the step, the reason, the likely cause | 9215, when it "
    "was the TCP connection | the next pair of stack and address |\n"
    "| the whole call: no pair is left | 289, once | | 301: when the next call is made |\n"
    "| an open association | 1294 | 20107 for each transfer that was in its middle | 20108 or 20109 |\n"
    "\n"
    "## All of them\n";

int main(void) {
    const struct event_def *all[EV_EVENTS];
    for (int i = 0; i < EV_EVENTS; i++)
        all[i] = mta_event((enum mta_event)i);
    qsort(all, EV_EVENTS, sizeof *all, by_id);
    fputs(introduction, stdout);
    puts("| id | name | level | |\n|---|---|---|---|");
    for (int i = 0; i < EV_EVENTS; i++)
        print_row(all[i]);
    puts("");
    for (int i = 0; i < EV_EVENTS; i++)
        print_event(all[i]);
    return fflush(stdout) == 0 ? 0 : 1;
}

// SPDX-License-Identifier: BSD-2-Clause
// The parts of `x400 dump`: octets come in (dump_input.c), are decoded into one JSON tree (dump_p1.c, dump_ipm.c,
// dump_bind.c), and the tree is printed as it is or as text (dump_tree.c). Bodies are shown up to a limit and otherwise
// passed over, so that a content of any size costs no memory.
#ifndef CLI_DUMP_H
#define CLI_DUMP_H

#include "base/buf.h"
#include "cli/cli.h"
#include "x400/p1.h"

// ---- input ----
struct dump_input {
    FILE *f;
    uint8_t *raw; // as read; mem_free
    size_t at, n;
    bool hex, comment;
    int high;          // the first digit of a pair, -1: none
    uint64_t place;    // in the file, of the next raw octet
    const char *fault; // why reading stopped; NULL: it did not
};
// Finds out whether these are octets or hexadecimal digits. ERR_NOMEM, ERR_SYSTEM.
int dump_input_open(struct dump_input *in, FILE *f);
void dump_input_close(struct dump_input *in); // not f
// Up to cap octets; 0 at the end or at a fault.
size_t dump_input_read(struct dump_input *in, uint8_t *out, size_t cap);

// ---- the tree ----
struct dump {
    struct cli *c;
    size_t show;  // octets of a body that are shown
    bool secrets; // passwords too
};
// Adds to an object; nothing when the value is absent (p NULL, text NULL). Octets that are not UTF-8 are shown as
// U+FFFD.
void dump_put(json_t *o, const char *key, const char *text);
void dump_put_bytes(json_t *o, const char *key, struct bytes text);
void dump_put_hex(json_t *o, const char *key, struct bytes octets); // the first 64, and how many there are
void dump_put_flag(json_t *o, const char *key, bool yes);           // only when it is
void dump_put_time(json_t *o, const char *key, const struct p1_time *t);
void dump_put_buf(json_t *o, const char *key, struct buf *b); // and frees b; nothing when it is empty
void dump_put_list(json_t *o, const char *key, json_t *list); // takes the reference; nothing when it is empty
json_t *dump_bytes(struct bytes text);                        // a string
void dump_print(const struct cli *c, const json_t *tree, int indent);

// ---- what can be dumped ----
// Each takes octets in pieces; offsets in *fault count from the first. The tree of what was read comes also after an
// error. feed and end return 0 or an error, with the fault filled in.
struct dump_fault {
    uint64_t offset;
    bool exact;   // else it is somewhere behind it
    bool nowhere; // the text says it all
    char text[400];
};
struct dump_apdu;
struct dump_apdu *dump_apdu_new(const struct dump *d); // NULL: memory is short
void dump_apdu_1984(
    struct dump_apdu *p); // of an association of 1984: what has no form there is told. Before the first feed
int dump_apdu_feed(struct dump_apdu *p, struct bytes piece, struct dump_fault *fault);
int dump_apdu_end(struct dump_apdu *p, struct dump_fault *fault);
json_t *dump_apdu_free(struct dump_apdu *p); // the tree

struct dump_ipm;
struct dump_ipm *dump_ipm_new(const struct dump *d);
int dump_ipm_feed(struct dump_ipm *p, struct bytes piece, struct dump_fault *fault);
int dump_ipm_end(struct dump_ipm *p, struct dump_fault *fault);
json_t *dump_ipm_free(struct dump_ipm *p);

// All of it at once. which: 16 argument, 17 result, 18 error, as they are tagged in normal mode; DUMP_BARE_*: as in
// X.410 mode.
enum { DUMP_BARE_ARGUMENT = -1, DUMP_BARE_RESULT = -2 };
json_t *dump_bind(const struct dump *d, struct bytes in, int which, struct dump_fault *fault);

// A capture, whose octets `read` gives: what of it is of connections with TPKT. The exit status.
enum dump_form { DUMP_FULL, DUMP_SUMMARY, DUMP_JSON };
int dump_capture(const struct dump *d, enum dump_form form, size_t (*read)(void *ctx, uint8_t *out, size_t cap),
                 void *ctx);

// dump_envelope.c
json_t *dump_envelope(const struct dump *d, const struct p1_envelope *e);
json_t *dump_not_in_1984(const struct p1_envelope *e); // dump_1984.c: an array of texts

#endif

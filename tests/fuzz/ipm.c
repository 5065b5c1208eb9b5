// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: contents of interpersonal messages for their reader. The first octet of an input says in which pieces
// and with which limits. What is told is the same in any pieces; parts begin and end; texts are UTF-8; headings can be
// shown.
#include "asn1/validate.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/x400_ipm_print.h"
#include "x400/ipm_stream.h"

struct told {
    struct buf log;
    bool in_part;
};

static void note(struct told *t, const char *text) {
    if (text != NULL)
        require(buf_append_str(&t->log, text) == ERR_OK);
    require(buf_append_u8(&t->log, '|') == ERR_OK);
}

static int heading(void *ctx, const char *number, unsigned level, const struct ipm_heading *h) {
    struct told *t = ctx;
    char why[VALIDATE_WHY_MAX];
    struct buf out = {0};
    require(!t->in_part && (level == 0) == (number[0] == '\0'));
    note(t, number);
    print_heading(&t->log, h);
    require(ipm_heading_check(h, why) != ERR_OK || ipm_heading_encode(h, &out) != ERR_LIMIT);
    buf_free(&out);
    return 0;
}
static int part_begin(void *ctx, const struct ipm_part *p) {
    struct told *t = ctx;
    require(!t->in_part && p->number[0] != '\0' && p->type_name != NULL && p->fallback_name != NULL);
    t->in_part = p->kind != IPM_PART_MESSAGE;
    const char *const texts[] = {p->number, p->type_name, p->oid, p->file_name, p->fallback_name, p->description};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        note(t, texts[i]);
    note(t, p->delivery_text);
    return 0;
}
static int part_data(void *ctx, const struct ipm_part *p, struct bytes piece) {
    struct told *t = ctx;
    require(piece.n > 0 && p->number[0] != '\0');
    return buf_append(&t->log, piece.p, piece.n);
}
static int part_end(void *ctx, const struct ipm_part *p, uint64_t warnings) {
    struct told *t = ctx;
    t->in_part = false;
    note(t, warnings > 0 ? "warnings" : p->number);
    return 0;
}
static int notification(void *ctx, const struct ipm_notification *n) {
    struct told *t = ctx;
    print_notification(&t->log, n);
    return 0;
}
static const struct ipm_reader_user user = {heading, part_begin, part_data, part_end, notification};

static int tell(struct told *t, struct bytes in, size_t piece, bool keep_basic) {
    const struct ipm_limits limits = {.forwarded_depth = 4, .collect = 4096, .parts = 50, .keep_basic = keep_basic};
    struct ipm_reader *r = ipm_reader_new(&user, t, &limits);
    int err = ERR_OK;
    require(r != NULL);
    while (in.n > 0 && err == ERR_OK)
        err = ipm_reader_feed(r, take_some(&in, piece));
    if (err == ERR_OK)
        err = ipm_reader_end(r);
    ipm_reader_free(r);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in);
    struct told whole = {.in_part = false}, pieces = {.in_part = false};
    int err = tell(&whole, in, in.n + 1, how & 0x80);
    int err_pieces = tell(&pieces, in, 1 + (how & 0x7f), how & 0x80);
    require((err == ERR_OK) == (err_pieces == ERR_OK));
    if (err == ERR_OK)
        require(bytes_equal(buf_bytes(&whole.log), buf_bytes(&pieces.log)));
    buf_free(&whole.log);
    buf_free(&pieces.log);
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Names, identifiers and times of headings and notifications for people.
#include <string.h>

#include "base/err.h"
#include "x400/ipm_internal.h"
#include "x400/oraddr.h"
#include "x400/p1_value.h"

// A peer's text on one line: its control characters become blanks.
static int put_text(struct buf *out, const char *text) {
    struct bytes in = bytes_str(text);
    size_t from = out->len;
    int err = buf_append(out, in.p, in.n);
    for (size_t i = from; err == ERR_OK && i < out->len; i++) {
        uint8_t *c = out->mem + out->off + i;
        if (*c < 0x20 || *c == 0x7F)
            *c = ' ';
        else if (*c == 0xC2 && i + 1 < out->len && c[1] < 0xA0) // C1
            c[0] = c[1] = ' ';
    }
    return err;
}

static int put_name(struct buf *out, struct bytes name) {
    struct arena a = {0};
    struct or_address address;
    int err = or_name_decode(&a, name, &address, NULL);
    const char *text = err == ERR_OK ? or_address_print(&a, &address, OR_SLASH) : NULL;
    if (err == ERR_OK && text == NULL)
        err = ERR_NOMEM;
    if (err != ERR_NOMEM)
        err = put_text(out, text != NULL ? text : "(address that cannot be read)");
    arena_free(&a);
    return err;
}

int ipm_descriptor_print(const struct ipm_descriptor *d, struct buf *out) {
    size_t from = out->len;
    int err = d->free_form_name != NULL ? put_text(out, d->free_form_name) : ERR_OK;
    if (err == ERR_OK && d->formal_name.n > 0) {
        bool brackets = out->len > from;
        err = buf_append_str(out, brackets ? " <" : "");
        if (err == ERR_OK)
            err = put_name(out, d->formal_name);
        if (err == ERR_OK)
            err = buf_append_str(out, brackets ? ">" : "");
    }
    if (err == ERR_OK && d->telephone_number != NULL) {
        err = buf_append_str(out, out->len > from ? ", tel. " : "tel. ");
        if (err == ERR_OK)
            err = put_text(out, d->telephone_number);
    }
    return err;
}

int ipm_id_print(const struct ipm_id *id, struct buf *out) {
    int err = put_text(out, id->local != NULL ? id->local : "");
    if (err < 0 || id->user.n == 0)
        return err;
    err = buf_append_str(out, " of ");
    return err < 0 ? err : put_name(out, id->user);
}

int ipm_time_print(int64_t t, struct buf *out) {
    char text[21];
    return p1_time_iso(t, text) < 0 ? ERR_SYNTAX : buf_append_str(out, text);
}

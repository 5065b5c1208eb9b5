// SPDX-License-Identifier: BSD-2-Clause
#include <ctype.h>
#include <errno.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/dump.h"

enum { RAW = 65536 };

static int digit(int ch) {
    return ch >= '0' && ch <= '9' ? ch - '0' : isxdigit(ch) ? tolower(ch) - 'a' + 10 : -1;
}

// Nothing but hexadecimal digits, blanks, and comments from # to the end of their line.
static bool is_hex(const uint8_t *p, size_t n) {
    bool comment = false;
    size_t digits = 0;
    for (size_t k = 0; k < n; k++) {
        if (p[k] == '\n' || (p[k] == '#' && !comment))
            comment = p[k] == '#';
        else if (!comment && !isspace(p[k]) && digit(p[k]) < 0)
            return false;
        else
            digits += !comment && !isspace(p[k]);
    }
    return digits >= 2;
}

static bool fill(struct dump_input *in) {
    if (in->at < in->n)
        return true;
    in->at = 0;
    in->n = fread(in->raw, 1, RAW, in->f);
    if (ferror(in->f))
        in->fault = "it cannot be read";
    return in->n > 0;
}

int dump_input_open(struct dump_input *in, FILE *f) {
    *in = (struct dump_input){.f = f, .high = -1, .raw = mem_alloc(RAW)};
    if (in->raw == NULL)
        return ERR_NOMEM;
    fill(in);
    in->hex = is_hex(in->raw, in->n);
    return in->fault == NULL ? ERR_OK : ERR_SYSTEM;
}

void dump_input_close(struct dump_input *in) {
    mem_free(in->raw);
    in->raw = NULL;
}

// One raw octet of a file of digits: whether it completed an octet, which is then in *out.
static bool take_digit(struct dump_input *in, uint8_t ch, uint8_t *out) {
    if (ch == '\n' || (ch == '#' && !in->comment)) {
        in->comment = ch == '#';
        return false;
    }
    if (in->comment || isspace(ch))
        return false;
    int value = digit(ch);
    if (value < 0)
        in->fault = "not a hexadecimal digit";
    else if (in->high < 0)
        in->high = value;
    else {
        *out = (uint8_t)(in->high << 4 | value);
        in->high = -1;
        return true;
    }
    return false;
}

size_t dump_input_read(struct dump_input *in, uint8_t *out, size_t cap) {
    size_t n = 0;
    while (n < cap && in->fault == NULL && fill(in)) {
        uint8_t ch = in->raw[in->at++];
        in->place++;
        if (!in->hex)
            out[n++] = ch;
        else
            n += take_digit(in, ch, &out[n]);
    }
    if (in->fault == NULL && n < cap && in->high >= 0)
        in->fault = "the last hexadecimal digit is alone";
    return n;
}

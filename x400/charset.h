// SPDX-License-Identifier: BSD-2-Clause
// Character sets of X.400 to UTF-8 and back. Octets that mean nothing in their set become U+FFFD, one each: they are
// seen, never dropped. Sets are named by their numbers in the ISO international register of coded character sets, as in
// general-text body parts: 1 (C0 controls), 6 (ASCII), 100, 101, 109, 110, 126, 127, 138, 144, 148 ... (the right
// halves of ISO 8859-1, -2, -3, ...), 102 and 103 (T.61).
#ifndef X400_CHARSET_H
#define X400_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

// ---- UTF-8 ----
// The character at *p (before end), which moves on; U+FFFD for each octet that is not UTF-8. Call only while *p < end.
uint32_t charset_utf8_next(const char **p, const char *end);
int charset_utf8_put(struct buf *out, uint32_t c);
bool charset_utf8_valid(struct bytes text);

// ---- which set holds a text (UTF-8, NUL-terminated) ----
bool charset_is_numeric(const char *text);   // digits and blank
bool charset_is_printable(const char *text); // PrintableString
bool charset_is_teletex(const char *text);   // T.61

// ---- whole strings: append to out; 0, ERR_NOMEM, or ERR_SYNTAX: a character that the set lacks (out unchanged) ----
int charset_utf8_to_t61(const char *text, struct buf *out);
int charset_utf8_to_ucs(const char *text, unsigned width, struct buf *out); // 2: BMPString, 4: UniversalString
int charset_t61_to_utf8(struct bytes in, struct buf *out);
int charset_latin1_to_utf8(struct bytes in, struct buf *out);
int charset_ucs_to_utf8(struct bytes in, unsigned width, struct buf *out); // a last character in part: U+FFFD

// ---- ISO 8859 for general text ----
// The registration of the right half (100, 101, ...) of the first ISO 8859 part that holds the text together with
// ASCII; 6 when ASCII alone does; 0 when none does. Control characters other than those of C0 set 1 count as not held.
unsigned charset_smallest(struct bytes utf8);
// General text in ASCII and one right half: with the escape sequence that designates it in front (ISO 2022), unless it
// is 6. ERR_SYNTAX: a character that is not in it.
int charset_general_encode(struct bytes utf8, unsigned registration, struct buf *out);

// ---- streams: bodies of any size, in pieces ----
enum charset_kind {
    CHARSET_IA5,     // 7 bits; octets above are shown as U+FFFD
    CHARSET_T61,     // teletex
    CHARSET_GENERAL, // ISO 2022: begins with ASCII in G0 and the first right half of the registrations in G1
    CHARSET_LATIN1,
    CHARSET_UTF8 // checked, mended with U+FFFD
};

struct charset_decoder;
// registrations: those of the general-text parameters (n may be 0), otherwise ignored. NULL: memory is short.
struct charset_decoder *charset_decoder_new(enum charset_kind kind, const unsigned *registrations, size_t n);
void charset_decoder_free(struct charset_decoder *d); // NULL is allowed
// Appends the UTF-8 of a piece; a character split between pieces waits for the next. last: nothing follows.
int charset_decoder_feed(struct charset_decoder *d, struct bytes piece, bool last, struct buf *out);
unsigned long charset_decoder_lost(const struct charset_decoder *d); // octets shown as U+FFFD so far
// A whole text at once.
int charset_decode(enum charset_kind kind, const unsigned *registrations, size_t n, struct bytes in, struct buf *out);

#endif

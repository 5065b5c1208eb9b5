// SPDX-License-Identifier: BSD-2-Clause
// The registered character sets themselves, for the files of charset.h only. Sets of one octet are tables of ours, so
// that a short text from a peer costs no call of iconv; those of two octets are iconv's.
#ifndef X400_CHARSET_SETS_H
#define X400_CHARSET_SETS_H

#include <stdbool.h>
#include <stdint.h>
#include <uchar.h>

struct charset_set {
    uint16_t registration;
    char final;       // of its escape sequence
    bool is96;        // A0 and FF are characters too
    bool right;       // meant for octets with the high bit
    const char *wide; // of two octets a character: iconv's name of an encoding that has it in its right half
    // Right: the characters of A0 and on, a blank where there is none. Left: pairs, ASCII's character and the one that
    // stands in its place.
    const char16_t *text;
};

enum { CHARSET_WIDE_SETS = 4 };

// NULL: not known here.
const struct charset_set *charset_set_find(unsigned registration);
const struct charset_set *charset_set_designated(char final, bool is96, bool wide);

// The character at 20..7F of a set of one octet, whichever half it is invoked into; 0: there is none.
uint32_t charset_set_character(const struct charset_set *s, uint8_t low);
// The octet (A0..FF) of a character in a right half; 0: it is not there.
uint8_t charset_set_octet(const struct charset_set *s, uint32_t c);

// T.61 and ISO 6937 write an accent (C1..CF) before its letter, a blank for the accent alone.
bool charset_is_accent(const struct charset_set *s, uint8_t octet);
uint32_t charset_accented(uint8_t accent, uint8_t letter);            // 0: there is no such letter
bool charset_accent_of(uint32_t c, uint8_t *accent, uint8_t *letter); // the other way round

#endif

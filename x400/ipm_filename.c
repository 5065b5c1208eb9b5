// SPDX-License-Identifier: BSD-2-Clause
// File names from strangers made safe to create. A pathname of a file-transfer body part may be anything: a full path
// of another system, "..", control characters, octets that are not UTF-8. What is left is one component that looks as
// much like the sender's as it may.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "x400/ipm.h"
#include "x400/ipm_internal.h"

// Octets of the character at the start of b, 0 when it is not UTF-8.
static size_t character_length(struct bytes b) {
    uint8_t c = b.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    return n <= b.n && charset_utf8_valid(bytes_of(b.p, n)) ? n : 0;
}

// Copies what may stay of raw to out (of at least strlen(raw) + 1 octets).
static size_t clean(const char *raw, char *out) {
    struct bytes in = bytes_str(raw);
    size_t n = 0;
    for (size_t i = 0; i < in.n;) {
        size_t len = character_length(bytes_of(in.p + i, in.n - i));
        if (len == 0) { // not UTF-8
            out[n++] = '_';
            i++;
            continue;
        }
        uint8_t c = in.p[i], d = len > 1 ? in.p[i + 1] : 0;
        bool control = len == 1 && (c < 0x20 || c == 0x7F);
        control = control || (c == 0xC2 && d < 0xA0); // C1
        control = control || (len == 3 && c == 0xE2 && d == 0x80 && in.p[i + 2] >= 0xA8 && in.p[i + 2] <= 0xAE);
        control = control || (len == 3 && c == 0xE2 && d == 0x81 && in.p[i + 2] >= 0xA6 && in.p[i + 2] <= 0xA9);
        if (control) // also line separators and marks that turn the direction of writing and so disguise an extension
            out[n++] = '_';
        else
            for (size_t k = 0; k < len; k++)
                out[n++] = (char)in.p[i + k];
        i += len;
    }
    return n;
}

// The start of the extension with its dot, or n when there is none of a reasonable length.
static size_t extension_at(const char *s, size_t n) {
    for (size_t i = n; i > 1 && n - i < 16; i--)
        if (s[i - 1] == '.')
            return i == n ? n : i - 1;
    return n;
}

// The longest start of s of at most max octets that ends at a character.
static size_t cut_at_character(const char *s, size_t n, size_t max) {
    if (n <= max)
        return n;
    while (max > 0 && ((uint8_t)s[max] & 0xC0) == 0x80)
        max--;
    return max;
}

static const char *last_component(const char *raw) {
    const char *start = raw;
    for (const char *p = raw; *p; p++)
        if ((*p == '/' || *p == '\\') && p[1] != 0)
            start = p + 1;
    return start;
}

const char *ipm_safe_filename(struct arena *a, const char *raw, const char *fallback) {
    raw = raw == NULL ? "" : last_component(raw);
    char *s = arena_alloc(a, strlen(raw) + 1);
    if (s == NULL)
        return NULL;
    size_t n = clean(raw, s), from = 0;
    while (n > 0 && (s[n - 1] == '/' || s[n - 1] == '\\' || s[n - 1] == ' ' || s[n - 1] == '.'))
        n--;
    while (from < n && (s[from] == '.' || s[from] == ' '))
        from++;
    s += from;
    n -= from;
    if (n == 0)
        return arena_strdup(a, fallback);
    if (n > IPM_FILENAME_MAX) {
        size_t ext = extension_at(s, n), keep = n - ext;
        size_t stem = cut_at_character(s, ext, IPM_FILENAME_MAX - keep);
        memmove(s + stem, s + ext, keep);
        n = stem + keep;
    }
    s[n] = 0;
    return s;
}

static bool taken(const struct ipm_filename_set *set, const char *name) {
    for (size_t i = 0; i < set->n; i++)
        if (strcasecmp(set->names[i], name) == 0)
            return true;
    return false;
}

static const char *numbered(struct arena *a, const char *name, size_t number) {
    char suffix[24];
    size_t n = strlen(name), ext = extension_at(name, n);
    int len = snprintf(suffix, sizeof suffix, "-%zu", number);
    size_t stem = cut_at_character(name, ext, IPM_FILENAME_MAX - (n - ext) - (size_t)len);
    return arena_printf(a, "%.*s%s%s", (int)stem, name, suffix, name + ext);
}

const char *ipm_unique_filename(struct arena *a, struct ipm_filename_set *set, const char *raw, const char *fallback) {
    const char *name = ipm_safe_filename(a, raw, fallback);
    if (name == NULL)
        return NULL;
    const char *base = name;
    // With n names taken, one of n + 1 numbers is free; many names begin there, so that a thousand equal ones cost
    // little.
    for (size_t number = set->n < 50 ? 2 : set->n + 1; name != NULL && taken(set, name); number++)
        name = numbered(a, base, number);
    if (name == NULL)
        return NULL;
    if (set->n == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 8;
        const char **names = arena_array(a, cap, sizeof *names);
        if (names == NULL)
            return NULL;
        if (set->n > 0)
            memcpy(names, set->names, set->n * sizeof *names);
        set->names = names;
        set->cap = cap;
    }
    set->names[set->n++] = name;
    return name;
}

// SPDX-License-Identifier: BSD-2-Clause
// Edit distance with swaps of neighbours (optimal string alignment), three rows at a time, words of bounded length.
#include "conf/nearest.h"

#include <ctype.h>
#include <string.h>

enum { NEAREST_MAX = 64 };

static int lower(char c) {
    return tolower((unsigned char)c);
}

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

// Both words at most NEAREST_MAX long.
static unsigned distance(const char *a, size_t na, const char *b, size_t nb) {
    unsigned rows[3][NEAREST_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned differ = lower(a[i - 1]) != lower(b[j - 1]);
            now[j] = least(before[j - 1] + differ, least(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return rows[na % 3][nb];
}

const char *conf_nearest(const char *word, const char *const *candidates, size_t n) {
    size_t length = strlen(word);
    if (length == 0 || length > NEAREST_MAX)
        return NULL;
    unsigned best = (unsigned)(length < 3 ? 1 : length / 3) + 1;
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = candidates[i] == NULL ? 0 : strlen(candidates[i]);
        if (other == 0 || other > NEAREST_MAX)
            continue;
        unsigned d = distance(word, length, candidates[i], other);
        // A short word is near to every other one: of the candidate too something must be left.
        if (d < best && d < other) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}

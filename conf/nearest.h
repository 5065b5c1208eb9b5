// SPDX-License-Identifier: BSD-2-Clause
// The word that was probably meant.
#ifndef CONF_NEAREST_H
#define CONF_NEAREST_H

#include <stddef.h>

// Of n candidates (NULL ones are passed over) the one with the fewest insertions, deletions, replacements and swaps of
// neighbours from word, case ignored; NULL when none is near: at most a third of the word's length, at least one.
const char *conf_nearest(const char *word, const char *const *candidates, size_t n);

#endif

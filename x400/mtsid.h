// SPDX-License-Identifier: BSD-2-Clause
// GlobalDomainIdentifier [APPLICATION 3] and MTSIdentifier [APPLICATION 4] of X.411: which message this is, and which
// domain did something. Plain values, to be copied by assignment; they own nothing. From a peer names are taken up to
// the room here, four times the bounds of X.411.
#ifndef X400_MTSID_H
#define X400_MTSID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "x400/oraddr.h"

enum { MTSID_DOMAIN_MAX = 64, MTSID_LOCAL_MAX = 128 };

struct mts_domain {
    char country[4];                 // two letters or three digits
    char admd[MTSID_DOMAIN_MAX + 1]; // "" or " ": none
    char prmd[MTSID_DOMAIN_MAX + 1];
    bool country_numeric, admd_numeric, prmd_numeric; // the form is NumericString
    bool has_prmd;
};

struct mts_id {
    struct mts_domain domain;
    char local[MTSID_LOCAL_MAX + 1]; // IA5, not empty
};

// One whole element. 0, ERR_SHORT, ERR_SYNTAX, ERR_LIMIT (too long), ERR_NOMEM; *why (may be NULL) says what is wrong.
int mts_domain_decode(struct bytes in, struct mts_domain *d, const char **why);
int mts_id_decode(struct bytes in, struct mts_id *id, const char **why);
// Whether the names keep the bounds and character sets of asn1/validate.h; results and why as of validate_string.
int mts_domain_check(const struct mts_domain *d, char *why);
int mts_id_check(const struct mts_id *id, char *why);
// Appended as DER. ERR_NOMEM, or the result of the check.
int mts_domain_encode(const struct mts_domain *d, struct buf *out);
int mts_id_encode(const struct mts_id *id, struct buf *out);

// Domains compare as O/R addresses do: case, blanks, numeric country, blank or absent names.
bool mts_domain_equal(const struct mts_domain *a, const struct mts_domain *b);

// `/PRMD=ACME/ADMD=GOLD 400/C=GB/` and `[/PRMD=ACME/ADMD=GOLD 400/C=GB/;local]` (RFC 2156). Octets of the local
// identifier outside printable ASCII are written {ddd}, as are `{`, `}` and `]`. NULL: memory is short.
char *mts_domain_print(struct arena *arena, const struct mts_domain *d);
char *mts_id_print(struct arena *arena, const struct mts_id *id);

// From the words of a configuration; prmd NULL: none. The forms are chosen by the characters (three digits: a numeric
// country; domain names are always printable). ERR_SYNTAX, ERR_LIMIT: by the bounds of X.411.
int mts_domain_set(struct mts_domain *d, const char *country, const char *admd, const char *prmd);

// A new local identifier of 30 characters, `YYMMDDHHMMSS-cccccccc-rrrrrrrr`: UTC time, a counter that the caller
// increments, and random bits, which keep apart two starts within a second and two nodes. Nothing here asks for time or
// randomness.
void mts_id_make(struct mts_id *id, const struct mts_domain *d, int64_t unix_seconds, uint32_t counter,
                 uint32_t random);

#endif

// SPDX-License-Identifier: BSD-2-Clause
// O/R attributes as the configuration writes them: words of their own with a text in quotes. What characters and
// lengths an attribute may have is decided by x400/oraddr.
#include "conf/pattern.h"

#include "base/err.h"
#include "conf/grammar.h"
#include "conf/lex.h"
#include "x400/oraddr.h"

enum { UNITS_MAX = 4, DOMAIN_DEFINED_MAX = 4 };

static const struct {
    int word;
    enum or_attr attr;
} words[] = {
    {T_COUNTRY, OR_COUNTRY},
    {T_ADMD, OR_ADMD},
    {T_PRMD, OR_PRMD},
    {T_ORGANIZATION, OR_ORGANIZATION},
    {T_UNIT, OR_OU1},
    {T_UNIT, OR_OU2},
    {T_UNIT, OR_OU3},
    {T_UNIT, OR_OU4},
    {T_COMMON_NAME, OR_COMMON_NAME},
    {T_SURNAME, OR_SURNAME},
    {T_GIVEN_NAME, OR_GIVEN},
    {T_INITIALS, OR_INITIALS},
    {T_GENERATION, OR_GENERATION},
    {T_X121, OR_X121},
    {T_TERMINAL_ID, OR_TERMINAL_ID},
    {T_NUMERIC_USER_ID, OR_NUMERIC_USER_ID},
};

const char *pattern_word(int attr) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((int)words[i].attr == attr)
            return lex_word(words[i].word);
    return NULL;
}

struct draft_attribute *draft_attribute(struct draft *d, struct lex_loc loc, int word, const char *type,
                                        const char *value, struct lex_loc value_loc) {
    struct draft_attribute *a = draft_alloc(d, sizeof *a);
    if (a != NULL)
        *a = (struct draft_attribute){.word = word, .type = type, .value = value, .loc = loc, .value_loc = value_loc};
    return a;
}

struct draft_attribute *draft_attributes_join(struct draft_attribute *list, struct draft_attribute *last) {
    struct draft_attribute *i = list;
    while (i != NULL && i->next != NULL)
        i = i->next;
    if (i != NULL)
        i->next = last;
    return list;
}

static void set(struct draft *d, struct or_address *a, enum or_attr attr, const struct draft_attribute *from,
                const char *text) {
    const char *word = lex_word(from->word);
    const char *hint = attr == OR_COUNTRY ? "two letters or three digits, such as \"DE\"" : NULL;
    int err = or_address_set_text(&d->conf->arena, a, attr, text);
    if (err == ERR_NOMEM)
        d->nomem = true;
    else if (err == ERR_LIMIT)
        draft_error(d, from->value_loc, hint, "the value of %s is too long, at most %u characters are allowed", word,
                    or_attr_bound(attr, OR_PRINTABLE));
    else if (err != 0)
        draft_error(d, from->value_loc, hint, "\"%s\" cannot be the value of %s", text, word);
}

static void add(struct draft *d, struct or_address *a, const struct draft_attribute *from) {
    if (from->word == T_DOMAIN_DEFINED) {
        for (int i = 0; i < DOMAIN_DEFINED_MAX; i++) {
            enum or_attr type = (enum or_attr)(OR_DD1_TYPE + 2 * i);
            if (or_address_get(a, type) == NULL) {
                set(d, a, type, from, from->type);
                set(d, a, (enum or_attr)(type + 1), from, from->value);
                return;
            }
        }
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].word == from->word && or_address_get(a, words[i].attr) == NULL) {
            set(d, a, words[i].attr, from, from->value);
            return;
        }
    if (from->word == T_UNIT || from->word == T_DOMAIN_DEFINED)
        draft_error(d, from->loc, NULL, "an address has at most %d %s", UNITS_MAX,
                    from->word == T_UNIT ? "units" : "domain-defined attributes");
    else
        draft_error(d, from->loc, NULL, "%s is given twice", lex_word(from->word));
}

const struct or_address *draft_pattern(struct draft *d, const struct draft_attribute *list) {
    struct or_address *a = draft_alloc(d, sizeof *a);
    for (; a != NULL && list != NULL; list = list->next)
        add(d, a, list);
    return a;
}

// Of 1984 are the attributes in PrintableString without a common name; domain-defined ones are where addresses go.
const struct or_address *draft_relay(struct draft *d, struct lex_loc loc, const struct draft_attribute *list) {
    static const char hint[] = "such as: relay country \"DE\" admd \"VIAT\" organization \"RELAY\"";
    const struct or_address *a = draft_pattern(d, list);
    for (const struct draft_attribute *i = list; i != NULL; i = i->next)
        if (i->word == T_DOMAIN_DEFINED || i->word == T_COMMON_NAME) {
            draft_error(d, i->loc, hint, "the address of a relay has no %s", lex_word(i->word));
            return NULL;
        }
    if (a == NULL)
        return NULL;
    for (uint16_t i = 0; i < a->n_values; i++)
        if (a->values[i].form != OR_PRINTABLE && a->values[i].form != OR_NUMERIC) {
            draft_error(d, loc, NULL, "\"%s\" has characters that an address of 1984 has not", a->values[i].text);
            return NULL;
        }
    if (or_address_get(a, OR_COUNTRY) == NULL || or_address_get(a, OR_ADMD) == NULL) {
        draft_error(d, loc, hint, "the address of a relay has at least a country and an admd");
        return NULL;
    }
    const char *lacks = or_address_check(a);
    if (lacks != NULL)
        draft_error(d, loc, hint, "this cannot be the address of a relay: %s", lacks);
    return lacks == NULL ? a : NULL;
}

// A domain is checked as the same attributes of an address are.
void draft_domain(struct draft *d, struct lex_loc loc, struct conf_domain *to, const struct draft_attribute *list) {
    if (!draft_once(d, loc, DRAFT_DOMAIN, "domain"))
        return;
    const struct or_address *a = draft_pattern(d, list);
    if (a == NULL)
        return;
    to->country = or_address_get(a, OR_COUNTRY);
    to->admd = or_address_get(a, OR_ADMD);
    to->prmd = or_address_get(a, OR_PRMD);
    bool has_country = false, has_admd = false;
    for (; list != NULL; list = list->next) {
        has_country = has_country || list->word == T_COUNTRY;
        has_admd = has_admd || list->word == T_ADMD;
    }
    if (!has_country || !has_admd)
        draft_error(d, loc, "such as: domain country \"DE\" admd \"VIAT\" prmd \"FIRMA\"", "a domain has at least %s",
                    has_admd      ? "a country"
                    : has_country ? "an admd"
                                  : "a country and an admd");
}

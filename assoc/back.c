// SPDX-License-Identifier: BSD-2-Clause
#include "assoc/back.h"

#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/err.h"

enum { DEFAULT_PORT = 102, LABEL_MAX = 63, NAME_MAX_OCTETS = 253 };
#define PRODUCT "X400D-BB/1"

const char assoc_back_mark[] = PRODUCT " is-bind-back";

// ---- hosts ----

static bool is_letter_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// A name of DNS: letters, digits, hyphens within a label; underscores are in use. A last label of digits alone would be
// a part of an address.
static bool is_name(const char *s) {
    size_t n = strlen(s), label = 0;
    bool digits = true;
    if (n == 0 || n > NAME_MAX_OCTETS)
        return false;
    for (size_t k = 0; k < n; k++) {
        if (s[k] == '.') {
            if (label == 0 || s[k - 1] == '-')
                return false;
            if (k + 1 < n)
                digits = true;
            label = 0;
            continue;
        }
        if (!is_letter_digit(s[k]) && s[k] != '_' && (s[k] != '-' || label == 0))
            return false;
        digits &= s[k] >= '0' && s[k] <= '9';
        if (++label > LABEL_MAX)
            return false;
    }
    return !digits && s[n - 1] != '-';
}

// Sets family. An address must be one that can be called: not the wildcard, no multicast address, no zone.
static const char *check_host(const char *host, bool brackets, int *family) {
    struct net_address a;
    if (strchr(host, '%') != NULL)
        return "an address with a zone means nothing to another machine";
    if (net_address_parse(&a, host, 0) != ERR_OK) {
        *family = AF_UNSPEC;
        return !brackets && is_name(host) ? NULL : "neither a host name nor an address";
    }
    *family = a.sa.sa_family;
    if ((*family == AF_INET6) != brackets)
        return "an IPv6 address, and no other, stands in brackets";
    bool group =
        *family == AF_INET ? IN_MULTICAST(ntohl(a.v4.sin_addr.s_addr)) : IN6_IS_ADDR_MULTICAST(&a.v6.sin6_addr) != 0;
    return net_address_is_any(&a) || group ? "an address that cannot be called" : NULL;
}

// ---- reading ----

static bool port_of(struct bytes text, uint16_t *out) {
    unsigned v = 0;
    if (text.n == 0 || text.n > 5)
        return false;
    for (size_t k = 0; k < text.n; k++) {
        if (text.p[k] < '0' || text.p[k] > '9')
            return false;
        v = v * 10 + (text.p[k] - '0');
    }
    *out = (uint16_t)v;
    return v > 0 && v <= UINT16_MAX;
}

// What stands after "TCP:". NULL, or what is wrong.
static const char *read_endpoint(struct bytes t, struct assoc_back *out) {
    const char *text = (const char *)t.p;
    bool brackets = t.n > 0 && text[0] == '[';
    const char *end = t.n == 0 ? NULL : memchr(text, brackets ? ']' : ':', t.n);
    if (brackets && end == NULL)
        return "the bracket does not end";
    size_t from = brackets, to = end == NULL ? t.n : (size_t)(end - text), rest = to + brackets;
    out->port = DEFAULT_PORT;
    if (rest < t.n && (text[rest] != ':' || !port_of(bytes_of(t.p + rest + 1, t.n - rest - 1), &out->port)))
        return "the port is not a number from 1 to 65535";
    if (to - from >= sizeof out->host)
        return "the host is too long";
    memcpy(out->host, text + from, to - from);
    out->host[to - from] = 0;
    return check_host(out->host, brackets, &out->family);
}

static bool starts(struct bytes t, const char *with) {
    size_t n = strlen(with);
    return t.n >= n && memcmp(t.p, with, n) == 0;
}

static void read_to(struct bytes t, struct assoc_back *out) {
    if (out->declares)
        return; // the first counts
    out->declares = true;
    size_t n = t.n < sizeof out->shown - 1 ? t.n : sizeof out->shown - 1;
    memcpy(out->shown, t.p, n);
    out->fault = !starts(t, "TCP:") ? "its kind is not TCP" : read_endpoint(bytes_of(t.p + 4, t.n - 4), out);
    if (out->fault != NULL)
        out->host[0] = 0;
}

// The next word; n 0: there is none.
static struct bytes take_word(struct bytes *t) {
    while (t->n > 0 && *t->p == ' ')
        *t = bytes_of(t->p + 1, t->n - 1);
    const uint8_t *end = t->n == 0 ? NULL : memchr(t->p, ' ', t->n);
    struct bytes word = bytes_of(t->p, end == NULL ? t->n : (size_t)(end - t->p));
    *t = bytes_of(t->p + word.n, t->n - word.n);
    return word;
}

// Of a GraphicString that has other octets nothing is believed: which characters they are, an escape sequence says.
static bool plain(struct bytes t) {
    for (size_t k = 0; k < t.n; k++)
        if (t.p[k] < 0x20 || t.p[k] > 0x7e)
            return false;
    return true;
}

int assoc_back_parse(struct bytes text, struct assoc_back *out) {
    *out = (struct assoc_back){.host = ""};
    if (text.n == 0 || text.n > ASSOC_BACK_READ || !plain(text))
        return ERR_ABSENT;
    struct bytes word;
    do
        word = take_word(&text);
    while (word.n > 0 && !bytes_equal(word, bytes_str(PRODUCT)));
    if (word.n == 0)
        return ERR_ABSENT;
    while ((word = take_word(&text)).n > 0) {
        if (bytes_equal(word, bytes_str("is-bind-back")))
            out->is_bind_back = true;
        else if (starts(word, "to="))
            read_to(bytes_of(word.p + 3, word.n - 3), out);
    }
    return ERR_OK;
}

// ---- writing ----

int assoc_back_declare(const char *host, int family, uint16_t port, char out[ASSOC_BACK_TEXT]) {
    int is = AF_UNSPEC;
    bool v6 = family == AF_INET6;
    out[0] = 0;
    if (host == NULL || port == 0 || check_host(host, v6, &is) != NULL)
        return ERR_SYNTAX;
    snprintf(out, ASSOC_BACK_TEXT, PRODUCT " to=TCP:%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
    return ERR_OK;
}

// SPDX-License-Identifier: BSD-2-Clause
// A small name server for tests (RFC 1035), in the loop of the test itself. It answers A and AAAA from a table that the
// test changes, counts what it is asked, and can be silent or fail.
#ifndef TESTS_UNIT_DNS_UTIL_H
#define TESTS_UNIT_DNS_UTIL_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/err.h"
#include "base/loop.h"

enum dns_mood { DNS_ANSWERS, DNS_IS_SILENT, DNS_FAILS, DNS_IS_LATE };

struct dns_record {
    const char *name, *address; // NULL: the end; an address NULL: the name is there, without one
    unsigned ttl;
};

struct dns_server {
    int fd;
    struct loop_io *io;
    enum dns_mood mood;
    const struct dns_record *records;
    unsigned asked;
    struct {
        uint8_t octets[512];
        size_t n;
        struct net_address to;
    } held[16];
    size_t n_held;
};

// "\3mta\7example\0" as "mta.example"; the octets it took, 0: malformed.
static inline size_t dns_name(const uint8_t *q, size_t n, char out[256]) {
    size_t at = 0, o = 0;
    while (at < n && q[at] != 0) {
        size_t len = q[at++];
        if (len > 63 || at + len >= n || o + len + 2 > 255)
            return 0;
        if (o > 0)
            out[o++] = '.';
        memcpy(out + o, q + at, len);
        o += len, at += len;
    }
    out[o] = 0;
    return at + 1;
}

static inline size_t dns_put_record(uint8_t *p, const struct dns_record *r, unsigned type,
                                    const struct net_address *a) {
    const void *octets = type == 1 ? (const void *)&a->v4.sin_addr : (const void *)&a->v6.sin6_addr;
    size_t len = type == 1 ? 4 : 16;
    uint8_t head[12] = {0xC0,
                        12,
                        0,
                        (uint8_t)type,
                        0,
                        1,
                        (uint8_t)(r->ttl >> 24),
                        (uint8_t)(r->ttl >> 16),
                        (uint8_t)(r->ttl >> 8),
                        (uint8_t)r->ttl,
                        0,
                        (uint8_t)len};
    memcpy(p, head, sizeof head);
    memcpy(p + sizeof head, octets, len);
    return sizeof head + len;
}

// The answer in place of the question.
static inline size_t dns_answer(struct dns_server *s, uint8_t *m, size_t n) {
    char name[256];
    size_t len = n < 17 ? 0 : dns_name(m + 12, n - 12, name), at = 12 + len + 4;
    bool known = false;
    unsigned answers = 0;
    if (len == 0 || at > n)
        return 0;
    unsigned type = m[12 + len + 1];
    for (const struct dns_record *r = s->records; r != NULL && r->name != NULL; r++) {
        struct net_address a;
        if (strcasecmp(r->name, name) != 0)
            continue;
        known = true;
        if (r->address == NULL || net_address_parse(&a, r->address, 0) != ERR_OK ||
            type != (a.sa.sa_family == AF_INET ? 1U : 28U) || at > 400)
            continue;
        at += dns_put_record(m + at, r, type, &a);
        answers++;
    }
    m[2] = 0x85; // an authoritative answer
    m[3] = (uint8_t)(0x80 | (s->mood == DNS_FAILS ? 2 : known ? 0 : 3));
    memset(m + 6, 0, 6);
    m[7] = (uint8_t)answers;
    return at;
}

static inline void dns_on_question(void *arg, bool readable, bool writable) {
    (void)readable, (void)writable;
    struct dns_server *s = arg;
    uint8_t m[512];
    struct net_address from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(s->fd, m, sizeof m, MSG_DONTWAIT, &from.sa, &from_len);
    if (n <= 0)
        return;
    s->asked++;
    size_t len = s->mood == DNS_IS_SILENT ? 0 : dns_answer(s, m, (size_t)n);
    if (len > 0 && s->mood != DNS_IS_LATE)
        sendto(s->fd, m, len, 0, &from.sa, from_len);
    else if (len > 0 && s->n_held < 16) {
        memcpy(s->held[s->n_held].octets, m, len);
        s->held[s->n_held].n = len;
        s->held[s->n_held++].to = from;
    }
}

// What a late server owes.
static inline void dns_release(struct dns_server *s) {
    for (size_t k = 0; k < s->n_held; k++)
        sendto(s->fd, s->held[k].octets, s->held[k].n, 0, &s->held[k].to.sa, net_address_len(&s->held[k].to));
    s->n_held = 0;
}

static inline bool dns_begin(struct dns_server *s, struct loop *l, const char *address, const struct dns_record *r) {
    struct net_address a;
    *s = (struct dns_server){.records = r};
    if (net_address_parse(&a, address, 53) != ERR_OK)
        return false;
    s->fd = socket(a.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    s->io = s->fd < 0 ? NULL : loop_io_new(l, s->fd, dns_on_question, s);
    return s->io != NULL && bind(s->fd, &a.sa, net_address_len(&a)) == 0 && loop_io_want(s->io, true, false) == ERR_OK;
}

static inline void dns_end(struct dns_server *s) {
    loop_io_free(s->io);
    if (s->fd > 0)
        close(s->fd);
    s->io = NULL;
    s->fd = -1;
}

#endif

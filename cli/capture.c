// SPDX-License-Identifier: BSD-2-Clause
// pcap (both orders, micro- and nanoseconds) and pcapng (its section header, interface description and packet blocks;
// others are passed over), as the drafts draft-ietf-opsawg-pcap and -pcapng describe them. Links: Ethernet with VLAN
// tags, Linux cooked (both versions), raw IP, BSD loopback. IP fragments are not put together.
#include "cli/capture.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/mem.h"

enum { RAW = 1 << 20, NG_SECTION = 0x0a0d0d0a, NG_INTERFACE = 1, NG_SIMPLE = 3, NG_PACKET = 6, NG_OLD_PACKET = 2 };
enum {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276
};
enum { IPV4 = 0x0800, IPV6 = 0x86dd };

static uint32_t le32(const uint8_t *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static uint16_t be16(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}
static uint32_t be32(const uint8_t *p) {
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}
// In the order of the file.
static uint32_t u32(const struct capture *c, const uint8_t *p) {
    return c->swapped ? be32(p) : le32(p);
}
static uint16_t u16(const struct capture *c, const uint8_t *p) {
    return (uint16_t)(c->swapped ? be16(p) : (p[0] | p[1] << 8));
}

bool capture_is(struct bytes b) {
    uint32_t m = b.n < 4 ? 0 : le32(b.p), n = b.n < 4 ? 0 : be32(b.p);
    return m == 0xa1b2c3d4 || m == 0xa1b23c4d || n == 0xa1b2c3d4 || n == 0xa1b23c4d || m == NG_SECTION;
}

// All n octets, or false; a file that ends in between has a fault.
static bool take(struct capture *c, uint8_t *out, size_t n) {
    size_t have = 0, got;
    while (have < n && (got = c->read(c->ctx, out + have, n - have)) > 0)
        have += got;
    if (have < n && have > 0)
        snprintf(c->fault, sizeof c->fault, "it ends within a packet or block behind frame %llu",
                 (unsigned long long)c->frames);
    return have == n;
}

static bool fault(struct capture *c, const char *text) {
    snprintf(c->fault, sizeof c->fault, "%s behind frame %llu", text, (unsigned long long)c->frames);
    return false;
}

static int cut_off(struct capture *c) {
    snprintf(c->fault, sizeof c->fault, "it ends within its header");
    return ERR_SYNTAX;
}

int capture_open(struct capture *c, size_t (*read)(void *ctx, uint8_t *out, size_t cap), void *ctx) {
    uint8_t h[24];
    *c = (struct capture){.read = read, .ctx = ctx, .raw = mem_alloc(RAW)};
    if (c->raw == NULL)
        return ERR_NOMEM;
    if (!take(c, h, 4))
        return cut_off(c);
    c->ng = le32(h) == NG_SECTION;
    if (c->ng) { // the rest of the section header tells the order
        if (!take(c, h + 4, 8))
            return cut_off(c);
        c->swapped = be32(h + 8) == 0x1a2b3c4d;
        uint32_t size = u32(c, h + 4);
        if (size < 28 || size > RAW || !take(c, c->raw, size - 12))
            return fault(c, "a section header that cannot be read"), ERR_SYNTAX;
        return ERR_OK;
    }
    if (!take(c, h + 4, 20))
        return cut_off(c);
    c->swapped = be32(h) == 0xa1b2c3d4 || be32(h) == 0xa1b23c4d;
    c->n_interfaces = 1;
    c->interface[0].link = u32(c, h + 20) & 0x0fffffff;
    c->interface[0].ticks_s = u32(c, h) == 0xa1b23c4d ? 1000000000 : 1000000;
    return ERR_OK;
}

void capture_close(struct capture *c) {
    mem_free(c->raw);
    c->raw = NULL;
}

static bool classic_next(struct capture *c, struct capture_packet *out) {
    uint8_t h[16];
    if (!take(c, h, sizeof h))
        return false;
    uint32_t n = u32(c, h + 8), whole = u32(c, h + 12);
    if (n > RAW)
        return fault(c, "a packet of more than 1 MB: the file is damaged");
    if (!take(c, c->raw, n))
        return n == 0 || (c->fault[0] == 0 && fault(c, "the packet is missing"));
    *out = (struct capture_packet){.frame = ++c->frames,
                                   .time_us = (int64_t)u32(c, h) * 1000000 +
                                              u32(c, h + 4) / (c->interface[0].ticks_s / 1000000),
                                   .link = c->interface[0].link,
                                   .octets = bytes_of(c->raw, n),
                                   .cut = n < whole};
    return true;
}

// An Interface Description Block; option 9 is the resolution of its time stamps.
static void ng_interface(struct capture *c, size_t n) {
    struct capture_interface i = {.link = u16(c, c->raw), .ticks_s = 1000000};
    for (size_t at = 8; at + 4 <= n;) {
        size_t code = u16(c, c->raw + at), len = u16(c, c->raw + at + 2);
        if (code == 0 || at + 4 + len > n)
            break;
        if (code == 9 && len == 1) {
            uint8_t r = c->raw[at + 4];
            i.ticks_s = 1;
            for (unsigned k = 0; k < (r & 0x7f) && i.ticks_s < UINT64_MAX / 20; k++)
                i.ticks_s *= r & 0x80 ? 2 : 10;
        }
        at += 4 + ((len + 3) & ~(size_t)3);
    }
    if (c->n_interfaces < CAPTURE_INTERFACES)
        c->interface[c->n_interfaces++] = i;
}

static int64_t ng_time(const struct capture_interface *i, uint64_t ticks) {
    uint64_t s = ticks / i->ticks_s, rest = ticks % i->ticks_s;
    return (int64_t)(s * 1000000 + (uint64_t)((long double)rest * 1000000 / (long double)i->ticks_s));
}

// A packet of block type `type`, whose body is in raw. False: it cannot be read.
static bool ng_packet(struct capture *c, uint32_t type, size_t n, struct capture_packet *out) {
    bool simple = type == NG_SIMPLE;
    size_t head = simple ? 4 : 20;
    if (n < head)
        return false;
    uint32_t which = simple ? 0 : type == NG_PACKET ? u32(c, c->raw) : u16(c, c->raw);
    size_t whole = u32(c, c->raw + (simple ? 0 : 16)), have = simple ? n - 4 : u32(c, c->raw + 12);
    if (simple && have > whole)
        have = whole;
    if (which >= c->n_interfaces || have > n - head)
        return false;
    const struct capture_interface *i = &c->interface[which];
    uint64_t ticks = simple ? 0 : (uint64_t)u32(c, c->raw + 4) << 32 | u32(c, c->raw + 8);
    *out = (struct capture_packet){.frame = ++c->frames,
                                   .time_us = ng_time(i, ticks),
                                   .link = i->link,
                                   .octets = bytes_of(c->raw + head, have),
                                   .cut = have < whole};
    return true;
}

static bool ng_next(struct capture *c, struct capture_packet *out) {
    uint8_t h[12];
    while (take(c, h, 8)) {
        uint32_t type = u32(c, h), size = u32(c, h + 4);
        if (le32(h) == NG_SECTION) { // another section: its own order and interfaces
            if (!take(c, h + 8, 4))
                return fault(c, "a section header that cannot be read");
            c->swapped = be32(h + 8) == 0x1a2b3c4d;
            c->n_interfaces = 0;
            size = u32(c, h + 4) - 4;
        }
        if (size < 12 || size > RAW || (size & 3) != 0)
            return fault(c, "a block whose length cannot be right");
        if (!take(c, c->raw, size - 8))
            return c->fault[0] == 0 ? fault(c, "a block is missing") : false;
        if (le32(h) == NG_SECTION)
            continue;
        if (type == NG_INTERFACE && size >= 20)
            ng_interface(c, size - 12);
        if ((type == NG_PACKET || type == NG_SIMPLE || type == NG_OLD_PACKET))
            return ng_packet(c, type, size - 12, out) || fault(c, "a packet block that cannot be read");
    }
    return false;
}

bool capture_next(struct capture *c, struct capture_packet *out) {
    return c->fault[0] == 0 && (c->ng ? ng_next(c, out) : classic_next(c, out));
}

// ---- from the link to TCP ----

static int link_skip(uint32_t link, struct cursor *c, uint16_t *proto) {
    struct bytes skipped;
    uint8_t version;
    uint32_t family;
    uint16_t more;
    switch (link) {
    case LINK_ETHERNET:
        if (cursor_take(c, 12, &skipped) < 0 || cursor_u16(c, proto) < 0)
            return ERR_SYNTAX;
        while (*proto == 0x8100 || *proto == 0x88a8 || *proto == 0x9100)
            if (cursor_u16(c, &more) < 0 || cursor_u16(c, proto) < 0)
                return ERR_SYNTAX;
        return ERR_OK;
    case LINK_SLL: return cursor_take(c, 14, &skipped) < 0 || cursor_u16(c, proto) < 0 ? ERR_SYNTAX : ERR_OK;
    case LINK_SLL2: return cursor_u16(c, proto) < 0 || cursor_take(c, 18, &skipped) < 0 ? ERR_SYNTAX : ERR_OK;
    case LINK_NULL:
    case LINK_LOOP: // the family, in the order of the machine that made it
        if (cursor_u32(c, &family) < 0)
            return ERR_SYNTAX;
        break;
    case LINK_IPV4:
    case LINK_IPV6:
    case 12: // raw IP, by its older numbers too
    case 14:
    case 101: break;
    default: return ERR_ABSENT;
    }
    if (cursor_left(c) == 0)
        return ERR_SYNTAX;
    version = *c->p >> 4;
    *proto = version == 4 ? IPV4 : version == 6 ? IPV6 : 0;
    return ERR_OK;
}

// Leaves in c what follows the header. size: octets that were sent behind it.
static int ipv4_skip(struct cursor *c, struct capture_segment *s, uint8_t *next, size_t *size) {
    const uint8_t *h = c->p;
    size_t left = cursor_left(c), hdr = left < 20 ? 0 : (size_t)(h[0] & 15) * 4;
    if (hdr < 20 || hdr > left)
        return ERR_SYNTAX;
    size_t total = be16(h + 2);
    if (total == 0) // segmentation left to the network card
        total = left;
    *next = h[9];
    if (total < hdr || (be16(h + 6) & 0x3fff) != 0)
        return ERR_SYNTAX;
    memcpy(s->from.ip, h + 12, 4);
    memcpy(s->to.ip, h + 16, 4);
    *size = total - hdr;
    if (left > total)
        c->end = c->p + total;
    c->p += hdr;
    return ERR_OK;
}

static int ipv6_skip(struct cursor *c, struct capture_segment *s, uint8_t *next, size_t *size) {
    const uint8_t *h = c->p;
    size_t left = cursor_left(c);
    if (left < 40)
        return ERR_SYNTAX;
    *size = be16(h + 4) == 0 ? left - 40 : be16(h + 4);
    *next = h[6];
    s->from.v6 = s->to.v6 = true;
    memcpy(s->from.ip, h + 8, 16);
    memcpy(s->to.ip, h + 24, 16);
    if (left - 40 > *size)
        c->end = c->p + 40 + *size;
    c->p += 40;
    while (*next == 0 || *next == 43 || *next == 60) { // options and routing
        size_t n = cursor_left(c) < 8 ? 0 : ((size_t)c->p[1] + 1) * 8;
        if (n == 0 || n > cursor_left(c) || n > *size)
            return ERR_SYNTAX;
        *next = c->p[0];
        c->p += n;
        *size -= n;
    }
    return *next == 44 ? ERR_SYNTAX : ERR_OK;
}

int capture_tcp(const struct capture_packet *p, struct capture_segment *out) {
    struct cursor c = cursor_of(p->octets);
    uint16_t proto = 0;
    uint8_t next = 0;
    size_t size;
    *out = (struct capture_segment){0};
    int err = link_skip(p->link, &c, &proto);
    if (err < 0)
        return err;
    if (proto != IPV4 && proto != IPV6)
        return ERR_ABSENT;
    err = proto == IPV4 ? ipv4_skip(&c, out, &next, &size) : ipv6_skip(&c, out, &next, &size);
    if (err < 0 && next != 6 && next != 0)
        return ERR_ABSENT;
    if (err < 0)
        return err;
    if (next != 6)
        return ERR_ABSENT;
    size_t left = cursor_left(&c), hdr = left < 20 ? 0 : (size_t)(c.p[12] >> 4) * 4;
    if (hdr < 20 || hdr > size)
        return ERR_SYNTAX;
    out->from.port = be16(c.p);
    out->to.port = be16(c.p + 2);
    out->seq = be32(c.p + 4);
    out->ack = be32(c.p + 8);
    out->flags = c.p[13];
    out->size = size - hdr;
    out->payload = hdr > left ? bytes_of(c.p, 0) : bytes_of(c.p + hdr, left - hdr);
    if (out->payload.n > out->size)
        out->payload.n = out->size;
    return ERR_OK;
}

void capture_address_text(const struct capture_address *a, char out[CAPTURE_ADDRESS_TEXT]) {
    char ip[INET6_ADDRSTRLEN] = "?";
    inet_ntop(a->v6 ? AF_INET6 : AF_INET, a->ip, ip, sizeof ip);
    snprintf(out, CAPTURE_ADDRESS_TEXT, a->v6 ? "[%s]:%u" : "%s:%u", ip, a->port);
}

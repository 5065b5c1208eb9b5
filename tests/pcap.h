// SPDX-License-Identifier: BSD-2-Clause
// Reads a capture of one TCP connection (classic pcap, Ethernet, IPv4) for tests: the octets of both directions, put
// together by sequence number, and the TPKTs they hold. Direction 0 is that of the first SYN. Exits the test on
// trouble.
#ifndef TESTS_PCAP_H
#define TESTS_PCAP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

struct pcap {
    struct buf stream[2];
};

static inline void pcap_need(int ok, const char *path, const char *what) {
    if (!ok) {
        fprintf(stderr, "%s: %s\n", path, what);
        exit(1);
    }
}

static inline uint32_t pcap_be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct pcap_tcp {
    uint16_t port; // of the side that sent the first SYN
    uint32_t next[2];
    int begun[2];
};

static inline void pcap_packet(struct pcap *c, struct pcap_tcp *t, const uint8_t *p, size_t n, const char *path) {
    pcap_need(n >= 54 && p[12] == 8 && p[13] == 0 && p[23] == 6, path, "a packet that is not TCP over IPv4");
    const uint8_t *ip = p + 14, *tcp = ip + (size_t)(ip[0] & 15) * 4;
    size_t total = (size_t)(ip[2] << 8 | ip[3]), header = (size_t)(tcp[12] >> 4) * 4;
    size_t len = total - (size_t)(tcp - ip) - header;
    uint16_t port = (uint16_t)(tcp[0] << 8 | tcp[1]);
    uint32_t seq = pcap_be32(tcp + 4);
    if (t->port == 0)
        t->port = port;
    int dir = port != t->port;
    if (tcp[13] & 2) {
        t->next[dir] = seq + 1;
        t->begun[dir] = 1;
        return;
    }
    if (len == 0)
        return;
    pcap_need(t->begun[dir] && total <= n - 14, path, "a packet that is cut, or before the connection");
    uint32_t again = t->next[dir] - seq; // octets that came before
    pcap_need(again <= 65535, path, "a packet is missing");
    if (again >= len)
        return;
    pcap_need(buf_append(&c->stream[dir], tcp + header + again, len - again) == 0, path, "memory");
    t->next[dir] = seq + (uint32_t)len;
}

static inline void pcap_read(struct pcap *c, const char *path) {
    static uint8_t packet[262144];
    uint8_t head[24];
    uint32_t record[4];
    struct pcap_tcp t = {0};
    FILE *f = fopen(path, "rb");
    *c = (struct pcap){0};
    pcap_need(f != NULL, path, "cannot be opened");
    pcap_need(fread(head, 24, 1, f) == 1 && head[0] == 0xd4 && head[1] == 0xc3 && head[20] == 1, path,
              "not such a capture");
    while (fread(record, sizeof record, 1, f) == 1) {
        pcap_need(record[2] <= sizeof packet && fread(packet, record[2], 1, f) == 1, path, "cut");
        pcap_packet(c, &t, packet, record[2], path);
    }
    fclose(f);
}

static inline void pcap_free(struct pcap *c) {
    buf_free(&c->stream[0]);
    buf_free(&c->stream[1]);
}

// Takes the next TPKT from the front of *octets; p NULL at the end.
static inline struct bytes pcap_tpkt(struct bytes *octets) {
    if (octets->n < 4)
        return bytes_of(NULL, 0);
    size_t n = (size_t)(octets->p[2] << 8 | octets->p[3]);
    if (n < 4 || n > octets->n)
        return bytes_of(NULL, 0);
    struct bytes tpkt = bytes_of(octets->p, n);
    *octets = bytes_of(octets->p + n, octets->n - n);
    return tpkt;
}

#endif

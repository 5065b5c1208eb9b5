// SPDX-License-Identifier: BSD-2-Clause
// Reading packet captures: pcap and pcapng, down to TCP segments (capture.c), and TCP connections put together from
// them (capture_tcp.c). Packets come one at a time; what is held of a connection is limited, so that a capture of any
// size costs no memory.
#ifndef CLI_CAPTURE_H
#define CLI_CAPTURE_H

#include "base/buf.h"
#include "base/err.h"

enum { CAPTURE_INTERFACES = 64, CAPTURE_ADDRESS_TEXT = 64 };

struct capture {
    size_t (*read)(void *ctx, uint8_t *out, size_t cap); // 0: the end
    void *ctx;
    bool swapped, ng;
    size_t n_interfaces; // 1 of a pcap
    struct capture_interface {
        uint32_t link;    // LINKTYPE_*
        uint64_t ticks_s; // of a time stamp
    } interface[CAPTURE_INTERFACES];
    uint8_t *raw; // the packet; mem_free
    uint64_t frames;
    char fault[120]; // why reading stopped; "" at the end
};

struct capture_packet {
    uint64_t frame;  // from 1
    int64_t time_us; // UTC
    uint32_t link;
    struct bytes octets;
    bool cut; // the capture has not all of it
};

bool capture_is(struct bytes b); // from its first octets
// read gives the file from its beginning. ERR_NOMEM; ERR_SYNTAX: fault says why.
int capture_open(struct capture *c, size_t (*read)(void *ctx, uint8_t *out, size_t cap), void *ctx);
void capture_close(struct capture *c);
bool capture_next(struct capture *c, struct capture_packet *out); // false: the end, or a fault

struct capture_address {
    uint8_t ip[16];
    uint16_t port;
    bool v6;
};
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_ACK = 16 };
struct capture_segment {
    struct capture_address from, to;
    uint32_t seq, ack;
    uint8_t flags;
    struct bytes payload; // what is captured of it
    size_t size;          // what was sent
};
// ERR_ABSENT: it is no TCP segment; ERR_SYNTAX: its headers cannot be read, or it is a fragment.
int capture_tcp(const struct capture_packet *p, struct capture_segment *out);
void capture_address_text(const struct capture_address *a, char out[CAPTURE_ADDRESS_TEXT]);

// ---- TCP connections ----

struct flow {
    struct capture_address end[2]; // 0: the caller, as far as that is known
    bool syn;                      // its beginning was seen
    void *user;                    // of flow_user.begin
};
struct flow_user {
    void (*begin)(void *ctx, struct flow *f); // may set f->user
    void (*octets)(void *ctx, struct flow *f, unsigned side, struct bytes octets);
    void (*gap)(void *ctx, struct flow *f, unsigned side, uint32_t octets); // they are not in the capture
    void (*end)(void *ctx, struct flow *f);                                 // f->user is forgotten
};
enum { FLOWS_MAX = 16384, FLOW_HELD_MAX = 1 << 20, FLOWS_HELD_MAX = 64 << 20 };

struct flows;
struct flows *flows_new(const struct flow_user *u, void *ctx); // NULL: memory is short
int flows_input(struct flows *s, const struct capture_segment *seg);
void flows_end(struct flows *s);  // of the capture: what is held is given, every connection ends
void flows_free(struct flows *s); // after flows_end
uint64_t flows_count(const struct flows *s);

#endif

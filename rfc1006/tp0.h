// SPDX-License-Identifier: BSD-2-Clause
// The transport layer: X.224 class 0 over TPKT (RFC 1006). No I/O, no clock: octets from the network go into tp0_input,
// octets for the network are appended to the output buffer given to tp0_init. Class 0 has one transport connection to a
// network connection; when it is over (tp0_over) the owner writes what is left and closes the network connection.
#ifndef RFC1006_TP0_H
#define RFC1006_TP0_H

#include "base/buf.h"
#include "base/fsm.h"
#include "rfc1006/tpkt.h"

enum {
    TP0_SIZE_DEFAULT = 65531, // RFC 1006: when no size was proposed
    TP0_TSEL_MAX = 32,        // of what we send; a peer's may be as long as a TPDU header allows
};

// Reasons in a DR TPDU.
enum tp0_reason {
    TP0_REASON_NONE = 0,
    TP0_REASON_CONGESTION_AT_TSAP = 1,
    TP0_REASON_NOT_ATTACHED = 2, // "session entity not attached to TSAP"
    TP0_REASON_ADDRESS_UNKNOWN = 3,
    TP0_REASON_NORMAL = 128, // "normal disconnect initiated by session entity"
    TP0_REASON_CONGESTION = 129,
    TP0_REASON_NEGOTIATION = 130,
    TP0_REASON_DUPLICATE_REF = 131,
    TP0_REASON_MISMATCHED_REF = 132,
    TP0_REASON_PROTOCOL_ERROR = 133,
    TP0_REASON_REF_OVERFLOW = 135,
    TP0_REASON_REFUSED = 136, // "connection request refused on this network connection"
    TP0_REASON_HEADER = 138,  // "header or parameter length invalid"
};
const char *tp0_reason_text(uint8_t reason); // never NULL

struct tp0_params {
    uint16_t local_ref;  // our reference, not 0
    uint32_t tpdu_size;  // the largest TPDU we propose or agree to, 128..65,531; 0: TP0_SIZE_DEFAULT
    bool send_size;      // send the parameter; without it the peer assumes 65,531 (RFC 1006) and so do we
    bool send_preferred; // propose the preferred maximum size (0xF0) too, which knows every multiple of 128
    uint32_t connect_ms; // wait for the CC, or as the called side for the CR; 0: for ever
    struct bytes calling_tsel, called_tsel; // for T-CONNECT request; p NULL: absent. They must outlive the tp0
};

// T-CONNECT indication and confirm. Selectors: p NULL when absent, present and empty otherwise.
struct tp0_connect {
    struct bytes calling_tsel, called_tsel;
    uint32_t tpdu_size; // as negotiated
};

struct tp0_disconnect {
    bool by_peer;     // a DR or ER TPDU or the end of the network connection; else our own protocol error
    uint8_t reason;   // enum tp0_reason
    const char *text; // "transport: DR, reason 'address unknown'"
};

struct tp0_user {
    void (*connect_ind)(void *user, const struct tp0_connect *c); // answer: tp0_connect_rsp or tp0_disconnect_req
    void (*connect_cnf)(void *user, const struct tp0_connect *c);
    void (*data_ind)(void *user, struct bytes piece, bool last); // the TSDU as it arrives; the last piece may be empty
    // At most once, nothing follows. Also when a caller was refused or broke the protocol before its connect_ind.
    void (*disconnect_ind)(void *user, const struct tp0_disconnect *d);
};

struct tp0 {
    struct fsm fsm; // fsm.trace may be set after tp0_init
    struct tp0_params params;
    const struct tp0_user *up;
    void *user;
    struct buf *out;
    struct tpkt tpkt;
    uint32_t size;       // TPDU size in force, octets of a TPDU
    uint16_t remote_ref; // the peer's reference
    uint32_t preferred;  // in WFCC: what we proposed with 0xF0, 0: nothing; in WFTRESP: what we agree to, or 0
    bool sending;        // a TSDU is being sent in pieces
    uint64_t deadline;   // of the wait for CR or CC, 0: none
    bool eot;            // the DT TPDU being received ends its TSDU
    uint8_t head[256];   // the header of the TPDU being received
    uint16_t n_head;     // octets of it that are here
    uint16_t need_head;  // octets it will have
    size_t tpdu_left;    // octets of the TPDU after its header still to come
    char error[160];     // what went wrong, in words: tp0_disconnect.text
};

// out: the connection's output; it and `user` must outlive the tp0. Nothing to free.
void tp0_init(struct tp0 *t, const struct tp0_params *p, const struct tp0_user *up, void *user, struct buf *out);

// From the network. ERR_SYNTAX after a protocol error of the peer: disconnect_ind was given and tp0_over is true.
int tp0_input(struct tp0 *t, struct bytes in);
void tp0_network_closed(struct tp0 *t, const char *why); // the connection below is gone; why: words, or NULL

// Time, for the waits of connect_ms. The first tick starts the wait; tp0_deadline (0: none) says when to come again.
uint64_t tp0_deadline(const struct tp0 *t);
void tp0_tick(struct tp0 *t, uint64_t now_ms);

// Requests and responses: ERR_STATE when not allowed now, ERR_NOMEM (nothing was sent).
int tp0_connect_req(struct tp0 *t);
int tp0_connect_rsp(struct tp0 *t);
int tp0_data_req(struct tp0 *t, struct buf *tsdu); // segments and sends; the buffer is empty afterwards
// A TSDU of any size in pieces: `head`, then `piece`, the two sent as one run of octets; both may be empty. The first
// call begins the TSDU, the one with `last` ends it; between them tp0_data_req is refused with ERR_BUSY.
int tp0_data_piece_req(struct tp0 *t, struct bytes head, struct bytes piece, bool last);
bool tp0_sending(const struct tp0 *t);                       // a TSDU was begun and not ended
int tp0_reserve(struct tp0 *t, size_t octets, size_t tsdus); // so that tp0_data_req of them cannot fail for memory
int tp0_disconnect_req(struct tp0 *t, uint8_t reason);       // no indication follows

static inline size_t tp0_pending(const struct tp0 *t) {
    return t->out->len;
} // octets not yet written, for flow control
bool tp0_over(const struct tp0 *t); // write the rest of the output, then close the network connection

#endif

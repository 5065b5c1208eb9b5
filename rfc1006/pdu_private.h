// SPDX-License-Identifier: BSD-2-Clause
// Inside the watching of connections only: what transport and session (pdu_watch.c) and the layers above
// (pdu_upper.c) share.
#ifndef RFC1006_PDU_PRIVATE_H
#define RFC1006_PDU_PRIVATE_H

#include "rfc1006/pdu.h"
#include "rfc1006/presentation_codec.h"
#include "rfc1006/presentation_pdv.h"
#include "rfc1006/tpkt.h"

enum { PDU_POINTS = 128, PDU_JOINED_MAX = 1 << 20 };

enum pdu_tpdu_phase { TPDU_HEAD, TPDU_DATA, TPDU_SKIP };
enum pdu_spdu_phase { SPDU_SI, SPDU_LI, SPDU_PARAMS, SPDU_DATA, SPDU_LOST };

struct pdu_side {
    struct pdu_watch *w;
    unsigned index;
    // octets
    uint64_t offset; // of the next octet to be given
    uint64_t at;     // behind those that have been read of them
    const uint8_t *in;
    uint64_t in_at; // the offset of in[0]
    bool seeking, heard;
    uint8_t look[PDU_LOOK];
    size_t n_look;
    // TPKT, TPDU
    struct tpkt tpkt;
    bool tpkt_new;
    uint64_t tpkt_at, tpkt_next;
    size_t payload;
    enum pdu_tpdu_phase tpdu;
    uint8_t head[256];
    size_t n_head, need_head;
    bool eot;
    // TSDU, SPDU
    bool tsdu_open;
    enum pdu_spdu_phase phase;
    bool first, prefix;
    uint8_t si, li_octets;
    size_t li;
    uint64_t spdu_at;
    struct buf params;
    uint8_t joined_si; // an SSDU other than data in segments, or connect data in overflow; its SPDU. 255: none
    struct buf joined;
    // S-DATA, P-DATA, RTTR
    bool ssdu_open, ssdu_end, data_bad;
    uint64_t data_at, value;
    int64_t context;
    struct pdv_stream pdv;
    struct tlv_stream rttr;
};

// The session connection identifier, as far as an ACTIVITY RESUME repeats it.
struct pdu_session {
    uint8_t octets[3][80]; // calling, common and additional reference
    size_t n[3];
};

struct pdu_watch {
    const struct pdu_watch_user *user;
    void *ctx;
    int err; // sticky ERR_NOMEM
    struct pdu_side side[2];
    // as negotiated
    bool mode_known;
    enum rtse_mode mode;
    int protocol; // X.410 mode, of RTORQ
    int32_t contexts[PRESENTATION_CONTEXTS];
    size_t n_contexts;
    // the transfer
    bool active, paused, lost; // begun and not ended; interrupted; octets are missing
    struct pdu_transfer transfer;
    uint8_t id[16];
    struct pdv_stream external;
    uint64_t stream, skip;      // octets of the stream of RTTRs; of them still to be sent again
    uint64_t point[PDU_POINTS]; // octets of the stream before each point
    struct pdu_session session; // of this connection
};

struct pdu_kept {
    struct pdu_transfer transfer;
    struct pdu_session session;
    uint8_t id[16];
    struct pdv_mark external;
    uint64_t stream, point[PDU_POINTS];
};

void pdu_session_note(struct pdu_session *to, const struct spdu *spdu);
// pdu_kept.c. The transfer under way: to the user, when it may go on elsewhere; else false.
bool pdu_keep(struct pdu_watch *w);
bool pdu_resume_kept(struct pdu_watch *w, unsigned side, const struct spdu *spdu, uint32_t serial);

void pdu_emit(struct pdu_side *s, struct pdu *p); // to the user; and frees it

// pdu_upper.c. si, first: which SPDU; data: its user data, p NULL: none.
void pdu_upper_init(struct pdu_watch *w);
void pdu_upper_free(struct pdu_watch *w);
void pdu_upper_spdu(struct pdu_side *s, uint8_t si, bool first, const struct spdu *spdu);
void pdu_upper_user_data(struct pdu_side *s, uint8_t si, bool first, struct bytes data);
void pdu_upper_data_begin(struct pdu_side *s); // an SSDU of data
void pdu_upper_data(struct pdu_side *s, struct bytes piece);
void pdu_upper_data_end(struct pdu_side *s);
void pdu_upper_lost(struct pdu_side *s); // octets of this side are missing
void pdu_upper_end(struct pdu_watch *w); // the connection is over

#endif

// SPDX-License-Identifier: BSD-2-Clause
// PDUs for people: what was on the wire, layer by layer, as names and fields in words. Made by the layers' own codecs
// from a connection that somebody else keeps (a capture, or a live association that is watched): nothing here answers.
// User data are counted, never shown, so that no password is in a field.
#ifndef RFC1006_PDU_H
#define RFC1006_PDU_H

#include "base/arena.h"
#include "rfc1006/rtse.h"
#include "rfc1006/session_codec.h"
#include "rfc1006/stack_failure.h"

enum { PDU_FIELDS = 40 };

struct pdu {
    enum stack_layer layer;
    unsigned side;      // who sent it: 0 the caller, 1 the one called
    const char *name;   // "CR TPDU", "CONNECT (CN)", "CP", "AARQ", "RTORQ"
    uint64_t from, to;  // of the octets of that side: where it began, and behind where it ended
    const char *fault;  // in words what is wrong with it; NULL: nothing
    uint64_t fault_at;  // the octet at which that was seen
    struct arena arena; // of names and texts; limited
    size_t n;
    struct pdu_field {
        const char *key, *text; // "called-tsel", "\"P1\""; a key may come again: each a member of a list
    } field[PDU_FIELDS];
};

void pdu_init(struct pdu *p, enum stack_layer layer, unsigned side, const char *name);
void pdu_free(struct pdu *p);
void pdu_put(struct pdu *p, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void pdu_put_octets(struct pdu *p, const char *key, struct bytes v); // printable: "P1"; else 0x1234; nothing for p NULL
void pdu_put_oid(struct pdu *p, const char *key, const char *before, struct bytes oid); // and its name, if known
void pdu_fault(struct pdu *p, uint64_t at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
// "key text, key text, …", appended.
int pdu_line(const struct pdu *p, struct buf *out);
const char *pdu_layer_name(enum stack_layer l); // "transport" … "rtse": the words of `x400 trace --layer`

// Filling in the fields. Each sets name and fault too where the octets say so.
void pdu_tpdu(struct pdu *p, struct bytes head); // a TPDU without user data: LI and header
void pdu_spdu(struct pdu *p, uint8_t si, bool first, const struct spdu *s);
void pdu_session_id(struct pdu *p, const char *key, struct bytes members);

// ---- watching a connection ----
// Octets of both sides go in as they were seen; PDUs come out in the order in which they were complete. Constant
// memory: connect data and headers are held, everything else passes through.

enum pdu_transfer_end { PDU_TRANSFER_DONE, PDU_TRANSFER_INTERRUPTED, PDU_TRANSFER_DISCARDED, PDU_TRANSFER_LOST };

struct pdu_transfer {
    enum rtse_mode mode;
    int protocol;      // X.410 mode: RTSE_PROTOCOL_*; normal: 0
    bool resumed;      // ACTIVITY RESUME
    bool whole;        // the octets given begin with the APDU's first; else with some of its middle
    unsigned side;     // the sender
    uint64_t octets;   // of the APDU so far
    uint64_t tsdus;    // S-DATA so far
    uint32_t points;   // minor synchronization points so far
    struct bytes id;   // activity identifier
    uint64_t identity; // counts the transfers of this connection, from 1
};

struct pdu_kept;
bool pdu_kept_is(const struct pdu_kept *k, const struct spdu *resume); // by session identifier and activity
void pdu_kept_free(struct pdu_kept *k);

struct pdu_watch_user {
    void (*pdu)(void *ctx, const struct pdu *p);
    // The bind in RTORQ, RTOAC and RTORJ; in normal mode with its tag [16], [17] or [18], else bare. May be NULL.
    void (*bind)(void *ctx, unsigned side, enum rtse_mode mode, int apdu, struct bytes value);
    // A transfer was cut off with its connection and may go on in another one, which finds it with transfer_find. The
    // user frees what is kept (pdu_kept_free). NULL, or nothing to resume: transfer_end comes, as lost.
    void (*transfer_keep)(void *ctx, const struct pdu_transfer *t, struct pdu_kept *kept);
    // ACTIVITY RESUME of a transfer of another connection: one of those kept for which pdu_kept_is is true; it is still
    // the user's, and transfer_begin follows, with `whole`. NULL: there is none.
    const struct pdu_kept *(*transfer_find)(void *ctx, const struct spdu *resume);
    // An MTS-APDU as it passes: begin, octets, end. An interrupted one may begin again, with the same identity and
    // its next octets, or end as lost. Each may be NULL.
    void (*transfer_begin)(void *ctx, const struct pdu_transfer *t);
    void (*transfer_data)(void *ctx, const struct pdu_transfer *t, struct bytes piece);
    void (*transfer_end)(void *ctx, const struct pdu_transfer *t, enum pdu_transfer_end how);
};

struct pdu_watch;
struct pdu_watch *pdu_watch_new(const struct pdu_watch_user *u, void *ctx); // NULL: memory is short
void pdu_watch_free(struct pdu_watch *w);

// What is known of a connection that is watched from its middle; else the first data tell the mode.
void pdu_watch_assume(struct pdu_watch *w, enum rtse_mode mode, int protocol);
// The octets that follow may begin anywhere: those before the next TPKT that looks like one are passed over.
void pdu_watch_seek(struct pdu_watch *w, unsigned side);
// ERR_NOMEM is the only error, and final.
int pdu_watch_input(struct pdu_watch *w, unsigned side, struct bytes octets);
void pdu_watch_gap(struct pdu_watch *w, unsigned side, uint64_t octets); // so many are missing; 0: nobody knows
void pdu_watch_end(struct pdu_watch *w, unsigned side);                  // no more octets
uint64_t pdu_watch_offset(const struct pdu_watch *w, unsigned side);     // octets of this side so far, gaps too

enum { PDU_LOOK = 7 }; // octets needed to tell
// Whether octets look like the beginning of a TPKT and its TPDU: 1 yes, 0 no, -1 more are needed (fewer than PDU_LOOK).
int pdu_looks_like_tpkt(struct bytes b);

#endif

// SPDX-License-Identifier: BSD-2-Clause
// The Reliable Transfer Protocol Machine (X.228), normal mode, monologue: the association's initiator sends. RT-OPEN
// uses A-ASSOCIATE; a transfer is an activity, its APDU an EXTERNAL cut into RTTR-APDUs with a minor synchronization
// point after each; RT-CLOSE uses A-RELEASE, aborts A-ABORT with an RTAB. Not here: two-way alternate, resumption,
// X.410 mode. No clock: `now_ms` is set by the owner before it enters the stack.
#ifndef RFC1006_RTSE_PM_H
#define RFC1006_RTSE_PM_H

#include "rfc1006/acse.h"
#include "rfc1006/rtse.h"

enum {
    RTSE_WINDOW_MAX = 64, // agreed at most
    RTSE_UNCONFIRMED_MAX =
        128,                  // points that a sender may have open before it is a fault (some exceed the window by one)
    RTSE_WHOLE_MAX = 1 << 20, // without checkpoints an APDU up to this size is one RTTR, a larger one several
    RTSE_PIECE = 65536,       // ... of this size
};

struct rtse_open {
    const struct acse_associate *associate;
    bool accepted;               // confirm
    uint32_t checkpoint, window; // indication: proposed; confirm: agreed
    enum rtse_dialogue dialogue;
    enum rtse_mode mode;
    int protocol; // indication, X.410 mode: the application protocol, 0: not said
    struct bytes user_data;
    struct stack_failure failure; // confirm, not accepted
};

struct rtse_transfer_end {
    bool ok;
    uint64_t octets;
    const struct stack_failure *failure; // NULL when ok
};

struct rtse_user {
    void (*open_ind)(void *user, const struct rtse_open *o);
    void (*open_cnf)(void *user, const struct rtse_open *o);
    void (*transfer_begin)(void *user, int64_t context);
    void (*transfer_data)(void *user, struct bytes piece);
    void (*checkpoint_ind)(void *user, uint32_t serial, uint64_t octets);
    void (*transfer_end)(void *user, const struct rtse_transfer_end *e);
    void (*checkpoint_cnf)(void *user, uint32_t serial, uint64_t octets);
    void (*transfer_cnf)(void *user, const struct rtse_transfer_end *e);
    void (*close_ind)(void *user);
    void (*close_cnf)(void *user);
    void (*abort_ind)(void *user, const struct stack_failure *f);
};

struct rtse_params {
    struct bytes rtse_syntax, user_syntax,
        application_context;     // object identifiers, contents; must outlive the machine
    enum rtse_mode mode;         // initiator: proposed
    int protocol;                // initiator, X.410 mode: the application protocol
    uint32_t checkpoint, window; // proposed, or at most accepted
    uint32_t output_high;
    uint32_t transfer_timeout_ms;
};

struct rtse {
    struct fsm fsm;
    struct rtse_params params;
    const struct rtse_user *up;
    void *user;
    struct acse *acse;
    struct presentation *presentation;
    const struct buf *output; // of the connection: how much waits there
    uint64_t now_ms, deadline;
    bool initiator;
    bool x410;                     // the mode of the association
    bool opening;                  // RT-OPEN is not confirmed yet
    int32_t context, user_context; // presentation contexts
    uint32_t checkpoint, window;   // agreed; window is at least 1
    uint32_t proposed_checkpoint, proposed_window;
    struct rtse_recovery recovery; // references, activity and what is confirmed of the transfer under way
    uint32_t activity;             // the number of the last activity
    uint32_t serial;               // last synchronization point sent or received
    uint64_t total, octets;        // of the APDU: to send; given or received
    uint32_t timeout_ms;
    struct stack_failure failure; // why a transfer is being discarded
    // sending
    uint64_t header;   // octets of the EXTERNAL before the APDU
    size_t slice_size; // octets of an RTTR
    struct buf slice;  // the RTTR being filled
    // receiving
    struct tlv_stream rttr;
    struct pdv_stream external;
    uint64_t octets_at[RTSE_UNCONFIRMED_MAX]; // of the open points, by serial
};

extern const struct acse_user rtse_acse_user;
extern const struct presentation_rtse_user rtse_presentation_user;
extern const struct fsm_table rtse_fsm; // for tests that walk it

void rtse_init(struct rtse *r, const struct rtse_params *p, bool initiator, struct acse *acse,
               struct presentation *presentation, const struct buf *output, const struct rtse_user *up, void *user);
void rtse_free(struct rtse *r);
void rtse_tick(struct rtse *r); // r->now_ms is past r->deadline

// `as` holds the parameters of the layers below; application context and user information are filled in here.
int rtse_open_req(struct rtse *r, const struct acse_associate *as, struct bytes user_data);
int rtse_open_rsp(struct rtse *r, const struct acse_associate *as, struct bytes user_data);
int rtse_open_refuse(struct rtse *r, const struct acse_associate *as, struct bytes user_data, int reason);
int rtse_transfer_req(struct rtse *r, uint64_t total, uint32_t timeout_ms);
size_t rtse_room(const struct rtse *r);
int rtse_transfer_data(struct rtse *r, struct bytes piece);
int rtse_transfer_discard(struct rtse *r);
int rtse_checkpoint_rsp(struct rtse *r, uint32_t serial);
int rtse_transfer_rsp(struct rtse *r);
int rtse_transfer_refuse(struct rtse *r, int reason);
int rtse_close_req(struct rtse *r);
int rtse_close_rsp(struct rtse *r);
int rtse_abort_req(struct rtse *r, int reason); // RTSE_ABORT_USER_ERROR: RT-U-ABORT
bool rtse_transferring(const struct rtse *r);   // an activity is in progress, either way

#endif

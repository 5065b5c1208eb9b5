// SPDX-License-Identifier: BSD-2-Clause
// The Reliable Transfer Protocol Machine (X.228), both modes and both dialogues. RT-OPEN uses A-ASSOCIATE; a transfer
// is an activity: in normal mode an EXTERNAL cut into RTTR-APDUs, in X.410 mode the APDU as it is, with a minor
// synchronization point after each slice; it can be interrupted and resumed, on the same association or on a later one
// that recovers it. The turn is all tokens: P-TOKEN-PLEASE and P-CONTROL-GIVE. RT-CLOSE uses A-RELEASE, aborts A-ABORT
// with an RTAB. No clock: `now_ms` is set by the owner before it enters the stack.
#ifndef RFC1006_RTSE_PM_H
#define RFC1006_RTSE_PM_H

#include "rfc1006/acse.h"
#include "rfc1006/rtse.h"

enum {
    RTSE_WINDOW_MAX = 64, // agreed at most
};

struct rtse_open {
    const struct acse_associate *associate;
    bool accepted;               // confirm
    uint32_t checkpoint, window; // indication: proposed; confirm: agreed
    enum rtse_dialogue dialogue;
    enum rtse_mode mode;
    int protocol; // indication, X.410 mode: the application protocol, 0: not said
    bool turn;    // we have it at first
    const struct rtse_session_id
        *recover; // indication: of this association, and there are no user data; NULL: a new one
    struct bytes user_data;
    struct stack_failure failure; // confirm, not accepted
};

struct rtse_transfer_end {
    bool ok, resumable;
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
    // To be answered before it returns. `old` has session, activity and the serial number to go on from.
    void (*resume_ind)(void *user, const struct rtse_recovery *old);
    void (*checkpoint_cnf)(void *user, uint32_t serial, uint64_t octets);
    void (*transfer_cnf)(void *user, const struct rtse_transfer_end *e);
    void (*turn_please_ind)(void *user, uint32_t priority);
    void (*turn_give_ind)(void *user);
    void (*close_ind)(void *user);
    void (*close_cnf)(void *user);
    void (*abort_ind)(void *user, const struct stack_failure *f);
};

struct rtse_params {
    struct bytes rtse_syntax, user_syntax,
        application_context;                         // object identifiers, contents; must outlive the machine
    enum rtse_mode mode;                             // initiator: proposed
    int protocol;                                    // initiator, X.410 mode: the application protocol
    enum rtse_dialogue dialogue;                     // initiator: proposed
    bool refuse_monologue, refuse_two_way_alternate; // responder
    uint32_t checkpoint, window;                     // proposed, or at most accepted
    uint32_t output_high;
    uint32_t transfer_timeout_ms, no_progress_ms; // 0: none
};

struct rtse_point { // a synchronization point that the receiver's user has not confirmed
    uint64_t stream, octets;
    struct pdv_mark mark;
};

struct rtse {
    struct fsm fsm;
    struct rtse_params params;
    const struct rtse_user *up;
    void *user;
    struct acse *acse;
    struct presentation *presentation;
    const struct buf *output; // of the connection: how much waits there
    uint64_t now_ms, transfer_deadline, progress_deadline;
    bool initiator;
    bool x410;       // the mode of the association
    int protocol;    // X.410 mode: the application protocol
    bool opening;    // RT-OPEN is not confirmed yet
    bool recovering; // RT-OPEN recovers `session`, and that was said
    bool two_way;    // the dialogue is two-way alternate
    bool turn;       // we may send
    bool wanted;     // we asked for it, with `priority`
    uint32_t priority;
    int32_t context, user_context; // presentation contexts
    uint32_t checkpoint, window;   // agreed; window is at least 1
    uint32_t proposed_checkpoint, proposed_window;
    struct rtse_session_id session, recovered; // of this association; of the one it recovers
    struct rtse_recovery recovery;             // of the transfer under way, or interrupted
    bool kept, sender;                         // there is one, and it was not finished; we send it
    uint32_t activity;                         // the number of our last activity
    uint32_t serial;                           // last synchronization point sent or received
    uint32_t base_serial;                      // the point from which the activity was started or resumed here
    uint64_t total, octets;                    // of the APDU: to send; given or received
    bool completed;                            // the last activity received was ended by our response
    bool interrupting;                         // the transfer being given up may be resumed
    struct stack_failure failure;              // why it is given up
    // sending
    uint64_t header;      // octets of the EXTERNAL before the APDU
    uint64_t base_stream; // octets of the stream before base_serial
    size_t slice_size;    // octets of the stream between two points
    struct buf slice;     // what is being filled; without checkpoints: what comes before the APDU's octets
    // receiving
    struct tlv_stream rttr;
    struct pdv_stream external;
    uint64_t stream, skip;     // octets of the stream received; those of them that come again after a resumption
    struct rtse_point *points; // the open ones, by serial modulo n_points; NULL: none were ever open
    uint32_t n_points;
};

extern const struct acse_user rtse_acse_user;
extern const struct presentation_rtse_user rtse_presentation_user;
extern const struct fsm_table rtse_fsm; // for tests that walk it

void rtse_init(struct rtse *r, const struct rtse_params *p, bool initiator, struct acse *acse,
               struct presentation *presentation, const struct buf *output, const struct rtse_user *up, void *user);
void rtse_free(struct rtse *r);
uint64_t rtse_deadline(const struct rtse *r); // 0: none
void rtse_tick(struct rtse *r);               // r->now_ms may be past it

// `as` holds the parameters of the layers below; application context and user information are filled in here.
int rtse_open_req(struct rtse *r, const struct acse_associate *as, struct bytes user_data);
int rtse_recover_req(struct rtse *r, const struct acse_associate *as, const struct rtse_session_id *session);
int rtse_open_rsp(struct rtse *r, const struct acse_associate *as, struct bytes user_data);
int rtse_open_refuse(struct rtse *r, const struct acse_associate *as, struct bytes user_data, int reason);

int rtse_transfer_req(struct rtse *r, uint64_t total, uint32_t timeout_ms);
int rtse_resume_req(struct rtse *r, const struct rtse_recovery *old, uint64_t total, uint32_t timeout_ms);
size_t rtse_room(const struct rtse *r);
int rtse_transfer_data(struct rtse *r, struct bytes piece);
int rtse_transfer_discard(struct rtse *r);
int rtse_transfer_interrupt(struct rtse *r);

int rtse_checkpoint_rsp(struct rtse *r, uint32_t serial);
int rtse_transfer_rsp(struct rtse *r);
int rtse_transfer_refuse(struct rtse *r, int reason);
int rtse_resume_rsp(struct rtse *r, const struct rtse_recovery *state);
int rtse_resume_refuse(struct rtse *r, enum rtse_no_resume why);
// As it will be when that point is confirmed. ERR_ABSENT.
int rtse_recovery_at(const struct rtse *r, uint32_t serial, struct rtse_recovery *out);

int rtse_turn_please(struct rtse *r, uint32_t priority);
int rtse_turn_give(struct rtse *r);

int rtse_close_req(struct rtse *r);
int rtse_close_rsp(struct rtse *r);
int rtse_abort_req(struct rtse *r, int reason); // RTSE_ABORT_USER_ERROR: RT-U-ABORT

#endif

// SPDX-License-Identifier: BSD-2-Clause
// Inside RTSE only: what the state table (rtse_pm.c) calls to open an association (rtse_open.c), for the turn, and
// while an activity is in progress (rtse_send.c, rtse_receive.c).
#ifndef RFC1006_RTSE_ACTIONS_H
#define RFC1006_RTSE_ACTIONS_H

#include "rfc1006/rtse_codec.h"
#include "rfc1006/rtse_pm.h"

struct rtse_arg { // what an event carries, as far as it needs
    const struct acse_associate *associate;
    const struct presentation_event *event;
    const struct stack_failure *failure;
    const struct rtse_recovery *recovery;
    const struct rtse_session_id *session;
    struct bytes octets; // user data; a piece of the APDU; user information of an abort
    uint64_t total;
    uint32_t timeout_ms, serial; // serial: also a priority
    int reason;
};

// RT-OPEN.
int rtse_open_send(void *rtse, void *arg);
int rtse_open_accept(void *rtse, void *arg);
int rtse_open_send_refusal(void *rtse, void *arg);
int rtse_open_indicate(void *rtse, void *arg);
int rtse_open_confirm(void *rtse, void *arg);
int rtse_open_confirm_refused(void *rtse, void *arg);

// Sender.
int rtse_send_start(void *rtse, void *arg);
int rtse_send_resume(void *rtse, void *arg);
int rtse_send_octets(void *rtse, void *arg);
int rtse_send_discard(void *rtse, void *arg);   // wanted by the user
int rtse_send_interrupt(void *rtse, void *arg); // wanted by the user
int rtse_send_exception(void *rtse, void *arg); // the receiver reported an exception
int rtse_send_checkpoint_cnf(void *rtse, void *arg);
int rtse_send_end_cnf(void *rtse, void *arg);
int rtse_send_given_up(void *rtse, void *arg); // interrupt or discard are confirmed

// Receiver.
int rtse_receive_start(void *rtse, void *arg);
int rtse_receive_resume(void *rtse, void *arg);
int rtse_receive_resume_rsp(void *rtse, void *arg);
int rtse_receive_resume_refuse(void *rtse, void *arg);
int rtse_receive_completed(void *rtse, void *arg); // the activity to be resumed is one
int rtse_receive_checkpoint(void *rtse, void *arg);
int rtse_receive_checkpoint_rsp(void *rtse, void *arg);
int rtse_receive_end(void *rtse, void *arg);
int rtse_receive_end_rsp(void *rtse, void *arg);
int rtse_receive_refuse(void *rtse, void *arg);
int rtse_receive_given_up(void *rtse, void *arg); // interrupt or discard
int rtse_receive_skip_end(void *rtse, void *arg); // the same, after a refusal
int rtse_receive_too_late(void *rtse, void *arg); // the same, crossing the confirmation of the end

// RT-CLOSE, aborts, the turn.
int rtse_close_send(void *rtse, void *arg);
int rtse_close_answer(void *rtse, void *arg);
int rtse_close_indicate(void *rtse, void *arg);
int rtse_close_confirm(void *rtse, void *arg);
int rtse_abort_send(void *rtse, void *arg);
int rtse_abort_indicate(void *rtse, void *arg);
int rtse_abort_indicate_sending(void *rtse, void *arg); // an RTAB may say that the transfer is complete
int rtse_turn_send(void *rtse, void *arg);              // the question
int rtse_turn_pass(void *rtse, void *arg);
int rtse_turn_indicate_wanted(void *rtse, void *arg);
int rtse_turn_indicate(void *rtse, void *arg);

extern const struct tlv_stream_user rtse_rttr_user;
extern const struct pdv_user rtse_external_user;
int rtse_receive_stream(struct rtse *r, struct bytes piece); // of the contents of RTTRs; X.410 mode: of SSDUs

// An APDU as user information: in X.410 mode its members alone. `kind` is what is expected there.
int rtse_apdu_put(const struct rtse *r, struct buf *b, const struct rtse_apdu *a);
int rtse_apdu_get(const struct rtse *r, enum rtse_kind kind, struct bytes in, struct rtse_apdu *out);

// An activity begins or goes on under this identifier: of what is kept, the identifiers are set.
void rtse_activity_begin(struct rtse *r, struct bytes id);
int rtse_pass(struct rtse *r, struct presentation_event e, uint32_t *serial); // serial, if not NULL: out
void rtse_progress(struct rtse *r);                                           // the no-progress timer starts anew
void rtse_timers_stop(struct rtse *r);
int rtse_turn_ask(struct rtse *r); // sends the question that is open
// Ends the association for a fault of the peer, or, local, of our own; the user is told.
void rtse_fault(struct rtse *r, int reason, bool local, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int rtse_local_fault(struct rtse *r, const char *what, int err);
void rtse_send_rtab(struct rtse *r, int reason);                // A-ABORT
void rtse_ended(struct rtse *r, const struct stack_failure *f); // over: the user is told
void rtse_close(struct rtse *r);                                // over: the user is told by the caller
bool rtse_closed(const struct rtse *r);
bool rtse_receiving(const struct rtse *r); // octets are wanted
bool rtse_skipping(const struct rtse *r);  // octets are to be dropped
bool rtse_resuming(const struct rtse *r);  // the user has not said yet whether it can
int rtse_all_given(struct rtse *r);        // nothing more to give: await the confirmation of the end
size_t rtse_send_room(const struct rtse *r);
size_t rtse_send_window(const struct rtse *r); // no less than the room was, less what was given since

#endif

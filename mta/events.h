// SPDX-License-Identifier: BSD-2-Clause
// The event catalogue: every event of the daemon, in one table (events.c). Numbers below 10,000 are those that
// operators know from the system this one replaces; our own begin at 20001.
#ifndef MTA_EVENTS_H
#define MTA_EVENTS_H

#include "base/event.h"

enum mta_event {
    // of the old numbering
    EV_UNKNOWN_MTA,       // 51
    EV_ASSOCIATION_LIMIT, // 57
    EV_OPEN_FAILED,       // 289
    EV_NON_DELIVERY,      // 290
    EV_OPEN_RETRY,        // 301
    EV_ABNORMAL_END,      // 1294
    EV_RECOVERY_FINISHED, // 2207
    EV_RECOVERY_CHECKING, // 2206
    EV_RECOVERY_BEGUN,    // 2219
    EV_RESOURCE_LIMIT,    // 9156
    EV_ACCEPT_ERROR,      // 9202
    EV_CONNECT_ERROR,     // 9215
    EV_FATAL_START,       // 9266
    EV_NO_PEER_MATCHES,   // 9301
    EV_CALL_FAILED,       // 9318
    EV_LISTEN_FAILED,     // 9321
    EV_BIND_BACK_FAILED,  // 9322
    // the process and its configuration
    EV_STARTED,        // 20001
    EV_STOPPING,       // 20002
    EV_STOPPED,        // 20003
    EV_CONF_LOADED,    // 20010
    EV_CONF_ERROR,     // 20011
    EV_CONF_WARNING,   // 20012
    EV_LISTENING,      // 20013
    EV_SPOOL_HELD,     // 20014
    EV_SPOOL_DAMAGED,  // 20015
    EV_SPOOL_ERROR,    // 20016
    EV_SPACE_LOW,      // 20017
    EV_SPACE_BACK,     // 20018
    EV_OPERATOR,       // 20019
    EV_STACK_STANDBY,  // 20021
    EV_STACK_ACTIVE,   // 20022
    EV_STACKS_BLIND,   // 20023
    EV_SPOOL_AWAITED,  // 20025
    EV_SPOOL_TAKEN,    // 20026
    EV_SPOOL_CLOSING,  // 20027
    EV_SPOOL_RELEASED, // 20028
    // associations
    EV_ASSOCIATION_UP,   // 20101
    EV_ASSOCIATION_DOWN, // 20102
    EV_TRANSFER_FAILED,  // 20103
    EV_CALLER_FAILED,    // 20104
    EV_RECEIVE_REFUSED,  // 20105
    EV_TURN_LATE,        // 20106
    EV_INTERRUPTED,      // 20107
    EV_RESUMED,          // 20108
    EV_NOT_RESUMED,      // 20109
    EV_RECOVERY_REFUSED, // 20110
    EV_BIND_BACK_LIMIT,  // 20111
    // the way of a message: one line each, never suppressed
    EV_ACCEPTED,         // 20201
    EV_TRANSFERRED,      // 20202
    EV_DELIVERED,        // 20203
    EV_REFUSED,          // 20204
    EV_REPORTED,         // 20205
    EV_DUPLICATE,        // 20206
    EV_LOOP,             // 20207
    EV_NO_REPORT,        // 20208
    EV_DELIVERY_TROUBLE, // 20209
    EV_DELIVERED_BEFORE, // 20210
    EV_RETURN_DROPPED,   // 20211
    EV_EVENTS
};

const struct event_def *mta_event(enum mta_event e);

#endif

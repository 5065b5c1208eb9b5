// SPDX-License-Identifier: BSD-2-Clause
// Results of functions that can fail: 0 is success, a negative value says whose fault and what kind.
// A peer's fault that the standard answers with a PDU is not an error of the function that saw it: layers
// report those through their service primitives.
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err {
    ERR_OK = 0,
    ERR_NOMEM = -1,   // our allocation failed, or an arena reached its limit
    ERR_SHORT = -2,   // the input ends before the element does: more octets are wanted
    ERR_SYNTAX = -3,  // the input can never become valid
    ERR_LIMIT = -4,   // the input is larger, deeper or longer than a configured limit
    ERR_STATE = -5,   // the call is not allowed in this state: our own caller's mistake
    ERR_SYSTEM = -6,  // a system call failed: errno says how
    ERR_ABSENT = -7,  // what was looked for is not there
    ERR_EXISTS = -8,  // what was to be made is there already
    ERR_BUSY = -9,    // not now: try again later
    ERR_CORRUPT = -10 // stored data does not agree with its checksum or format
};

// A short name ("out of memory", "syntax error", ...), never NULL.
const char *err_text(int err);
// Of an errno: this machine or a limit of the process is short of something, descriptors or memory.
bool err_is_shortage(int system);

#endif

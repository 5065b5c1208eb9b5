// SPDX-License-Identifier: BSD-2-Clause
#include "base/err.h"

#include <errno.h>

const char *err_text(int err) {
    switch (err) {
    case ERR_OK: return "success";
    case ERR_NOMEM: return "out of memory";
    case ERR_SHORT: return "the data ends too early";
    case ERR_SYNTAX: return "syntax error";
    case ERR_LIMIT: return "a limit is exceeded";
    case ERR_STATE: return "not allowed in this state";
    case ERR_SYSTEM: return "system call failed";
    case ERR_ABSENT: return "not found";
    case ERR_EXISTS: return "exists already";
    case ERR_BUSY: return "busy";
    case ERR_CORRUPT: return "stored data is damaged";
    default: return "unknown error";
    }
}

bool err_is_shortage(int system) {
    return system == EMFILE || system == ENFILE || system == ENOMEM || system == ENOBUFS;
}

// SPDX-License-Identifier: BSD-2-Clause
// What implementation-information of an AARQ says of bind-back: which endpoint the called side may call back, or that
// this call is itself a bind-back. Text to struct and back, pure; the syntax is that of docs/interop.md, "Bind-back".
//
//   X400D-BB/1 to=TCP:mta.example.net:102
//   X400D-BB/1 is-bind-back
//
// Strict in what is used, tolerant of the rest: what other implementations say, unknown words and other versions are
// read over. X.227 defines the field as a GraphicString without a meaning; only octets 0x20 to 0x7E are used of it.
#ifndef ASSOC_BACK_H
#define ASSOC_BACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    ASSOC_BACK_HOST = 256, // of a name of DNS or the text of an address
    ASSOC_BACK_SHOWN = 288,
    ASSOC_BACK_TEXT = 320, // the longest field that we send
    ASSOC_BACK_READ = 1024 // a longer field is not looked at
};

struct assoc_back {
    bool is_bind_back;
    bool declares; // there was a `to`; is-bind-back outweighs it
    // Of what was declared: family AF_INET or AF_INET6 for an address, AF_UNSPEC for a name. host "": it cannot be
    // called, and fault says why.
    char host[ASSOC_BACK_HOST];
    int family;
    uint16_t port;
    char shown[ASSOC_BACK_SHOWN]; // as it came, printable, perhaps cut off; "": nothing was declared
    const char *fault;            // NULL, or a fixed text
};

// ERR_ABSENT: it says nothing of bind-back (out is then empty); else ERR_OK, whatever is wrong with it.
int assoc_back_parse(struct bytes text, struct assoc_back *out);
// The field for a call that declares this endpoint (family as above), ERR_SYNTAX: it is none that can be declared.
int assoc_back_declare(const char *host, int family, uint16_t port, char out[ASSOC_BACK_TEXT]);
extern const char assoc_back_mark[]; // the field for a call that is a bind-back

#endif

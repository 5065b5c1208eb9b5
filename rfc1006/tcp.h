// SPDX-License-Identifier: BSD-2-Clause
// TCP connections and listeners on the event loop, IPv4 and IPv6. The only sockets of the stack. Non-blocking, with
// TCP_NODELAY (a peer that waits for an acknowledgement otherwise costs 40 ms a message) and keepalive.
//
// A connection calls its user until `closed`, which is the last call and comes once, never from within a function
// called by the user. tcp_free may be called from any callback; nothing is called after it.
#ifndef RFC1006_TCP_H
#define RFC1006_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/loop.h"

struct tcp;
struct tcp_user {
    void (*connected)(void *user); // not for accepted connections, which are connected from the start
    void (*input)(void *user, struct bytes octets);
    void (*writable)(void *user); // what waits in the output fell to the low mark after it had passed the high one
    // The connection is gone, or never came about. error: words with the system's reason, NULL: closed in order, by the
    // peer or after tcp_close. err: its errno, 0: none.
    void (*closed)(void *user, int err, const char *error);
};

struct tcp_params {
    const struct net_address *source; // local address to connect from, port 0: any; NULL: the system's choice
    uint32_t connect_ms;              // give up connecting after so long, 0: the system's limit
    size_t high, low;                 // water marks of the output, octets; 0: 256 K and 64 K
    uint32_t keepalive_s;             // idle time before probes, 0: 15 s
    uint32_t flush_ms;                // after tcp_close: time for the output to leave and the peer to close; 0: 5 s
};

// NULL: no memory, or the system refused at once; then `error` (may be NULL) is filled with words, and errno says how.
struct tcp *tcp_connect(struct loop *l, const struct net_address *to, const struct tcp_params *p,
                        const struct tcp_user *up, void *user, char error[160]);
void tcp_free(struct tcp *t); // closes at once. NULL is allowed
// The same when our own address is gone, with nothing sent: the system forgets the connection and its output, instead
// of sending it again and again from an address that is another machine's by now. NULL is allowed.
void tcp_abort(struct tcp *t);
// Closes in order: writes the output, ends our direction, waits for the peer's end; then `closed`.
void tcp_close(struct tcp *t);

struct buf *tcp_output(struct tcp *t);                    // append here, then
void tcp_flush(struct tcp *t);                            // writes what the socket takes; the rest leaves by itself
bool tcp_above_high(const struct tcp *t);                 // stop producing until `writable`
void tcp_read_pause(struct tcp *t, bool pause);           // no input while paused; the peer is held back
const struct net_address *tcp_local(const struct tcp *t); // of a call also before it is connected

// Whether the other side lives. While probed, TCP asks it each second once nothing came for a second; that it does not
// do while data of ours wait for their acknowledgement, but then it repeats them.
void tcp_probe(struct tcp *t, bool on); // off: keepalive as it was
struct tcp_sign {
    uint32_t silent_ms;  // since its last segment
    uint32_t rtt_ms;     // a segment and its answer take so long, as measured before
    unsigned unanswered; // probes, or with data on their way their repetitions, since its last segment
};
bool tcp_sign(const struct tcp *t, struct tcp_sign *out); // false: there is no connection

struct tcp_listener;
// A connection arrived: true when it was taken over (with tcp_accept, usually), false: it is closed. fd below 0: none
// could be accepted, -fd is the errno and from is NULL; the listener goes on.
typedef bool (*tcp_accept_cb)(void *arg, int fd, const struct net_address *from);
// Port 0: any free one, see tcp_listener_address. An IPv6 listener does not take IPv4. NULL as with tcp_connect.
struct tcp_listener *tcp_listen(struct loop *l, const struct net_address *on, tcp_accept_cb cb, void *arg,
                                char error[160]);
const struct net_address *tcp_listener_address(const struct tcp_listener *t);
void tcp_listener_free(struct tcp_listener *t);
// fd is taken over, also on failure (then it is closed). source and connect_ms of the params are not used.
struct tcp *tcp_accept(struct loop *l, int fd, const struct tcp_params *p, const struct tcp_user *up, void *user);

#endif

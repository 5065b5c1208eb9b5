// SPDX-License-Identifier: BSD-2-Clause
// One netlink socket hears of every change and answers requests for the whole set, in the order in which things
// happened. The whole set is asked for at the start, when the kernel had to drop news, and when it says that an answer
// is not consistent; what such an answer did not name is gone. An address is told apart by interface, address and
// prefix, as the kernel does; what the owner is told goes by the address alone.
#include "base/local_address.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

enum {
    DATAGRAM = 65536, // more than the kernel puts into one
    FIRST_MS = 2000,  // the kernel answers at once
    AGAIN_MS = 200,   // after an error
    AT_ONCE = 64      // datagrams in one turn of the loop
};

struct entry {
    TAILQ_ENTRY(entry) link;
    struct local_address a;
    uint64_t seen; // the reading of the whole set that named it last
};

struct local_addresses {
    struct mnl_socket *socket;
    struct loop_io *io;
    struct loop_timer *again;
    local_address_cb cb; // NULL while the first set is read
    void *arg;
    TAILQ_HEAD(entries, entry) entries;
    uint64_t reading, resyncs; // number of the reading under way or last done
    bool under_way;            // an answer is not complete yet
    bool begun;                // and its first part came: older news cannot vouch for an address any more
    bool stale;                // and another one must follow
    char buffer[DATAGRAM] __attribute__((aligned(NLMSG_ALIGNTO)));
};

bool local_address_is_usable(const struct local_address *a) {
    return a != NULL && !a->tentative && !a->duplicate;
}

bool local_address_toward(const struct net_address *to, struct net_address *from) {
    struct net_address at = *to;
    socklen_t n = sizeof *from;
    *from = (struct net_address){0};
    net_address_set_port(&at, 9); // any will do
    int fd = socket(at.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool known = connect(fd, &at.sa, net_address_len(&at)) == 0 && getsockname(fd, &from->sa, &n) == 0;
    close(fd);
    net_address_set_port(from, 0);
    return known;
}

static bool is_link_local(const struct net_address *a) {
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr);
}

static bool same(const struct net_address *have, const struct net_address *wanted) {
    struct net_address any = *wanted;
    if (is_link_local(have) && is_link_local(wanted) && wanted->v6.sin6_scope_id == 0)
        any.v6.sin6_scope_id = have->v6.sin6_scope_id;
    return net_address_same_host(have, &any);
}

const struct local_address *local_addresses_find(const struct local_addresses *s, const struct net_address *a) {
    const struct local_address *found = NULL;
    const struct entry *e;
    TAILQ_FOREACH(e, &s->entries, link) {
        if (!same(&e->a.address, a))
            continue;
        if (local_address_is_usable(&e->a))
            return &e->a;
        found = &e->a;
    }
    return found;
}

void local_addresses_each(const struct local_addresses *s, bool (*cb)(void *arg, const struct local_address *a),
                          void *arg) {
    const struct entry *e;
    TAILQ_FOREACH(e, &s->entries, link) {
        if (!cb(arg, &e->a))
            return;
    }
}

uint64_t local_addresses_resyncs(const struct local_addresses *s) {
    return s->resyncs;
}

// ---- changes ----

static bool usable(const struct local_addresses *s, const struct net_address *a) {
    return local_address_is_usable(local_addresses_find(s, a));
}

// Tells the owner what came of a change of this entry. By value: the owner's callback is the last thing done with it.
static void tell(struct local_addresses *s, struct local_address a, bool was_usable, bool was_duplicate) {
    bool is = usable(s, &a.address);
    if (s->cb == NULL)
        return;
    if (is != was_usable)
        s->cb(s->arg, is ? LOCAL_ADDRESS_USABLE : LOCAL_ADDRESS_GONE, &a);
    if (!is && a.duplicate && !was_duplicate)
        s->cb(s->arg, LOCAL_ADDRESS_DUPLICATE, &a);
}

static void look_again(struct local_addresses *s) {
    s->stale = true;
    if (!s->under_way)
        loop_timer_in(s->again, AGAIN_MS);
}

static struct entry *entry_of(const struct local_addresses *s, const struct local_address *a) {
    struct entry *e;
    TAILQ_FOREACH(e, &s->entries, link) {
        if (e->a.if_index == a->if_index && e->a.prefix == a->prefix &&
            e->a.address.sa.sa_family == a->address.sa.sa_family && net_address_same_host(&e->a.address, &a->address))
            return e;
    }
    return NULL;
}

static void put(struct local_addresses *s, const struct local_address *a) {
    bool was = usable(s, &a->address), duplicate = false;
    struct entry *e = entry_of(s, a);
    if (e != NULL)
        duplicate = e->a.duplicate;
    else {
        e = mem_calloc(1, sizeof *e);
        if (e == NULL) { // all is read again later, when there may be memory
            look_again(s);
            return;
        }
        TAILQ_INSERT_TAIL(&s->entries, e, link);
    }
    e->a = *a;
    e->seen = s->begun ? s->reading : 0;
    tell(s, *a, was, duplicate);
}

static void drop(struct local_addresses *s, struct entry *e) {
    struct local_address a = e->a;
    bool was = usable(s, &a.address);
    TAILQ_REMOVE(&s->entries, e, link);
    mem_free(e);
    tell(s, a, was, true);
}

// ---- messages ----

// IFA_LOCAL is the own address where IFA_ADDRESS is the other end's (point to point); IPv6 has it only then.
struct attributes {
    const struct nlattr *address, *local, *flags;
};

static int on_attribute(const struct nlattr *attr, void *arg) {
    struct attributes *found = arg;
    switch (mnl_attr_get_type(attr)) {
    case IFA_ADDRESS: found->address = attr; break;
    case IFA_LOCAL: found->local = attr; break;
    case IFA_FLAGS: found->flags = mnl_attr_validate(attr, MNL_TYPE_U32) < 0 ? NULL : attr; break;
    }
    return MNL_CB_OK;
}

static bool read_address(struct local_address *a, unsigned char family, const struct nlattr *attr) {
    uint16_t n = mnl_attr_get_payload_len(attr);
    const void *octets = mnl_attr_get_payload(attr);
    if (family == AF_INET && n == sizeof a->address.v4.sin_addr) {
        a->address.v4.sin_family = AF_INET;
        memcpy(&a->address.v4.sin_addr, octets, n);
    } else if (family == AF_INET6 && n == sizeof a->address.v6.sin6_addr) {
        a->address.v6.sin6_family = AF_INET6;
        memcpy(&a->address.v6.sin6_addr, octets, n);
        if (is_link_local(&a->address))
            a->address.v6.sin6_scope_id = a->if_index;
    } else
        return false;
    return true;
}

static bool read_message(struct local_address *a, const struct nlmsghdr *h) {
    struct attributes found = {0};
    if (mnl_nlmsg_get_payload_len(h) < sizeof(struct ifaddrmsg))
        return false;
    const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
    // mnl_attr_parse would round the length up
    mnl_attr_parse_payload(m + 1, mnl_nlmsg_get_payload_len(h) - sizeof *m, on_attribute, &found);
    const struct nlattr *own = found.local != NULL ? found.local : found.address;
    *a = (struct local_address){.if_index = m->ifa_index, .prefix = m->ifa_prefixlen};
    if (own == NULL || !read_address(a, m->ifa_family, own))
        return false;
    uint32_t flags = found.flags != NULL ? mnl_attr_get_u32(found.flags) : m->ifa_flags;
    a->tentative = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
    a->duplicate = (flags & IFA_F_DADFAILED) != 0;
    if (if_indextoname(m->ifa_index, a->if_name) == NULL)
        snprintf(a->if_name, sizeof a->if_name, "?");
    return true;
}

// ---- the whole set ----

static void read_all(struct local_addresses *s) {
    struct {
        struct nlmsghdr h;
        struct ifaddrmsg m;
    } request = {.h = {.nlmsg_len = sizeof request,
                       .nlmsg_type = RTM_GETADDR,
                       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                       .nlmsg_seq = (uint32_t)(s->reading + 1)},
                 .m = {.ifa_family = AF_UNSPEC}};
    s->stale = s->under_way;
    if (s->under_way)
        return;
    if (mnl_socket_sendto(s->socket, &request, sizeof request) < 0) {
        loop_timer_in(s->again, AGAIN_MS);
        return;
    }
    s->reading++;
    s->under_way = true;
    s->begun = false;
    loop_timer_in(s->again, FIRST_MS); // an answer that never ends is asked for again
}

static void on_again(void *arg) {
    struct local_addresses *s = arg;
    s->under_way = false;
    s->resyncs++;
    read_all(s);
}

// What the answer did not name is gone, unless the answer had gaps.
static void all_read(struct local_addresses *s) {
    s->under_way = false;
    loop_timer_at(s->again, 0);
    if (s->stale) {
        look_again(s);
        return;
    }
    for (struct entry *e = TAILQ_FIRST(&s->entries), *next; e != NULL; e = next) {
        next = TAILQ_NEXT(e, link);
        if (e->seen != s->reading)
            drop(s, e);
    }
}

// The end of an answer says whether the kernel could complete it (netlink(7)).
static bool ended_badly(const struct nlmsghdr *h) {
    int error = 0;
    if (mnl_nlmsg_get_payload_len(h) >= sizeof error)
        memcpy(&error, mnl_nlmsg_get_payload(h), sizeof error);
    return error < 0;
}

static void take_message(struct local_addresses *s, const struct nlmsghdr *h) {
    struct local_address a;
    bool answer = s->under_way && h->nlmsg_seq == (uint32_t)s->reading;
    if (answer) {
        s->begun = true;
        s->stale = s->stale || (h->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    }
    switch (h->nlmsg_type) {
    case RTM_NEWADDR:
        if (read_message(&a, h))
            put(s, &a);
        break;
    case RTM_DELADDR:
        if (read_message(&a, h)) {
            struct entry *e = entry_of(s, &a);
            if (e != NULL)
                drop(s, e);
        }
        break;
    case NLMSG_DONE:
    case NLMSG_ERROR:
        if (answer) {
            s->stale = s->stale || ended_badly(h);
            all_read(s);
        }
        break;
    }
}

void local_addresses_take(struct local_addresses *s, const void *octets, size_t n) {
    const struct nlmsghdr *h = octets;
    int left = n > INT32_MAX ? 0 : (int)n;
    // mnl_nlmsg_ok takes the length for a signed one
    for (; mnl_nlmsg_ok(h, left) && h->nlmsg_len <= INT32_MAX; h = mnl_nlmsg_next(h, &left))
        take_message(s, h);
}

// Whether there may be more.
static bool take_datagram(struct local_addresses *s) {
    struct sockaddr_nl from;
    socklen_t len = sizeof from;
    ssize_t n = recvfrom(mnl_socket_get_fd(s->socket), s->buffer, sizeof s->buffer, MSG_DONTWAIT | MSG_TRUNC,
                         (struct sockaddr *)&from, &len);
    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return false;
        // ENOBUFS: news were dropped. Anything else is no less a reason to look again, but not at once.
        if (errno != ENOBUFS) {
            s->under_way = false;
            look_again(s);
            return false;
        }
        s->resyncs++;
        read_all(s);
        return true;
    }
    if ((size_t)n > sizeof s->buffer) // cut off
        look_again(s);
    else if (from.nl_pid == 0) // from the kernel
        local_addresses_take(s, s->buffer, (size_t)n);
    return true;
}

static void on_readable(void *arg, bool readable, bool writable) {
    (void)readable, (void)writable;
    for (int k = 0; k < AT_ONCE && take_datagram(arg); k++)
        ;
}

static int read_first(struct local_addresses *s) {
    uint64_t end = clock_mono_ms() + FIRST_MS;
    read_all(s);
    while (s->under_way) {
        struct pollfd p = {.fd = mnl_socket_get_fd(s->socket), .events = POLLIN};
        uint64_t now = clock_mono_ms();
        if (now >= end || (poll(&p, 1, (int)(end - now)) < 0 && errno != EINTR)) {
            errno = ETIMEDOUT;
            return ERR_SYSTEM;
        }
        while (take_datagram(s))
            ;
    }
    return s->reading > 0 ? ERR_OK : ERR_SYSTEM;
}

struct local_addresses *local_addresses_new(struct loop *l, local_address_cb cb, void *arg) {
    struct local_addresses *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    TAILQ_INIT(&s->entries);
    s->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (s->socket == NULL ||
        mnl_socket_bind(s->socket, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, MNL_SOCKET_AUTOPID) < 0)
        goto fail;
    s->io = loop_io_new(l, mnl_socket_get_fd(s->socket), on_readable, s);
    s->again = loop_timer_new(l, on_again, s);
    if (s->io == NULL || s->again == NULL || read_first(s) != ERR_OK || loop_io_want(s->io, true, false) != ERR_OK)
        goto fail;
    s->cb = cb;
    s->arg = arg;
    return s;
fail:
    local_addresses_free(s);
    return NULL;
}

void local_addresses_free(struct local_addresses *s) {
    if (s == NULL)
        return;
    struct entry *e;
    loop_io_free(s->io);
    loop_timer_free(s->again);
    if (s->socket != NULL)
        mnl_socket_close(s->socket);
    while ((e = TAILQ_FIRST(&s->entries)) != NULL) {
        TAILQ_REMOVE(&s->entries, e, link);
        mem_free(e);
    }
    mem_free(s);
}

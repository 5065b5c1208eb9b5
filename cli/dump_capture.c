// SPDX-License-Identifier: BSD-2-Clause
// `x400 dump` of a capture: its TCP connections are found (capture_tcp.c), those that speak TPKT are watched
// (rfc1006/pdu.h), and every PDU is shown when it was complete, with its frame; the bind and the MTS-APDUs with what
// x400 dump shows of them alone. Everything is printed as it comes, so that the size of the capture does not matter.
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/capture.h"
#include "cli/dump.h"
#include "cli/table.h"
#include "rfc1006/pdu.h"

enum { KEPT = 64, MARKS = 512, APDU_ARENA = 256 << 20, ONCE_ARENA = 64 << 20, FIELD_INDENT = 6 };

// Which frame brought the octets from an offset on.
struct mark {
    uint64_t offset, frame;
};

enum conn_state { CONN_UNDECIDED, CONN_TPKT, CONN_OTHER };

struct conn {
    struct dump_state *s;
    const struct flow *flow;
    enum conn_state state;
    unsigned number;
    bool turned; // side 1 of the flow is the caller
    bool last_side;
    struct pdu_watch *watch;
    struct {
        uint8_t early[PDU_LOOK];
        size_t n_early;
        struct mark mark[MARKS];
        uint64_t n_marks;
    } side[2];
    struct message *message; // under way, or NULL
};

// An MTS-APDU as it is read. One that was cut off is kept for another connection that resumes it.
struct message {
    struct dump_apdu *apdu;
    struct arena arena;
    struct cli cli;
    struct dump dump;
    bool faulty;
    struct dump_fault fault;
    struct pdu_kept *kept;
    unsigned begun; // the number of the connection
};

struct dump_state {
    struct message *kept[KEPT]; // the newest last
    size_t n_kept;
    const struct dump *d; // of what is shown at once: its arena is emptied after each PDU
    struct arena once;
    struct cli cli;
    struct dump dump;
    enum dump_form form;
    struct flows *flows;
    uint64_t frame, first_frame;
    int64_t now_us, first_us;
    unsigned n_conns;
    unsigned faults, gaps;
    bool listed; // JSON: the list has a member
    int err;
};

// ---- one thing shown ----

static const char *utc_text(int64_t us, char out[40]) {
    time_t s = us / 1000000;
    struct tm tm;
    char text[24];
    if (gmtime_r(&s, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return "?";
    snprintf(out, 40, "%s.%06dZ", text, (int)(us % 1000000));
    return out;
}

// Takes the reference; prints it as a member of the one list.
static void json_member(struct dump_state *s, json_t *o) {
    FILE *out = s->d->c->out;
    fputs(s->listed ? ",\n" : "[\n", out);
    s->listed = true;
    if (o == NULL || json_dumpf(o, out, JSON_INDENT(2)) < 0)
        s->err = ERR_NOMEM;
    json_decref(o);
}

static json_t *json_of(const struct conn *c, const char *kind) {
    struct dump_state *s = c->s;
    char utc[40];
    return json_pack("{s:i, s:s, s:s, s:I}", "connection", (int)c->number, "kind", kind, "time",
                     utc_text(s->now_us, utc), "frame", (json_int_t)s->frame);
}

static const char *side_text(unsigned side) {
    return side == 0 ? "caller" : "called";
}

// "  0.001430    6 #1 → session      ", without a line's end.
static void print_head(const struct conn *c, int side, const char *layer, enum paint paint) {
    const struct cli *cli = c->s->d->c;
    int64_t us = (int64_t)((uint64_t)c->s->now_us - (uint64_t)c->s->first_us); // a capture may claim any time
    fprintf(cli->out, "%4lld.%06lld %5llu #%u %s %s%-12s%s ", (long long)(us / 1000000), (long long)(us % 1000000),
            (unsigned long long)c->s->frame, c->number,
            side < 0    ? " "
            : side == 0 ? "→"
                        : "←",
            paint_on(cli, paint), layer, paint_off(cli, paint));
}

static uint64_t frame_of(const struct conn *c, unsigned side, uint64_t offset, uint64_t *within) {
    uint64_t n = c->side[side].n_marks, least = n > MARKS ? n - MARKS : 0;
    *within = 0;
    while (n > least) {
        const struct mark *m = &c->side[side].mark[--n % MARKS];
        if (m->offset <= offset) {
            *within = offset - m->offset;
            return m->frame;
        }
    }
    return 0;
}

// ---- PDUs ----

static json_t *fields_json(const struct pdu *p) {
    json_t *o = json_object();
    for (size_t i = 0; i < p->n; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s", p->field[i].key);
        for (char *q = key; *q != 0; q++)
            *q = *q == '-' ? '_' : *q;
        json_t *had = json_object_get(o, key), *v = dump_bytes(bytes_str(p->field[i].text));
        if (json_is_array(had))
            json_array_append_new(had, v);
        else if (had != NULL)
            json_object_set_new(o, key, json_pack("[O, o]", had, v));
        else
            json_object_set_new(o, key, v);
    }
    return o;
}

static void pdu_json(struct conn *c, const struct pdu *p, uint64_t frame, uint64_t within) {
    json_t *o = json_of(c, "pdu");
    json_object_set_new(o, "from", json_string(side_text(p->side)));
    json_object_set_new(o, "layer", json_string(pdu_layer_name(p->layer)));
    json_object_set_new(o, "name", json_string(p->name));
    json_object_set_new(o, "fields", fields_json(p));
    if (p->fault != NULL)
        json_object_set_new(o, "fault",
                            json_pack("{s:s, s:I, s:I, s:I}", "text", p->fault, "frame", (json_int_t)frame, "octet",
                                      (json_int_t)within, "stream_octet", (json_int_t)p->fault_at));
    json_member(c->s, o);
}

static void print_fault(const struct conn *c, const struct pdu *p, uint64_t frame, uint64_t within) {
    const struct cli *cli = c->s->d->c;
    fprintf(cli->out, "%*s%sMALFORMED:%s %s (frame %llu, octet %llu of what it brought; octet %llu from the %s)\n",
            FIELD_INDENT, "", paint_on(cli, PAINT_BAD), paint_off(cli, PAINT_BAD), text_clean(cli->arena, p->fault),
            (unsigned long long)frame, (unsigned long long)within, (unsigned long long)p->fault_at, side_text(p->side));
}

static void on_pdu(void *ctx, const struct pdu *p) {
    struct conn *c = ctx;
    const struct cli *cli = c->s->d->c;
    uint64_t within = 0, frame = p->fault == NULL ? 0 : frame_of(c, p->side, p->fault_at, &within);
    c->s->faults += p->fault != NULL;
    if (c->s->form == DUMP_JSON) {
        pdu_json(c, p, frame, within);
        return;
    }
    print_head(c, (int)p->side, pdu_layer_name(p->layer), p->fault != NULL ? PAINT_BAD : PAINT_BOLD);
    fputs(p->name, cli->out);
    for (size_t i = 0; i < p->n && c->s->form == DUMP_SUMMARY; i++)
        fprintf(cli->out, "%s %s %s", i == 0 ? ":" : ",", p->field[i].key, p->field[i].text);
    fputc('\n', cli->out);
    for (size_t i = 0; i < p->n && c->s->form == DUMP_FULL; i++)
        fprintf(cli->out, "%*s%s%s:%s %s\n", FIELD_INDENT, "", paint_on(cli, PAINT_DIM), p->field[i].key,
                paint_off(cli, PAINT_DIM), p->field[i].text);
    if (p->fault != NULL)
        print_fault(c, p, frame, within);
    arena_free(&c->s->once);
}

// ---- trees: bind and MTS-APDU ----

// What does not come from a codec of the layers: a line with a text, and in the full form the tree below it.
static void show_tree(struct conn *c, int side, const char *layer, const char *text, json_t *tree, const char *fault) {
    const struct cli *cli = c->s->d->c;
    c->s->faults += fault != NULL;
    if (c->s->form == DUMP_JSON) {
        json_t *o = json_of(c, layer);
        if (side >= 0)
            json_object_set_new(o, "from", json_string(side_text((unsigned)side)));
        json_object_set_new(o, "text", dump_bytes(bytes_str(text)));
        if (tree != NULL)
            json_object_set(o, "value", tree);
        if (fault != NULL)
            json_object_set_new(o, "fault", json_pack("{s:o}", "text", dump_bytes(bytes_str(fault))));
        json_member(c->s, o);
        return;
    }
    print_head(c, side, layer, fault != NULL ? PAINT_BAD : PAINT_BOLD);
    fprintf(cli->out, "%s\n", text_clean(cli->arena, text));
    if (tree != NULL && c->s->form == DUMP_FULL)
        dump_print(cli, tree, FIELD_INDENT);
    if (fault != NULL)
        fprintf(cli->out, "%*s%sMALFORMED:%s %s\n", FIELD_INDENT, "", paint_on(cli, PAINT_BAD),
                paint_off(cli, PAINT_BAD), text_clean(cli->arena, fault));
    arena_wipe(&c->s->once); // it may have held passwords
}

static void on_bind(void *ctx, unsigned side, enum rtse_mode mode, int apdu, struct bytes value) {
    struct conn *c = ctx;
    struct dump_fault fault = {0};
    struct buf text = {0};
    int which = mode == RTSE_NORMAL ? apdu : apdu == 16 ? DUMP_BARE_ARGUMENT : DUMP_BARE_RESULT;
    json_t *tree = dump_bind(c->s->d, value, which, &fault);
    buf_append_str(&text, tree == NULL ? "bind" : json_text(tree, "type"));
    static const char *const keys[] = {"name", "credentials", "password", "error"};
    for (size_t i = 0; i < 4; i++)
        if (*json_text(tree, keys[i]) != 0)
            buf_printf(&text, "%s %s %s", i == 0 ? ":" : ",", keys[i], json_text(tree, keys[i]));
    const char *line = buf_cstr(&text);
    show_tree(c, (int)side, "bind", line == NULL ? "bind" : line, tree, tree == NULL ? fault.text : NULL);
    buf_free(&text);
    json_decref(tree);
}

static bool of_1984(const struct pdu_transfer *t) {
    return t->mode == RTSE_X410 && t->protocol == RTSE_PROTOCOL_P1_1984;
}

static void message_free(struct message *m) {
    if (m == NULL)
        return;
    if (m->apdu != NULL)
        json_decref(dump_apdu_free(m->apdu));
    pdu_kept_free(m->kept);
    arena_free(&m->arena);
    mem_free(m);
}

static void on_transfer_begin(void *ctx, const struct pdu_transfer *t) {
    struct conn *c = ctx;
    if (!t->whole) {
        message_free(c->message);
        c->message = NULL;
    }
    if (c->message != NULL || !t->whole)
        return; // it goes on
    struct message *m = c->message = mem_calloc(1, sizeof *c->message);
    if (m == NULL) {
        c->s->err = ERR_NOMEM;
        return;
    }
    arena_init(&m->arena, APDU_ARENA);
    m->begun = c->number;
    m->cli = *c->s->d->c;
    m->cli.arena = &m->arena;
    m->dump = *c->s->d;
    m->dump.c = &m->cli;
    m->apdu = dump_apdu_new(&m->dump);
    if (m->apdu == NULL)
        c->s->err = ERR_NOMEM;
    else if (of_1984(t))
        dump_apdu_1984(m->apdu);
}

static void on_transfer_data(void *ctx, const struct pdu_transfer *t, struct bytes piece) {
    struct message *m = ((struct conn *)ctx)->message;
    (void)t;
    if (m != NULL && m->apdu != NULL && !m->faulty && dump_apdu_feed(m->apdu, piece, &m->fault) < 0)
        m->faulty = true;
}

static void transfer_text(const struct conn *c, const struct pdu_transfer *t, const char *end, const json_t *tree,
                          struct buf *b) {
    const char *type = json_text(tree, "type"), *id = json_text(tree, "identifier");
    buf_printf(b, "%s%s%s%s, %llu octets, TSDUs %llu, checkpoints %u%s", *type == 0 ? "MTS-APDU" : type,
               *id == 0 ? "" : " ", id, of_1984(t) ? " of P1 of 1984" : "", (unsigned long long)t->octets,
               (unsigned long long)t->tsdus, t->points, t->resumed ? ", resumed" : "");
    if (!t->whole)
        buf_append_str(b, "; its beginning was on another association");
    else if (c->message != NULL && c->message->begun != c->number)
        buf_printf(b, "; begun on connection #%u", c->message->begun);
    if (*end != 0)
        buf_printf(b, "; %s", end);
}

// A line on a transfer that has not come to its end.
static void show_break(struct conn *c, const struct pdu_transfer *t, const char *how) {
    struct buf text = {0};
    transfer_text(c, t, how, NULL, &text);
    show_tree(c, (int)t->side, "P1", buf_cstr(&text) == NULL ? "" : buf_cstr(&text), NULL, NULL);
    buf_free(&text);
}

static void on_transfer_keep(void *ctx, const struct pdu_transfer *t, struct pdu_kept *kept) {
    struct conn *c = ctx;
    struct dump_state *s = c->s;
    show_break(c, t, "cut off with its association, may be resumed on another");
    if (c->message == NULL) {
        pdu_kept_free(kept);
        return;
    }
    if (s->n_kept == KEPT) {
        message_free(s->kept[0]);
        memmove(s->kept, s->kept + 1, --s->n_kept * sizeof *s->kept);
    }
    pdu_kept_free(c->message->kept);
    c->message->kept = kept;
    s->kept[s->n_kept++] = c->message;
    c->message = NULL;
}

static const struct pdu_kept *on_transfer_find(void *ctx, const struct spdu *resume) {
    struct conn *c = ctx;
    struct dump_state *s = c->s;
    for (size_t k = s->n_kept; k-- > 0;) {
        if (!pdu_kept_is(s->kept[k]->kept, resume))
            continue;
        message_free(c->message);
        c->message = s->kept[k];
        memmove(s->kept + k, s->kept + k + 1, (--s->n_kept - k) * sizeof *s->kept);
        return c->message->kept;
    }
    return NULL;
}

static void on_transfer_end(void *ctx, const struct pdu_transfer *t, enum pdu_transfer_end how) {
    static const char *const ends[] = {"", "interrupted", "discarded", "not complete"};
    struct conn *c = ctx;
    struct message *m = c->message;
    struct buf text = {0};
    json_t *tree = NULL;
    char fault[512] = "";
    if (how == PDU_TRANSFER_INTERRUPTED) {
        show_break(c, t, ends[how]);
        return;
    }
    bool faulty = m != NULL && m->faulty;
    if (m != NULL && m->apdu != NULL) {
        if (!faulty && how == PDU_TRANSFER_DONE && dump_apdu_end(m->apdu, &m->fault) < 0)
            faulty = true;
        tree = dump_apdu_free(m->apdu);
        m->apdu = NULL;
    }
    if (faulty)
        snprintf(fault, sizeof fault, m->fault.nowhere ? "%s" : "%s, %s octet %llu of the APDU", m->fault.text,
                 m->fault.exact ? "at" : "behind", (unsigned long long)m->fault.offset);
    transfer_text(c, t, ends[how], tree, &text);
    const char *line = buf_cstr(&text);
    show_tree(c, (int)t->side, "P1", line == NULL ? "" : line, json_object_size(tree) > 0 ? tree : NULL,
              faulty ? fault : NULL);
    json_decref(tree);
    buf_free(&text);
    message_free(m);
    c->message = NULL;
}

// ---- connections ----

static void on_begin(void *ctx, struct flow *f) {
    struct dump_state *s = ctx;
    struct conn *c = mem_calloc(1, sizeof *c);
    if (c == NULL) {
        s->err = ERR_NOMEM;
        return;
    }
    c->s = s;
    c->flow = f;
    f->user = c;
}

// The octets of one side look like TPKT: from here on they are watched. caller: the side that called.
static void conn_watch(struct conn *c, unsigned side, struct bytes first) {
    static const struct pdu_watch_user user = {.pdu = on_pdu,
                                               .bind = on_bind,
                                               .transfer_keep = on_transfer_keep,
                                               .transfer_find = on_transfer_find,
                                               .transfer_begin = on_transfer_begin,
                                               .transfer_data = on_transfer_data,
                                               .transfer_end = on_transfer_end};
    struct dump_state *s = c->s;
    char from[CAPTURE_ADDRESS_TEXT], to[CAPTURE_ADDRESS_TEXT], text[3 * CAPTURE_ADDRESS_TEXT], utc[40];
    uint8_t code = first.n > 5 ? first.p[5] & 0xf0 : 0;
    c->turned = !c->flow->syn && ((code == 0xe0 && side == 1) || (code == 0xd0 && side == 0));
    c->watch = pdu_watch_new(&user, c);
    if (c->watch == NULL) {
        s->err = ERR_NOMEM;
        return;
    }
    c->state = CONN_TPKT;
    c->number = ++s->n_conns;
    capture_address_text(&c->flow->end[c->turned], from);
    capture_address_text(&c->flow->end[!c->turned], to);
    snprintf(text, sizeof text, "connection from %s to %s at %s%s", from, to, utc_text(s->now_us, utc),
             c->flow->syn ? "" : "; its beginning is not in the capture");
    json_t *v = s->form == DUMP_JSON ? json_pack("{s:s, s:s}", "from", from, "to", to) : NULL;
    show_tree(c, -1, "connection", text, v, NULL);
    json_decref(v);
    if (!c->flow->syn) {
        pdu_watch_seek(c->watch, 0);
        pdu_watch_seek(c->watch, 1);
    }
}

static void conn_input(struct conn *c, unsigned side, struct bytes b) {
    unsigned of = side ^ (unsigned)c->turned;
    c->side[of].mark[c->side[of].n_marks++ % MARKS] = (struct mark){pdu_watch_offset(c->watch, of), c->s->frame};
    if (pdu_watch_input(c->watch, of, b) < 0)
        c->s->err = ERR_NOMEM;
}

// Is it TPKT? The first octets of a connection tell; of one that began before the capture, those of any segment.
static void decide(struct conn *c, unsigned side, struct bytes b) {
    if (!c->flow->syn) {
        if (pdu_looks_like_tpkt(b) == 1)
            conn_watch(c, side, b);
        if (c->state == CONN_TPKT)
            conn_input(c, side, b);
        return;
    }
    size_t had = c->side[side].n_early, n = PDU_LOOK - had < b.n ? PDU_LOOK - had : b.n;
    memcpy(c->side[side].early + had, b.p, n);
    c->side[side].n_early += n;
    struct bytes early = bytes_of(c->side[side].early, c->side[side].n_early);
    int looks = pdu_looks_like_tpkt(early);
    if (looks == 0)
        c->state = CONN_OTHER;
    if (looks != 1)
        return;
    conn_watch(c, side, early);
    for (unsigned k = 0; k < 2 && c->watch != NULL; k++)
        if (c->side[k].n_early > 0)
            conn_input(c, k, bytes_of(c->side[k].early, c->side[k].n_early));
    if (c->watch != NULL && n < b.n)
        conn_input(c, side, bytes_of(b.p + n, b.n - n));
}

static void on_octets(void *ctx, struct flow *f, unsigned side, struct bytes b) {
    struct conn *c = f->user;
    (void)ctx;
    if (c == NULL || c->state == CONN_OTHER)
        return;
    if (c->state == CONN_TPKT)
        conn_input(c, side, b);
    else
        decide(c, side, b);
}

static void on_gap(void *ctx, struct flow *f, unsigned side, uint32_t octets) {
    struct dump_state *s = ctx;
    struct conn *c = f->user;
    char text[120];
    if (c == NULL || c->state == CONN_OTHER)
        return;
    if (c->state == CONN_UNDECIDED) { // go on as if its beginning had not been seen
        f->syn = false;
        return;
    }
    unsigned of = side ^ (unsigned)c->turned;
    s->gaps++;
    snprintf(text, sizeof text, "%u octets of the %s are not in the capture", octets, side_text(of));
    show_tree(c, (int)of, "missing", text, NULL, NULL);
    pdu_watch_gap(c->watch, of, octets);
}

static void on_end(void *ctx, struct flow *f) {
    struct conn *c = f->user;
    (void)ctx;
    if (c == NULL)
        return;
    if (c->watch != NULL) {
        pdu_watch_end(c->watch, 0);
        pdu_watch_end(c->watch, 1);
        show_tree(c, -1, "connection", "ended", NULL, NULL);
    }
    pdu_watch_free(c->watch);
    message_free(c->message);
    mem_free(c);
}

// ---- the whole ----

static int result(struct dump_state *s, const struct capture *cap, unsigned unread) {
    const struct cli *c = s->d->c;
    if (s->form == DUMP_JSON)
        fputs(s->listed ? "\n]\n" : "[]\n", c->out);
    if (fflush(c->out) != 0 || ferror(c->out))
        return errno == EPIPE ? CLI_FAILED : cli_fail(c, "standard output: %s", strerror(errno));
    if (s->err == ERR_NOMEM)
        return cli_fail(c, "memory is short");
    if (unread > 0)
        cli_fail(c, "%u packets were not read: fragments, or not TCP over IPv4 or IPv6 as it should be", unread);
    if (cap->fault[0] != 0)
        return cli_fail(c, "%s", cap->fault);
    if (s->n_conns == 0)
        return cli_fail(c, "there is no connection with TPKT in it: %llu frames, %llu TCP connections",
                        (unsigned long long)cap->frames, (unsigned long long)flows_count(s->flows));
    if (s->faults + s->gaps > 0)
        return cli_fail(c, "%u places are MALFORMED, %u times octets are missing", s->faults, s->gaps);
    return CLI_DONE;
}

int dump_capture(const struct dump *d, enum dump_form form, size_t (*read)(void *ctx, uint8_t *out, size_t cap),
                 void *ctx) {
    static const struct flow_user user = {on_begin, on_octets, on_gap, on_end};
    struct dump_state s = {.form = form, .cli = *d->c, .dump = *d};
    arena_init(&s.once, ONCE_ARENA);
    s.cli.arena = &s.once;
    s.dump.c = &s.cli;
    s.d = &s.dump;
    struct capture cap;
    struct capture_packet p;
    struct capture_segment seg;
    unsigned unread = 0;
    int err = capture_open(&cap, read, ctx);
    s.flows = flows_new(&user, &s);
    if (err == ERR_NOMEM || s.flows == NULL)
        s.err = ERR_NOMEM;
    while (err == ERR_OK && s.err == ERR_OK && !ferror(d->c->out) && capture_next(&cap, &p)) {
        s.frame = p.frame;
        s.now_us = p.time_us;
        if (s.first_us == 0)
            s.first_us = p.time_us;
        int is = capture_tcp(&p, &seg);
        unread += is == ERR_SYNTAX;
        if (is == ERR_OK && flows_input(s.flows, &seg) == ERR_NOMEM)
            s.err = ERR_NOMEM;
    }
    if (s.flows != NULL)
        flows_end(s.flows);
    while (s.n_kept > 0)
        message_free(s.kept[--s.n_kept]);
    int status = result(&s, &cap, unread);
    flows_free(s.flows);
    arena_free(&s.once);
    capture_close(&cap);
    return status;
}

// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: a capture file, pcap or pcapng, down to TCP connections and the PDUs on them. The first octet of an
// input says in which pieces the file is read: the frames, and the octets of the connections, are the same in any.
#include "cli/capture.h"
#include "rfc1006/pdu.h"
#include "tests/fuzz/fuzz.h"

struct file {
    struct bytes left;
    size_t piece;
    uint64_t connections, octets, gaps;
};

static size_t read_piece(void *ctx, uint8_t *out, size_t cap) {
    struct file *f = ctx;
    struct bytes b = take_some(&f->left, f->piece < cap ? f->piece : cap);
    if (b.n > 0)
        memcpy(out, b.p, b.n);
    return b.n;
}

static void on_pdu(void *ctx, const struct pdu *p) {
    (void)ctx;
    require(p->name != NULL);
}
static const struct pdu_watch_user watcher = {.pdu = on_pdu};

static void begin(void *ctx, struct flow *f) {
    struct file *file = ctx;
    char text[CAPTURE_ADDRESS_TEXT];
    file->connections++;
    capture_address_text(&f->end[0], text);
    require(text[0] != '\0');
    f->user = pdu_watch_new(&watcher, NULL);
    require(f->user != NULL);
}
static void octets(void *ctx, struct flow *f, unsigned side, struct bytes b) {
    struct file *file = ctx;
    require(side < 2 && b.n > 0);
    file->octets += b.n;
    require(pdu_watch_input(f->user, side, b) == ERR_OK);
}
static void gap(void *ctx, struct flow *f, unsigned side, uint32_t n) {
    struct file *file = ctx;
    file->gaps += n;
    pdu_watch_gap(f->user, side, n);
}
static void end(void *ctx, struct flow *f) {
    (void)ctx;
    pdu_watch_end(f->user, 0);
    pdu_watch_end(f->user, 1);
    pdu_watch_free(f->user);
}
static const struct flow_user flow_user = {begin, octets, gap, end};

static uint64_t run(struct file *file) {
    struct capture c;
    struct capture_packet p;
    struct capture_segment s;
    struct flows *flows = flows_new(&flow_user, file);
    require(flows != NULL);
    int err = capture_open(&c, read_piece, file);
    require(err == ERR_OK || c.fault[0] != '\0');
    while (err == ERR_OK && capture_next(&c, &p)) {
        look(p.octets);
        if (capture_tcp(&p, &s) == ERR_OK) {
            look(s.payload);
            require(flows_input(flows, &s) == ERR_OK);
        }
    }
    uint64_t frames = err == ERR_OK ? c.frames : 0;
    flows_end(flows);
    require(file->connections == flows_count(flows));
    flows_free(flows);
    capture_close(&c);
    return frames;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes in = bytes_of(data, size);
    uint8_t how = take(&in);
    struct file whole = {.left = in, .piece = in.n + 1}, pieces = {.left = in, .piece = 1 + how};
    require(run(&whole) == run(&pieces));
    require(whole.connections == pieces.connections && whole.octets == pieces.octets && whole.gaps == pieces.gaps);
    return 0;
}

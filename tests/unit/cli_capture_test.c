// SPDX-License-Identifier: BSD-2-Clause
// x400 dump of captures: however the same packets were captured (links, address families, file formats), split,
// shuffled or repeated, the PDUs are the same; what is missing or damaged is said and the rest still shown; nothing
// breaks it.
#include "tests/unit/cli_util.h"

#include "base/buf.h"
#include "cli/capture.h"

enum { PACKETS = 400, PACKET_MAX = 70000 };

// A capture in memory: the TCP segments of one of tests/data.
struct packet {
    uint32_t s, us;
    uint8_t src[4], dst[4];
    uint8_t tcp[20];
    size_t n;
    uint8_t payload[2100];
};
struct packets {
    size_t n;
    struct packet p[PACKETS];
};

static struct packets all;

static void packets_read(const char *path) {
    static uint8_t raw[PACKET_MAX];
    uint8_t head[24];
    uint32_t r[4];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(head, sizeof head, 1, f), 1);
    for (all.n = 0; fread(r, sizeof r, 1, f) == 1; all.n++) {
        assert_true(all.n < PACKETS && r[2] <= sizeof raw && fread(raw, r[2], 1, f) == 1);
        struct packet *p = &all.p[all.n];
        size_t hdr = (size_t)(raw[46] >> 4) * 4;
        p->s = r[0];
        p->us = r[1];
        memcpy(p->src, raw + 26, 4);
        memcpy(p->dst, raw + 30, 4);
        memcpy(p->tcp, raw + 34, 20);
        p->tcp[12] = 0x50;
        p->n = r[2] - 34 - hdr;
        assert_true(p->n <= sizeof p->payload);
        memcpy(p->payload, raw + 34 + hdr, p->n);
    }
    fclose(f);
}

enum { SWAPPED = 1, NANOSECONDS = 2, NG = 4, V6 = 8, VLAN = 16 };

static void put32(struct buf *b, int form, uint32_t v) {
    const uint8_t le[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    if (form & SWAPPED)
        buf_append_u32(b, v);
    else
        buf_append(b, le, 4);
}

static void put16x2(struct buf *b, int form, uint16_t first, uint16_t second) {
    put32(b, form, form & SWAPPED ? (uint32_t)first << 16 | second : (uint32_t)second << 16 | first);
}

static void file_begin(struct buf *b, int form, uint32_t link) {
    if (form & NG) {
        buf_append(b, "\x0a\x0d\x0d\x0a", 4);
        put32(b, form, 28);
        put32(b, form, 0x1a2b3c4d);
        put16x2(b, form, 1, 0);
        put32(b, form, UINT32_MAX);
        put32(b, form, UINT32_MAX);
        put32(b, form, 28);
        put32(b, form, 5); // interface statistics: to be passed over
        put32(b, form, 24);
        for (int i = 0; i < 3; i++)
            put32(b, form, 0);
        put32(b, form, 24);
        put32(b, form, 1);
        put32(b, form, 32);
        put16x2(b, form, (uint16_t)link, 0);
        put32(b, form, 0);
        put16x2(b, form, 9, 1); // resolution of time stamps
        buf_append(b, form & NANOSECONDS ? "\x09\0\0\0" : "\x06\0\0\0", 4);
        put32(b, form, 0);
        put32(b, form, 32);
        return;
    }
    put32(b, form, form & NANOSECONDS ? 0xa1b23c4d : 0xa1b2c3d4);
    put16x2(b, form, 2, 4);
    put32(b, form, 0);
    put32(b, form, 0);
    put32(b, form, 262144);
    put32(b, form, link);
}

static void link_put(struct buf *b, int form, uint32_t link) {
    uint16_t proto = form & V6 ? 0x86dd : 0x0800;
    if (link == 1) {
        buf_append(b, "\0\1\2\3\4\5\0\1\2\3\4\5", 12);
        if (form & VLAN)
            buf_append(b, "\x81\x00\x00\x07", 4);
        buf_append_u16(b, proto);
    } else if (link == 113) {
        buf_append(b, "\0\0\0\1\0\6\0\0\0\0\0\0\0\0", 14);
        buf_append_u16(b, proto);
    } else if (link == 276) {
        buf_append_u16(b, proto);
        buf_append(b, "\0\0\0\0\0\1\0\1\0\6\0\0\0\0\0\0\0\0", 18);
    } else if (link == 0)
        buf_append(b, "\2\0\0\0", 4);
}

static void ip_put(struct buf *b, int form, const struct packet *p) {
    size_t n = p->n + 20;
    if (form & V6) {
        uint8_t h[40] = {0x60, 0, 0, 0, (uint8_t)((n + 8) >> 8), (uint8_t)(n + 8), 60, 64};
        memcpy(h + 20, p->src, 4);
        memcpy(h + 36, p->dst, 4);
        buf_append(b, h, sizeof h);
        buf_append(b, "\6\0\1\4\0\0\0\0", 8); // destination options
    } else {
        uint8_t h[20] = {0x45, 0, (uint8_t)((n + 20) >> 8), (uint8_t)(n + 20), 0, 0, 0x40, 0, 64, 6};
        memcpy(h + 12, p->src, 4);
        memcpy(h + 16, p->dst, 4);
        buf_append(b, h, sizeof h);
    }
    buf_append(b, p->tcp, 20);
    buf_append(b, p->payload, p->n);
}

static void packet_put(struct buf *b, int form, uint32_t link, const struct packet *p, size_t cut) {
    struct buf raw = {0};
    link_put(&raw, form, link);
    ip_put(&raw, form, p);
    size_t have = raw.len - (cut < raw.len ? cut : raw.len);
    if (form & NG) {
        uint64_t t = form & NANOSECONDS ? (uint64_t)p->s * 1000000000 + (uint64_t)p->us * 1000
                                        : (uint64_t)p->s * 1000000 + p->us;
        size_t padded = (have + 3) & ~(size_t)3;
        put32(b, form, 6);
        put32(b, form, (uint32_t)(padded + 32));
        put32(b, form, 0);
        put32(b, form, (uint32_t)(t >> 32));
        put32(b, form, (uint32_t)t);
        put32(b, form, (uint32_t)have);
        put32(b, form, (uint32_t)raw.len);
        buf_append(b, buf_bytes(&raw).p, have);
        buf_append(b, "\0\0\0", padded - have);
        put32(b, form, (uint32_t)(padded + 32));
    } else {
        put32(b, form, p->s);
        put32(b, form, form & NANOSECONDS ? p->us * 1000 : p->us);
        put32(b, form, (uint32_t)have);
        put32(b, form, (uint32_t)raw.len);
        buf_append(b, buf_bytes(&raw).p, have);
    }
    buf_free(&raw);
}

// What x400 dump says of these octets.
static struct ran dump_octets(struct bytes b, const char *option) {
    char path[] = "/tmp/x400-capture-test-XXXXXX", opt[40];
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n);
    close(fd);
    snprintf(opt, sizeof opt, "%s", option);
    char *argv[] = {"x400", "dump", opt, path, NULL};
    struct ran r = run_command(&(struct how){0}, 4, argv);
    unlink(path);
    return r;
}

// The PDUs alone, without time, frame, connection: "→ transport    CR TPDU…".
static char *pdus_of(const char *text) {
    char *out = calloc(1, strlen(text) + 1), *at = out;
    assert_non_null(out);
    for (const char *line = text; *line != 0;) {
        size_t n = strcspn(line, "\n");
        const char *arrow = memmem(line, n, "→", strlen("→"));
        if (arrow == NULL)
            arrow = memmem(line, n, "←", strlen("←"));
        if (arrow != NULL) {
            size_t len = n - (size_t)(arrow - line) + 1;
            memcpy(at, arrow, len);
            at += len;
        }
        line += n + (line[n] == '\n');
    }
    return out;
}

static char *expected;

static void assert_same(struct buf *file, const char *what) {
    struct ran r = dump_octets(buf_bytes(file), "--summary");
    char *now = pdus_of(r.out);
    if (r.status != CLI_DONE || strcmp(now, expected) != 0)
        fail_msg("%s: status %d\n%s", what, r.status, r.out);
    free(now);
    free(r.out);
    buf_free(file);
}

static int load(void **state) {
    (void)state;
    struct buf file = {0};
    packets_read("tests/data/p1-88-normal.pcap");
    file_begin(&file, 0, 1);
    for (size_t i = 0; i < all.n; i++)
        packet_put(&file, 0, 1, &all.p[i], 0);
    struct ran r = dump_octets(buf_bytes(&file), "--summary");
    expected = pdus_of(r.out);
    assert_int_equal(r.status, CLI_DONE);
    assert_non_null(strstr(expected, "CONNECT (CN)"));
    assert_non_null(strstr(expected, "P1           message"));
    free(r.out);
    buf_free(&file);
    return 0;
}

static void every_form(void **state) {
    static const uint32_t links[] = {0, 1, 101, 113, 276};
    (void)state;
    for (int form = 0; form < 32; form++)
        for (size_t k = 0; k < 5; k++) {
            struct buf file = {0};
            char what[64];
            file_begin(&file, form, links[k]);
            for (size_t i = 0; i < all.n; i++)
                packet_put(&file, form, links[k], &all.p[i], 0);
            snprintf(what, sizeof what, "form %d link %u", form, links[k]);
            assert_same(&file, what);
        }
}

static uint32_t seq_of(const struct packet *p) {
    return (uint32_t)p->tcp[4] << 24 | (uint32_t)p->tcp[5] << 16 | (uint32_t)p->tcp[6] << 8 | p->tcp[7];
}
static void seq_add(struct packet *p, uint32_t n) {
    uint32_t v = seq_of(p) + n;
    for (int i = 0; i < 4; i++)
        p->tcp[4 + i] = (uint8_t)(v >> (24 - 8 * i));
}

// Each segment in pieces of `size`, every piece twice, pairs of pieces in the wrong order, each overlapping the next.
static void resegmented(void **state) {
    (void)state;
    for (size_t size = 1; size < 40; size += 6) {
        struct buf file = {0};
        file_begin(&file, 0, 1);
        for (size_t i = 0; i < all.n; i++) {
            const struct packet *p = &all.p[i];
            if (p->n == 0)
                packet_put(&file, 0, 1, p, 0);
            for (size_t at = 0; at < p->n; at += 2 * size)
                for (int k = 0; k < 4; k++) {
                    struct packet part = *p;
                    size_t from = at + (k % 2 == 0 ? size : 0), overlap = 3;
                    if (from >= p->n)
                        continue;
                    part.n = p->n - from < size + overlap ? p->n - from : size + overlap;
                    memcpy(part.payload, p->payload + from, part.n);
                    part.tcp[13] = (uint8_t)(p->tcp[13] & ~TCP_FIN);
                    seq_add(&part, (uint32_t)from);
                    packet_put(&file, 0, 1, &part, 0);
                }
        }
        assert_same(&file, "resegmented");
    }
}

// A packet that the capture lacks: said, and what is not in it is still shown.
static void missing(void **state) {
    (void)state;
    size_t found = 0;
    for (size_t lost = 3; lost < all.n; lost++) {
        if (all.p[lost].n == 0)
            continue;
        struct buf file = {0};
        file_begin(&file, 0, 1);
        for (size_t i = 0; i < all.n; i++)
            if (i != lost)
                packet_put(&file, 0, 1, &all.p[i], 0);
        struct ran r = dump_octets(buf_bytes(&file), "--summary");
        bool first = lost == 3; // then nothing tells at first that it is TPKT
        char want[40];
        snprintf(want, sizeof want, "%zu octets of the", all.p[lost].n);
        bool said = first || strstr(r.out, want) != NULL;
        bool connect = strstr(r.out, "CONNECT (CN)") != NULL, end = strstr(r.out, "DISCONNECT (DN)") != NULL;
        if (!said || connect != (lost != 7) || end != (lost != 15))
            fail_msg("without packet %zu:\n%s", lost + 1, r.out);
        assert_int_equal(r.status, first ? r.status : CLI_FAILED);
        found++;
        free(r.out);
        buf_free(&file);
    }
    assert_int_equal(found, 10);
}

// Packets of which the capture kept the first octets only.
static void cut(void **state) {
    (void)state;
    struct buf file = {0};
    file_begin(&file, 0, 1);
    for (size_t i = 0; i < all.n; i++)
        packet_put(&file, 0, 1, &all.p[i], all.p[i].n > 200 ? all.p[i].n - 100 : 0);
    struct ran r = dump_octets(buf_bytes(&file), "--summary");
    assert_non_null(strstr(r.out, "649 octets of the caller are not in the capture"));
    assert_non_null(strstr(r.out, "not complete"));
    assert_non_null(strstr(r.out, "ACTIVITY END ACK (AEA)"));
    free(r.out);
    buf_free(&file);
}

// From its middle: the packets from the activity on, and no SYN.
static void middle(void **state) {
    (void)state;
    struct buf file = {0};
    file_begin(&file, 0, 1);
    for (size_t i = 9; i < all.n; i++)
        packet_put(&file, 0, 1, &all.p[i], 0);
    struct ran r = dump_octets(buf_bytes(&file), "--summary");
    assert_non_null(strstr(r.out, "its beginning is not in the capture"));
    assert_non_null(strstr(r.out, "→ P1           message [/PRMD=PPA/ADMD=TEST/C=GB/;ppa.test.923"));
    assert_int_equal(r.status, CLI_DONE);
    free(r.out);
    buf_free(&file);
}

// An octet of the CP is wrong: the place is named, and the rest shown.
static void malformed(void **state) {
    (void)state;
    struct buf file = {0};
    struct packet *cn = &all.p[7];
    uint8_t *at = memmem(cn->payload, cn->n, "\x31\x81", 2);
    if (at == NULL)
        at = memmem(cn->payload, cn->n, "\x31\x80", 2);
    assert_non_null(at);
    *at = 0x30;
    file_begin(&file, 0, 1);
    for (size_t i = 0; i < all.n; i++)
        packet_put(&file, 0, 1, &all.p[i], 0);
    *at = 0x31;
    struct ran r = dump_octets(buf_bytes(&file), "--json");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.out, "no CP that can be read"));
    assert_non_null(strstr(r.out, "\"frame\": 8"));
    assert_non_null(strstr(r.out, "ACTIVITY END ACK (AEA)"));
    free(r.out);
    buf_free(&file);
}

// Cut at every octet, and each octet of the file changed: an end with a status, never more.
static void hostile(void **state) {
    (void)state;
    struct buf file = {0};
    unsigned long done = 0;
    file_begin(&file, NG, 1);
    for (size_t i = 0; i < all.n; i++)
        packet_put(&file, NG, 1, &all.p[i], 0);
    for (size_t n = 4; n < file.len; n += 7) {
        struct ran r = dump_octets(bytes_of(buf_bytes(&file).p, n), n % 2 ? "--summary" : "--json");
        assert_true(r.status == CLI_DONE || r.status == CLI_FAILED);
        free(r.out);
        done++;
    }
    srand(17);
    for (size_t n = 0; n < file.len; n++) {
        uint8_t *p = file.mem + file.off + n, was = *p;
        *p ^= (uint8_t)(1u << rand() % 8);
        struct ran r = dump_octets(buf_bytes(&file), n % 2 ? "--summary" : "--json");
        assert_true(r.status == CLI_DONE || r.status == CLI_FAILED);
        free(r.out);
        *p = was;
        done++;
    }
    assert_true(done > 3000);
    buf_free(&file);
}

// An APDU of 1988 on an association of 1984: what it has that P1 of 1984 has not is listed.
static void beyond_1984(void **state) {
    (void)state;
    uint8_t file[65536];
    FILE *f = fopen("tests/data/p1-88-x410mode.pcap", "re");
    assert_non_null(f);
    size_t n = fread(file, 1, sizeof file, f);
    fclose(f);
    struct ran r = dump_octets(bytes_of(file, n), "--json");
    assert_null(strstr(r.out, "not_in_p1_of_1984"));
    free(r.out);
    uint8_t *protocol = memmem(file, n, "\x84\x02\x0c\x00", 4); // 12 with its octets swapped, as that MTA has it
    assert_non_null(protocol);
    memcpy(protocol, "\x84\x02\x00\x01", 4);
    r = dump_octets(bytes_of(file, n), "--json");
    assert_int_equal(r.status, CLI_DONE);
    assert_non_null(strstr(r.out, "of P1 of 1984"));
    const char *list = strstr(r.out, "\"not_in_p1_of_1984\"");
    assert_non_null(list);
    assert_non_null(strstr(list, "\"extensions of the envelope\""));
    free(r.out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form), cmocka_unit_test(resegmented), cmocka_unit_test(missing),
        cmocka_unit_test(cut),        cmocka_unit_test(middle),      cmocka_unit_test(malformed),
        cmocka_unit_test(hostile),    cmocka_unit_test(beyond_1984),
    };
    int failed = cmocka_run_group_tests(tests, load, NULL);
    free(expected);
    return failed;
}

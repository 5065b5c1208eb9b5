// SPDX-License-Identifier: BSD-2-Clause
// The session layer on the wire: associations of a reference peer replayed from both sides to the octet, SPDUs that
// are cut, mutated or out of place, and every state with every event.
#include <stdlib.h>

#include "rfc1006/session_fsm.h"
#include "rfc1006_session_pair.h"

// --- replays

struct script {
    char *text, *at;
    bool to_responder;
    uint8_t octets[40000]; // of the line read last
    size_t n;
};

static void script_open(struct script *s, const char *path) {
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("cannot open %s", path);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    s->text = s->at = test_calloc(1, n + 1);
    assert_int_equal(fread(s->text, 1, n, f), n);
    fclose(f);
}

static bool script_next(struct script *s) {
    while (*s->at == '#')
        s->at = strchr(s->at, '\n') + 1;
    if (*s->at == 0)
        return false;
    s->to_responder = *s->at == '>';
    s->at += 2;
    for (s->n = 0; *s->at != '\n'; s->at += 2) {
        char digits[3] = {s->at[0], s->at[1], 0};
        s->octets[s->n++] = (uint8_t)strtoul(digits, NULL, 16);
    }
    s->at++;
    return true;
}

// The value of the parameter `pi` of the SPDU in p (identifier first), at the top or in the groups 1 and 5.
static struct bytes param_of(struct bytes spdu, uint8_t pi) {
    struct spdu out;
    char why[80];
    size_t head = spdu.p[1] == 255 ? 4 : 2;
    assert_int_equal(spdu_read(spdu.p[0], bytes_of(spdu.p + head, spdu.n - head), &out, why, sizeof why), 0);
    return pi == PI_COMMON_REF    ? out.common_ref
           : pi == PI_CALLING_REF ? out.calling_ref
           : pi == PI_CALLED_REF  ? out.called_ref
           : pi == PI_ACTIVITY_ID ? out.activity_id
                                  : out.user_data;
}

static struct buf copy(struct bytes b) {
    struct buf d = {0};
    buf_append(&d, b.p, b.n);
    return d;
}

static void sent(struct end *e, struct bytes want) {
    assert_int_equal(e->out.len, want.n);
    assert_memory_equal(buf_bytes(&e->out).p, want.p, want.n);
    buf_clear(&e->out);
}

// Makes our initiator do what one TSDU of the capture did, and expects the same octets.
static void initiator_do(struct end *e, struct bytes tpkt) {
    struct bytes tsdu = bytes_of(tpkt.p + 7, tpkt.n - 7), spdu = tsdu;
    struct buf d = {0};
    int r = 0;
    assert_int_not_equal(tpkt.p[5], 0xE0); // the CR is not ours to do: see replay_initiator
    if (tpkt.p[5] == 0x80 || tsdu.p[0] == SI_CN) {
        // the DR follows the DN by itself, the CN the CC
    } else if (tsdu.p[0] == SI_FN) {
        d = copy(param_of(spdu, PGI_USER_DATA));
        r = session_release_req(&e->s, &d);
    } else {
        assert_int_equal(tsdu.p[0], SI_GT);
        spdu = bytes_of(tsdu.p + 2, tsdu.n - 2);
        switch (spdu.p[0]) {
        case SI_DT:
            d = copy(bytes_of(spdu.p + 2, spdu.n - 2));
            r = session_data_req(&e->s, &d);
            break;
        case SI_AS: r = session_activity_start_req(&e->s, param_of(spdu, PI_ACTIVITY_ID), NULL); break;
        case SI_MIP: r = session_sync_minor_req(&e->s, true, NULL, NULL); break;
        case SI_AE: r = session_activity_end_req(&e->s, NULL, NULL); break;
        default: fail_msg("SPDU %u", spdu.p[0]); r = -1;
        }
    }
    assert_int_equal(r, 0);
    sent(e, tpkt);
    buf_free(&d);
}

// The reference peer's parameters: it proposes TSDUs of 2,041 octets.
static void capture_params(struct session_params *p, bool initiator) {
    session_params_default(p);
    p->send_tsdu_max = initiator;
    p->tsdu_max_send = p->tsdu_max_receive = 2041;
}

static struct bytes next_tpkt(struct bytes *left) {
    size_t n = (size_t)left->p[2] << 8 | left->p[3];
    struct bytes t = bytes_of(left->p, n);
    left->p += n;
    left->n -= n;
    return t;
}

static void replay_initiator(const char *path) {
    struct script f = {0};
    struct end e;
    struct session_params p;
    struct buf d;
    uint8_t cr[64];
    script_open(&f, path);
    assert_true(script_next(&f) && f.to_responder);
    size_t n_cr = f.n;
    memcpy(cr, f.octets, n_cr);
    char *after_cr = f.at;
    assert_true(script_next(&f) && !f.to_responder); // CC
    assert_true(script_next(&f) && f.to_responder);  // CN
    struct bytes cn = bytes_of(f.octets + 7, f.n - 7);
    const struct session_connect c = {.calling_ref = param_of(cn, PI_CALLING_REF),
                                      .common_ref = param_of(cn, PI_COMMON_REF),
                                      .requirements = SESSION_FU_RTSE};
    capture_params(&p, true);
    end_init(&e, 0, &p);
    e.quiet = true;
    tp0_init(&e.tp,
             &(struct tp0_params){.local_ref = (uint16_t)(cr[8] << 8 | cr[9]),
                                  .tpdu_size = 2048,
                                  .send_size = true,
                                  .called_tsel = bytes_of(cr + 13, 3)},
             &session_tp0_user, &e.s, &e.out);
    d = copy(param_of(cn, PGI_USER_DATA));
    assert_int_equal(session_connect_req(&e.s, &c, &d), 0);
    sent(&e, bytes_of(cr, n_cr));
    f.at = after_cr;
    while (script_next(&f)) {
        if (!f.to_responder) {
            assert_int_equal(tp0_input(&e.tp, bytes_of(f.octets, f.n)), 0);
            continue;
        }
        for (struct bytes left = bytes_of(f.octets, f.n); left.n > 0;)
            initiator_do(&e, next_tpkt(&left));
    }
    assert_int_equal(e.n_aborts, 0);
    assert_true(session_over(&e.s) && tp0_over(&e.tp));
    buf_free(&d);
    test_free(f.text);
    end_free(&e);
}

// Our responder is fed the initiator's octets and must say what the captured one said. It is told the user data and
// references to answer with.
static void replay_responder(const char *path, size_t n_data, size_t slice) {
    struct script f = {0};
    struct end e;
    struct session_params p;
    struct buf theirs = {0}, ours = {0}, d = {0};
    script_open(&f, path);
    while (script_next(&f))
        if (!f.to_responder)
            buf_append(&theirs, f.octets, f.n);
    struct bytes left = buf_bytes(&theirs);
    struct bytes cc = next_tpkt(&left), ac = next_tpkt(&left);
    ac = bytes_of(ac.p + 7, ac.n - 7);
    capture_params(&p, false);
    end_init(&e, 0, &p);
    tp0_init(
        &e.tp,
        &(struct tp0_params){.local_ref = (uint16_t)(cc.p[8] << 8 | cc.p[9]), .tpdu_size = 2048, .send_size = true},
        &session_tp0_user, &e.s, &e.out);
    e.auto_ack = e.quiet = true;
    f.at = f.text;
    while (script_next(&f)) {
        for (size_t at = 0; f.to_responder && at < f.n; at += slice)
            assert_int_equal(tp0_input(&e.tp, bytes_of(f.octets + at, f.n - at < slice ? f.n - at : slice)), 0);
        if (e.s.fsm.state == STA08) {
            const struct session_connect c = {.called_ref = param_of(ac, PI_CALLED_REF),
                                              .common_ref = param_of(ac, PI_COMMON_REF),
                                              .called_ssel = bytes_of("", 0),
                                              .requirements = SESSION_FU_RTSE};
            d = copy(param_of(ac, PGI_USER_DATA));
            assert_int_equal(session_connect_rsp(&e.s, &c, &d), 0);
            buf_free(&d);
        }
        if (e.s.fsm.state == STA09) {
            d = copy(bytes_of("\x61\x0c\x30\x0a\x02\x01\x01\xa0\x05\x63\x03\x80\x01", 14));
            assert_int_equal(session_release_rsp(&e.s, &d), 0);
            buf_free(&d);
        }
        buf_append(&ours, buf_bytes(&e.out).p, e.out.len);
        buf_clear(&e.out);
    }
    assert_int_equal(ours.len, theirs.len);
    assert_memory_equal(buf_bytes(&ours).p, buf_bytes(&theirs).p, theirs.len);
    assert_int_equal(e.n_data, n_data);
    assert_int_equal(e.n_aborts, 0);
    assert_true(session_over(&e.s) && tp0_over(&e.tp));
    buf_free(&theirs);
    buf_free(&ours);
    test_free(f.text);
    end_free(&e);
}

static void test_replay_initiator(void **state) {
    (void)state;
    replay_initiator("tests/data/rfc1006/p1-88-normal.hex");
    replay_initiator("tests/data/rfc1006/p1-88-normal-100k.hex");
}

static void test_replay_responder(void **state) {
    (void)state;
    replay_responder("tests/data/rfc1006/p1-88-normal.hex", 1, 1);
    replay_responder("tests/data/rfc1006/p1-88-normal.hex", 1, 65536);
    replay_responder("tests/data/rfc1006/p1-88-normal-100k.hex", 106, 1);
    replay_responder("tests/data/rfc1006/p1-88-normal-100k.hex", 106, 1000);
}

// --- hostile SPDUs

static const char cn_capture[] = "0d34" // CN with references, all items, both selectors and user data
                                 "01170a041402766d0b0f170d3236313132303130333433365a"
                                 "050c1301001601031a010017013114020249"
                                 "330141340142c10178";
static const char ac_capture[] = "0e1105061301001601021402024934"
                                 "00c10178";

// The TSDU of a hex text cut to n octets, its SPDU length left as it was or made to agree (then a parameter is cut).
static bool fed_cut(const char *t, size_t n, bool fix_length, bool responder) {
    struct end e;
    uint8_t tsdu[512];
    size_t whole = hex(t, tsdu);
    assert_int_equal(whole, (size_t)tsdu[1] + 2);
    if (fix_length && n >= 2)
        tsdu[1] = (uint8_t)(n - 2);
    if (responder)
        responder_ready(&e, NULL);
    else
        initiator_waiting(&e, NULL);
    tsdu_input(&e, tsdu, n);
    bool accepted = e.s.fsm.state == STA08 || e.s.fsm.state == STA713;
    if (!accepted) { // never a word of a connection; the initiator's user hears why
        assert_null(strstr(e.log, "connect_"));
        assert_true(e.s.fsm.state == STA_OVER || e.s.fsm.state == STA16);
        assert_true(responder ? e.log[0] == 0 || e.s.fsm.state == STA16 : e.n_aborts == 1 || strstr(e.log, "refused"));
        assert_true(strncmp(e.s.error, "session: ", 9) == 0);
    }
    end_free(&e);
    return accepted;
}

static void test_truncated(void **state) {
    (void)state;
    static const char *const texts[] = {cn_capture, ac_capture};
    uint8_t tsdu[512];
    for (int i = 0; i < 2; i++) {
        size_t whole = hex(texts[i], tsdu);
        assert_true(fed_cut(texts[i], whole, false, i == 0));
        size_t accepted = 0;
        for (size_t n = 0; n < whole; n++) {
            assert_false(fed_cut(texts[i], n, false, i == 0));
            accepted += fed_cut(texts[i], n, true, i == 0);
        }
        assert_true(accepted > 0 && accepted <= 8); // cut just between two parameters
    }
}

// Every octet of CN and AC with every value: any outcome but a crash, and always one of the states that may be.
static void test_mutated(void **state) {
    (void)state;
    static const char *const texts[] = {cn_capture, ac_capture};
    for (int i = 0; i < 2; i++) {
        uint8_t tsdu[512];
        size_t n = hex(texts[i], tsdu), accepted = 0, other = 0;
        for (size_t at = 0; at < n; at++)
            for (int v = 0; v < 256; v++) {
                struct end e;
                uint8_t was = tsdu[at];
                if (i == 0)
                    responder_ready(&e, NULL);
                else
                    initiator_waiting(&e, NULL);
                tsdu[at] = (uint8_t)v;
                tsdu_input(&e, tsdu, n);
                tsdu[at] = was;
                bool open = e.s.fsm.state == (i == 0 ? STA08 : STA713);
                accepted += open;
                other += !open;
                bool more = e.s.fsm.state == (i == 0 ? STA01D : STA02A) && e.s.rx.seg_event != 0; // to come
                assert_true(open || more || e.s.fsm.state == STA16 || e.s.fsm.state == STA_OVER);
                end_free(&e);
            }
        assert_true(accepted > 1000 && other > 1000);
    }
}

static void bad_tsdu(const char *t, const char *words) {
    struct end a, b;
    pair_open(&a, &b, NULL, NULL, 64);
    tsdu_hex(&b, t);
    char want[400];
    snprintf(want, sizeof want, "p_abort_ind 2 session: protocol error, %s; ", words);
    told(&b, want);
    assert_int_equal(b.s.fsm.state, STA16);
    uint8_t ab[] = {3, 0, 0, 12, 2, 0xF0, 0x80, SI_AB, 3, 17, 1, 5};
    sent(&b, bytes_of(ab, sizeof ab));
    tsdu_hex(&b, "1a00"); // ABORT ACCEPT: then we end the transport connection
    assert_true(session_over(&b.s) && tp0_over(&b.tp));
    end_free(&a);
    end_free(&b);
}

static void test_bad_tsdus(void **state) {
    (void)state;
    bad_tsdu("", "an empty TSDU");
    bad_tsdu("0100"
             "2d",
             "ACTIVITY START (AS) ends before its 0 octets");
    bad_tsdu("0100"
             "2d05290302",
             "ACTIVITY START (AS) ends before its 5 octets");
    bad_tsdu("0100"
             "2d052903020101"
             "00",
             "octets behind ACTIVITY START (AS) in one TSDU");
    bad_tsdu("0900"
             "0900",
             "octets behind FINISH (FN) in one TSDU");
    bad_tsdu("0100"
             "2d052904020101",
             "ACTIVITY START (AS): parameter 41 is longer than what holds it (4 octets)");
    bad_tsdu("0100"
             "2d022905",
             "ACTIVITY START (AS): parameter 41 is longer than what holds it (5 octets)");
    bad_tsdu("6300", "SPDU with identifier 99 at the start of a TSDU is not of the functional units agreed");
    bad_tsdu("0100"
             "3500",
             "SPDU with identifier 53 behind another one is not of the functional units agreed");
    bad_tsdu("0100"
             "29060f01012a0131",
             "SPDU with identifier 41 behind another one is not of the functional units agreed");
    bad_tsdu("0100"
             "2d08"
             "290302"
             "0101"
             "190102",
             "ACTIVITY START (AS): enclosure item 2 out of order");
    bad_tsdu("0100"
             "0003190101",
             "EXCEPTION REPORT (ER) in segments");
    bad_tsdu("1503190101", "GIVE TOKENS CONFIRM (GTC) in segments");
    bad_tsdu("0100"
             "31042a023161",
             "MINOR SYNC POINT (MIP): parameter 42 has a malformed value of 2 octets");
    bad_tsdu("0102"
             "1000",
             "GIVE TOKENS (GT): parameter 16 has a malformed value of 0 octets");
    bad_tsdu("0100"
             "31032a0131",
             "MINOR SYNC POINT (MIP) in state STA713 data transfer (our tokens 0, activity no, next point 0)");
}

// Enclosure items: a segment in the middle of nothing, a beginning in the middle of something.
static void test_enclosure(void **state) {
    (void)state;
    struct end a, b;
    for (int i = 0; i < 2; i++) {
        pair_open(&a, &b, NULL, NULL, 64);
        tsdu_hex(&b, "01002d052903020101");
        if (i == 0)
            tsdu_hex(&b, "0100"
                         "0103190101"
                         "61");
        tsdu_hex(&b, i == 0 ? "0100"
                              "0103190102"
                              "62"
                            : "0100"
                              "0103190100"
                              "62");
        if (i == 0) {
            assert_int_equal(b.n_data, 1);
            assert_memory_equal(buf_bytes(&b.data).p, "ab", 2);
            tsdu_hex(&b, "0100"
                         "0103190101"
                         "61");
            tsdu_hex(&b, "0100"
                         "0100"
                         "61");
        }
        assert_non_null(strstr(b.log, "enclosure item"));
        assert_int_equal(b.s.fsm.state, STA16);
        end_free(&a);
        end_free(&b);
    }
}

// Tokens in the GIVE TOKENS SPDU in front of another one are given after that one has acted.
static void test_tokens_in_front(void **state) {
    (void)state;
    struct end a, b;
    pair_open(&a, &b, NULL, NULL, 64);
    tsdu_hex(&b, "01002d052903020101");
    tsdu_hex(&b, "0103100105"
                 "0100"
                 "616263");
    told(&b, "start '\x02\x01\x01' ''; data 3; give 0x5; ");
    assert_int_equal(b.s.tokens, SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR);
    end_free(&a);
    end_free(&b);
}

// Segments of MIP: whole, dropped by an interrupt that breaks in, and out of order.
static void test_segments_of_mip(void **state) {
    (void)state;
    struct end a, b;
    pair_open(&a, &b, NULL, NULL, 64);
    tsdu_hex(&b, "01002d052903020101");
    tsdu_hex(&b, "010031092a0131190101c10161");
    tsdu_hex(&b, "01003106190100c10162");
    assert_int_equal(b.n_steps, 4); // nothing yet
    tsdu_hex(&b, "01003106190102c10163");
    told(&b, "start '\x02\x01\x01' ''; minor_ind 1 explicit 'abc'; ");
    tsdu_hex(&b, "010031092a0132190101c10161");
    tsdu_hex(&b, "01001903320105");
    told(&b, "interrupt_ind 5; ");
    assert_int_equal(session_activity_interrupt_rsp(&b.s), 0);
    tsdu_hex(&b, "01002d052903020102");
    tsdu_hex(&b, "010031092a0131190101c10161");
    tsdu_hex(&b, "010031042a013162"); // another SSDU of the same kind
    assert_non_null(strstr(b.log, "protocol error, MINOR SYNC POINT (MIP): "));
    end_free(&a);
    end_free(&b);
    pair_open(&a, &b, NULL, NULL, 64);
    tsdu_hex(&b, "01002d052903020101");
    tsdu_hex(&b, "010031092a0131190101c10161");
    tsdu_hex(&b, "0100010061");
    told(&b, "start '\x02\x01\x01' ''; p_abort_ind 2 session: protocol error, "
             "DATA TRANSFER (DT) inside an SSDU in segments; ");
    end_free(&a);
    end_free(&b);
}

// Several SPDUs of category 2 behind one GIVE TOKENS, when we said that we take that.
static void test_extended_concatenation(void **state) {
    (void)state;
    static const char several[] = "0103100105"     // GT: data and minor tokens, given when all the rest has acted
                                  "2d052903020101" // AS
                                  "31032a0131"     // MIP 1
                                  "31030f0101"     // MIP without a serial number: wrong
                                  "01006162";
    struct end a, b;
    struct session_params p;
    session_params_default(&p);
    p.extended_concatenation = true;
    pair_open(&a, &b, NULL, &p, 64);
    tsdu_hex(&b, "01031001052d052903020101"
                 "31032a0131"
                 "01006162");
    told(&b, "start '\x02\x01\x01' ''; minor_ind 1 explicit ''; data 2; give 0x5; ");
    end_free(&a);
    end_free(&b);
    pair_open(&a, &b, NULL, &p, 64);
    tsdu_hex(&b, several);
    assert_non_null(strstr(b.log, "minor_ind 1 explicit ''; p_abort_ind 2 session: protocol error, MINOR SYNC POINT"));
    assert_int_equal(b.n_data, 0);
    end_free(&a);
    end_free(&b);
    pair_open(&a, &b, NULL, &p, 64);
    tsdu_hex(&b, "0900"
                 "0100"); // category 1 is never concatenated
    assert_non_null(strstr(b.log, "octets behind FINISH (FN) in one TSDU"));
    end_free(&a);
    end_free(&b);
    end_init(&a, 1, &p);
    assert_int_equal(session_connect_req(&a.s, &plain_connect, NULL), 0);
    assert_memory_equal(buf_bytes(&a.s.connect_spdu).p, "\x0d\x0f\x05\x09\x13\x01\x01", 7);
    end_free(&a);
}

static void test_long_form(void **state) {
    (void)state;
    struct end a, b;
    struct session_params p;
    uint8_t tsdu[900] = {SI_FN, 255, 0x02, 0x60, PGI_USER_DATA, 255, 0x02, 0x5c};
    memset(tsdu + 8, 'u', 0x25c);
    pair_open(&a, &b, NULL, NULL, 64);
    tsdu_input(&b, tsdu, 4 + 0x260);
    assert_int_equal(b.s.fsm.state, STA09);
    assert_int_equal(strlen(b.log), strlen("release_ind ''; ") + 0x25c);
    end_free(&a);
    end_free(&b);
    session_params_default(&p);
    p.collect_limit = 0x25f;
    pair_open(&a, &b, NULL, &p, 64);
    tsdu_input(&b, tsdu, 4 + 0x260);
    told(&b, "p_abort_ind 4 session: an SPDU of the peer is larger than the limit; ");
    pump(&a, &b, 64);
    told(&a, "p_abort_ind 4 session: ABORT by the peer's session provider, implementation restriction; ");
    end_free(&a);
    end_free(&b);
}

// --- every state with every event

static const struct {
    uint8_t event;
    const char *tsdu;
} spdus[] = {{EV_CN, "0d0c0506130100160102"
                     "14020249"},
             {EV_OA, "1003160102"},
             {EV_CDO, "0f06190102"
                      "c10178"},
             {EV_AC, "0e0c0506130100160102"
                     "14020249"},
             {EV_RF, "0c03320100"},
             {EV_FN, "0903110101"},
             {EV_DN, "0a00"},
             {EV_AB, "1903110103"},
             {EV_AA, "1a00"},
             {EV_DT, "01000100"
                     "6162"},
             {EV_GT, "0103100101"},
             {EV_PT, "0203100101"},
             {EV_GTC, "1500"},
             {EV_GTA, "1600"},
             {EV_MIP, "010031032a0132"},
             {EV_MIA, "020032032a0131"},
             {EV_AS, "01002d052903020101"},
             {EV_AR, "01001d0f210829030201012a01312903020102"},
             {EV_AI, "01001903320100"},
             {EV_AIA, "02001a00"},
             {EV_AD, "01003903320100"},
             {EV_ADA, "02003a00"},
             {EV_AE, "010029032a0132"},
             {EV_AEA, "02002a032a0131"},
             {EV_ED, "02003003320100"},
             {EV_ER, "02000000"}};

struct situation {
    uint8_t state, tokens;
    bool activity, vsc;
};

// A side put into a state by hand, over an open transport connection, between the points 1 and 2.
static void put(struct end *e, const struct situation *x) {
    responder_ready(e, NULL);
    e->s.version = 2;
    e->s.proposed_versions = 3;
    e->s.requirements = e->s.proposed_fus = SESSION_FU_RTSE;
    e->s.fsm.state = x->state;
    e->s.tokens = x->tokens;
    e->s.activity = x->activity;
    e->s.vsc = x->vsc;
    e->s.vm = 2;
    e->s.va = 1;
    e->row = NULL;
    e->n_steps = 0;
    e->s.timer_ms = 0;
}

static void walk_spdu(const struct situation *x, size_t i) {
    struct end e;
    put(&e, x);
    tsdu_hex(&e, spdus[i].tsdu);
    bool quiet = x->state == STA16 || x->state == STA_OVER, over = e.s.fsm.state == STA_OVER;
    if (x->state == STA_OVER)
        assert_int_equal(e.n_steps, 0);
    else
        assert_int_equal(e.n_steps, 1);
    if (e.row != NULL) {
        assert_int_equal(e.row->event, spdus[i].event);
        assert_int_equal(e.s.fsm.state, e.row->next == FSM_SAME ? x->state : e.row->next);
        bool abort = spdus[i].event == EV_AB && !quiet && x->state != STA01C && x->state != STA01D;
        assert_int_equal(e.n_aborts, abort);
        assert_int_equal(tp0_over(&e.tp), over);
    } else if (quiet) {
        assert_int_equal(e.s.fsm.state, x->state);
        assert_string_equal(e.log, "");
        assert_int_equal(e.out.len, 0);
    } else if (x->state == STA01B || x->state == STA01C || x->state == STA01D) { // no session connection to abort
        assert_true(over && tp0_over(&e.tp));
        assert_int_equal(e.n_aborts, x->state == STA01B);
    } else if (x->state == STA01) {
        assert_int_equal(e.s.fsm.state, STA01);
    } else {
        assert_int_equal(e.s.fsm.state, STA16);
        assert_int_equal(e.n_aborts, 1);
        assert_int_equal(strncmp(e.log, "p_abort_ind 2 session: protocol error, ", 39), 0);
        uint8_t ab[] = {3, 0, 0, 12, 2, 0xF0, 0x80, SI_AB, 3, 17, 1, 5};
        sent(&e, bytes_of(ab, sizeof ab));
    }
    end_free(&e);
}

static int ask(struct end *e, int event) {
    struct session_resume r = {
        .new_id = bytes_str("B"), .old_id = bytes_str("A"), .serial = 1, .same_connection = true};
    static const struct session_connect yes = {.requirements = SESSION_FU_RTSE}, no = {.refused = true};
    switch (event) {
    case EV_SCONREQ: return session_connect_req(&e->s, &yes, NULL);
    case EV_SCONRSP: return session_connect_rsp(&e->s, &yes, NULL);
    case EV_SCONREFUSE: return session_connect_rsp(&e->s, &no, NULL);
    case EV_SRELREQ: return session_release_req(&e->s, NULL);
    case EV_SRELRSP: return session_release_rsp(&e->s, NULL);
    case EV_SUABREQ: return session_u_abort_req(&e->s, NULL);
    case EV_SDTREQ: return session_data_req(&e->s, NULL);
    case EV_SPTREQ: return session_token_please_req(&e->s, SESSION_TOKEN_DATA, NULL);
    case EV_SGTREQ: return session_token_give_req(&e->s, SESSION_TOKEN_DATA);
    case EV_SCGREQ: return session_control_give_req(&e->s);
    case EV_SSYNMREQ: return session_sync_minor_req(&e->s, true, NULL, NULL);
    case EV_SSYNMRSP: return session_sync_minor_rsp(&e->s, 1, NULL);
    case EV_SACTSREQ: return session_activity_start_req(&e->s, bytes_str("A"), NULL);
    case EV_SACTRREQ: return session_activity_resume_req(&e->s, &r, NULL);
    case EV_SACTIREQ: return session_activity_interrupt_req(&e->s, 0);
    case EV_SACTIRSP: return session_activity_interrupt_rsp(&e->s);
    case EV_SACTDREQ: return session_activity_discard_req(&e->s, 0);
    case EV_SACTDRSP: return session_activity_discard_rsp(&e->s);
    case EV_SACTEREQ: return session_activity_end_req(&e->s, NULL, NULL);
    case EV_SACTERSP: return session_activity_end_rsp(&e->s, NULL);
    default: return session_u_exception_req(&e->s, 0, NULL);
    }
}

static void walk_request(const struct situation *x, int event) {
    struct end e;
    put(&e, x);
    struct session before = e.s;
    int r = ask(&e, event);
    if (x->state == STA01 && event == EV_SCONREQ) { // the transport connection is there already: refused by tp0
        assert_int_equal(r, ERR_STATE);
    } else if (e.row == NULL) {
        assert_int_equal(r, ERR_STATE);
        assert_int_equal(e.out.len, 0);
        assert_int_equal(e.s.fsm.state, x->state);
        assert_int_equal(e.s.tokens, before.tokens);
        assert_int_equal(e.s.vm, before.vm);
        assert_int_equal(e.s.va, before.va);
        assert_int_equal(e.s.activity, before.activity);
    } else {
        assert_int_equal(r, 0);
        assert_int_equal(e.row->event, event);
        assert_int_equal(e.s.fsm.state, e.row->next == FSM_SAME ? x->state : e.row->next);
        assert_true(e.out.len > 0 || x->state == STA16 || x->state == STA_OVER);
    }
    assert_string_equal(e.log, "");
    end_free(&e);
}

static void walk_other(const struct situation *x) {
    struct end e;
    put(&e, x);
    e.s.deadline = 1;
    session_tick(&e.s, 1); // the timer: abort, give up or nothing
    assert_true(e.n_aborts <= 1);
    assert_true(e.row != NULL || (e.s.fsm.state == x->state && e.out.len == 0));
    end_free(&e);
    put(&e, x);
    tp0_network_closed(&e.tp, "gone");
    assert_int_equal(e.s.fsm.state, STA_OVER);
    bool known =
        x->state != STA01 && x->state != STA01C && x->state != STA01D && x->state != STA16 && x->state != STA_OVER;
    assert_int_equal(e.n_aborts, known);
    end_free(&e);
}

static void test_walk(void **state) {
    (void)state;
    static const uint8_t tokens[] = {0, 0x15, 0x01};
    for (uint8_t st = 0; st < SESSION_N_STATES; st++)
        for (int k = 0; k < 12; k++) {
            struct situation x = {st, tokens[k / 4], k & 1, k >> 1 & 1};
            for (size_t i = 0; i < sizeof spdus / sizeof spdus[0]; i++)
                walk_spdu(&x, i);
            for (int ev = 0; ev <= EV_SUERREQ; ev++)
                walk_request(&x, ev);
            walk_other(&x);
        }
}

// The table itself: every row can be reached (no row before it always wins), names its source, is in range.
static void test_table(void **state) {
    (void)state;
    const struct fsm_table *t = &session_table;
    bool left[SESSION_N_STATES] = {0}, entered[SESSION_N_STATES] = {0};
    for (size_t i = 0; i < t->n_rows; i++) {
        const struct fsm_row *r = &t->rows[i];
        assert_true(r->state < t->n_states && r->event < t->n_events);
        assert_true(r->next == FSM_SAME || r->next < t->n_states);
        assert_non_null(r->source);
        left[r->state] = true;
        if (r->next != FSM_SAME)
            entered[r->next] = true;
        for (size_t k = 0; k < i; k++)
            assert_false(t->rows[k].state == r->state && t->rows[k].event == r->event && t->rows[k].guard == NULL);
    }
    for (size_t i = 0; i < t->n_states; i++) {
        assert_true(left[i]);
        assert_true(i == STA01 || entered[i]);
        assert_non_null(t->states[i]);
    }
    for (size_t i = 0; i < t->n_events; i++)
        assert_non_null(t->events[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay_initiator),
        cmocka_unit_test(test_replay_responder),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_mutated),
        cmocka_unit_test(test_bad_tsdus),
        cmocka_unit_test(test_enclosure),
        cmocka_unit_test(test_tokens_in_front),
        cmocka_unit_test(test_segments_of_mip),
        cmocka_unit_test(test_extended_concatenation),
        cmocka_unit_test(test_long_form),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
// O/R addresses: encodings of the reference captures and made by hand, round trips of every attribute in every form,
// comparison and routing, hostile encodings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "x400/oraddr.h"

static int setup(void **state) {
    static struct arena arena;
    arena_init(&arena, 0);
    *state = &arena;
    return 0;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

static struct bytes hex(struct arena *m, const char *text) {
    size_t n = strlen(text) / 2;
    uint8_t *out = arena_alloc(m, n + 1);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return bytes_of(out, n);
}

static char *to_hex(struct arena *m, struct bytes b) {
    char *out = arena_alloc(m, 2 * b.n + 1);
    assert_non_null(out);
    for (size_t i = 0; i < b.n; i++)
        snprintf(out + 2 * i, 3, "%02x", b.p[i]);
    return out;
}

static struct or_address parsed(struct arena *m, const char *text) {
    struct or_address a = {0};
    struct or_error e = {0};
    if (or_address_parse(m, text, &a, &e) != 0)
        fail_msg("%s: column %zu: %s", text, e.column, e.what);
    return a;
}

static struct or_address pattern(struct arena *m, const char *text) {
    struct or_address a = {0};
    struct or_error e = {0};
    if (or_pattern_parse(m, text, &a, &e) != 0)
        fail_msg("%s: column %zu: %s", text, e.column, e.what);
    return a;
}

static char *encoded(struct arena *m, const struct or_address *a) {
    struct buf b = {0};
    assert_int_equal(or_name_encode(a, &b), 0);
    char *text = to_hex(m, buf_bytes(&b));
    buf_free(&b);
    return text;
}

// ---- golden ----

static const struct {
    const char *encoding, *text;
} golden[] = {
    // from the captures of the reference peer
    {"602730256104130247426206130454455354a20513035050418305414c504841a50780056a6f6e6573",
     "C=GB;A=TEST;P=PPA;O=ALPHA;S=jones"},
    {"602630246104130247426206130454455354a2051303505042830442455441a5078005736d697468",
     "C=GB;A=TEST;P=PPB;O=BETA;S=smith"},
    // by hand
    {"602a3012610512033233346203130120a2041302373731143012800101a10d130b4d61696c20536572766572",
     "C=234;A= ;P=77;CN=Mail Server"},
    {"6028302661041302474262021300800e323334323139323031303035313581045445524d840430303432",
     "C=GB;A=;X.121=23421920100515;T-ID=TERM;N-ID=0042"},
    {"607b30366104130244456206130456494154a51980074d75656c6c657281074a75657267656e82014a83026a72"
     "a60b1303454449130454657374301d301313075246432d383232130861286129622e6465300613015813013131"
     "223020800104a11b311980074dc8756c6c657281074ac8757267656e82014a83026a72",
     "C=DE;A=VIAT;OU1=EDI;OU2=Test;S=Mueller*Müller;G=Juergen*Jürgen;I=J*J;Q=jr*jr;DDA:RFC-822=a(a)b.de;DDA:X=1"},
    {"6030300661041302504c31263011800118a10c310a1e08014100f30064017a3011800119a10c310a1c08000000"
     "410001f4e7",
     "C=PL;O=A📧;CN=**Łódź"},
    {"608190300f6104130246526207130541544c4153317d300a800107a1051303504453300a800108a10512033230"
     "38300e800109a1091307462d3735303030301680010aa111310f13064275726561751405427572c265301e8001"
     "10a1193117300e1305527565203113055061726973140552756520313011800116a10c300a8005333331323381"
     "01393008800117a103020108",
     "C=FR;A=ATLAS;T-TY=vtx;NET-NUM=33123;NET-SUB=9;PD-SN=PDS;PD-C=208;PD-PC=F-75000;PD-OF=Bureau*Buré;PD-A1=Rue 1*Rue "
     "1;PD-A2=Paris"},
    {"604e30066104130247423144300e800105a10930071402ca411401623019800116a114a012a003040150a20304"
     "0154a306310404024900300b800121a10631041e0203a9300a800163a10513036e6577",
     "C=GB;OU1=Å;OU2=*b;PSAP='50'H//'54'H/NS+4900;PD-O=Ω;EXT.99=13036E6577"},
};

static void test_golden(void **state) {
    struct arena *m = *state;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        struct or_address a;
        const char *why = "?";
        assert_int_equal(or_name_decode(m, hex(m, golden[i].encoding), &a, &why), 0);
        assert_null(why);
        assert_null(a.deviation);
        assert_string_equal(or_address_print(m, &a, OR_SEMICOLON), golden[i].text);
        assert_string_equal(encoded(m, &a), golden[i].encoding);
        struct or_address own = parsed(m, golden[i].text); // and without the kept octets
        assert_string_equal(encoded(m, &own), golden[i].encoding);
    }
}

// The octets of a received address leave as they came, under whatever tag: indefinite lengths, chunked strings,
// members out of order and a directory name.
static void test_raw_is_kept(void **state) {
    struct arena *m = *state;
    const char *odd = "6080"
                      "3080"
                      "6180130247420000"       // country, indefinite
                      "6203130120"             // ADMD
                      "a380040141040242430000" // organization in two chunks
                      "0000"
                      "a00430023100" // directory name
                      "0000";
    struct or_address a;
    const char *why = NULL;
    assert_int_equal(or_name_decode(m, hex(m, odd), &a, &why), 0);
    assert_string_equal(or_address_get(&a, OR_ORGANIZATION), "ABC");
    assert_string_equal(encoded(m, &a), odd);
    assert_int_equal(a.directory_name.n, 4);
    struct or_address b;
    char *as_context = encoded(m, &a);
    memcpy(as_context, "a0", 2);
    assert_int_equal(or_name_decode(m, hex(m, as_context), &b, &why), ERR_SYNTAX);
    assert_string_equal(why, "this is not an O/R address: another tag was expected");
    // A copy in another arena keeps them; a change forgets them and leaves the other alone.
    struct arena other = {0};
    assert_int_equal(or_address_copy(&other, &b, &a), 0);
    assert_string_equal(encoded(m, &b), odd);
    assert_int_equal(or_address_set_text(&other, &b, OR_SURNAME, "Smith"), 0);
    assert_null(b.raw.p);
    assert_string_equal(encoded(m, &b), "60213019610413024742620313012083034142"
                                        "43a5078005536d697468a00430023100");
    assert_string_equal(encoded(m, &a), odd);
    assert_null(or_address_get(&a, OR_SURNAME));
    arena_free(&other);
}

// ---- every attribute ----

static const char *sample(unsigned attr, unsigned form) {
    bool country = attr == OR_COUNTRY || attr == OR_PD_COUNTRY;
    unsigned bound = or_attr_bound((enum or_attr)attr, (enum or_form)form);
    if (attr == OR_TERMINAL_TYPE)
        return "g4fax";
    if (attr == OR_NET_PSAP)
        return "'50'H/'53'H/'5400'H/NS+4900_NS+47";
    switch (form) {
    case OR_PRINTABLE: return country ? "FR" : bound < 6 ? "X.Z" : "A'(+/=?";
    case OR_NUMERIC: return country ? "208" : "123";
    case OR_TELETEX:
        return bound < 6 ? "\xC3\x9C"
                           "b"
                         : "\xC3\x9C"
                           "b$*;/=#";                                                                      // Ü
    default: return bound < 6 ? "\xD0\x96" : bound < 9 ? "\xD0\x96$*;/=" : "\xD0\x96 \xE4\xB8\xAD$*;/={}"; // Ж 中
    }
}

// What an attribute needs beside it.
static void set_company(struct arena *m, struct or_address *a, unsigned attr) {
    if (attr != OR_COUNTRY)
        assert_int_equal(or_address_set_text(m, a, OR_COUNTRY, "GB"), 0);
    for (unsigned ou = OR_OU1; attr > OR_OU1 && attr <= OR_OU4 && ou < attr; ou++)
        assert_int_equal(or_address_set_text(m, a, (enum or_attr)ou, "unit"), 0);
    if (attr > OR_SURNAME && attr <= OR_GENERATION)
        assert_int_equal(or_address_set_text(m, a, OR_SURNAME, "Smith"), 0);
    if (attr == OR_NET_SUB)
        assert_int_equal(or_address_set_text(m, a, OR_NET_NUMBER, "44123"), 0);
    for (unsigned line = OR_PD_ADDRESS1; attr > line && attr <= OR_PD_ADDRESS6; line++)
        assert_int_equal(or_address_set_text(m, a, (enum or_attr)line, "line"), 0);
    for (unsigned dd = OR_DD1_TYPE; attr >= OR_DD1_TYPE && dd <= (attr | 1); dd++)
        assert_int_equal(or_address_set_text(m, a, (enum or_attr)dd, "dd"), 0);
}

static void check_text(struct arena *m, const struct or_address *a, enum or_style style, unsigned attr, unsigned form) {
    char *text = or_address_print(m, a, style);
    for (const char *p = text; style == OR_SLASH && *p != '\0'; p++)
        assert_in_range((unsigned char)*p, 0x20, 0x7E);
    struct or_address back = parsed(m, text);
    if (!or_address_equal(a, &back))
        fail_msg("%s is not what was printed", text);
    bool narrowed = form == OR_NUMERIC && or_attr_has_form((enum or_attr)attr, OR_PRINTABLE) && attr != OR_COUNTRY &&
                    attr != OR_PD_COUNTRY;
    const char *got = or_address_get_form(&back, (enum or_attr)attr, narrowed ? OR_PRINTABLE : (enum or_form)form);
    if (got == NULL)
        fail_msg("attribute %u form %u is missing from %s", attr, form, text);
    assert_string_equal(got, or_address_get_form(a, (enum or_attr)attr, (enum or_form)form));
    assert_string_equal(or_address_print(m, &back, style), text);
}

static void check_attr(struct arena *m, unsigned attr, unsigned form, bool alone) {
    struct or_address a = {0}, back;
    const char *why = NULL;
    set_company(m, &a, attr);
    if (alone) // not beside another form
        assert_int_equal(or_address_set_text(m, &a, (enum or_attr)attr, NULL), 0);
    else if (or_address_get(&a, (enum or_attr)attr) == NULL)
        assert_int_equal(or_address_set_text(m, &a, (enum or_attr)attr, "XY"), 0);
    int r = or_address_set(m, &a, (enum or_attr)attr, (enum or_form)form, sample(attr, form));
    if (r != 0)
        fail_msg("attribute %u form %u: %s", attr, form, err_text(r));
    char *octets = encoded(m, &a);
    assert_int_equal(or_name_decode(m, hex(m, octets), &back, &why), 0);
    assert_null(back.deviation);
    if (!or_address_equal(&a, &back))
        fail_msg("attribute %u form %u: %s became %s", attr, form, or_address_print(m, &a, OR_SEMICOLON),
                 or_address_print(m, &back, OR_SEMICOLON));
    const char *got = or_address_get_form(&back, (enum or_attr)attr, (enum or_form)form);
    assert_non_null(got);
    assert_string_equal(got, sample(attr, form));
    back.raw = (struct bytes){0};
    assert_string_equal(encoded(m, &back), octets);
    check_text(m, &a, OR_SLASH, attr, form);
    check_text(m, &a, OR_SEMICOLON, attr, form);
    assert_string_equal(or_address_canonical(m, &a), or_address_canonical(m, &back));
}

static void test_every_attribute(void **state) {
    unsigned n = 0;
    for (unsigned attr = 0; attr < OR_ATTRS; attr++)
        for (unsigned form = 0; form < OR_FORMS; form++)
            if (or_attr_has_form((enum or_attr)attr, (enum or_form)form)) {
                check_attr(*state, attr, form, true);
                if (form >= OR_TELETEX)
                    check_attr(*state, attr, form, false);
                n++;
            }
    assert_int_equal(n, 113);
}

// Lists whose members are in different forms lose none of them.
static void test_mixed_lists(void **state) {
    struct arena *m = *state;
    const char *texts[] = {"C=GB;OU1=*\xC3\xA4;OU2=plain;OU3=\xD0\x96;OU4=last",
                           "C=GB;S=M\xC3\xBCller;G=Hans;I=H;Q=jr",
                           "C=GB;S=\xD0\x96;G=\xC3\xA4;I=H",
                           "C=GB;S=Smith;G=\xD0\x96",
                           "C=GB;DDA:a=\xC3\xA4;DDA:b=c;DDA:\xD0\x96=d",
                           "C=GB;PD-A1=a**\xD0\x96;PD-A2=b"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct or_address a = parsed(m, texts[i]), back;
        assert_int_equal(or_name_decode(m, hex(m, encoded(m, &a)), &back, NULL), 0);
        for (size_t v = 0; v < a.n_values; v++) {
            const char *got = or_address_get_form(&back, a.values[v].attr, a.values[v].form);
            if (got == NULL) // a printable one may have moved to the form of its list
                got = or_address_get(&back, a.values[v].attr);
            assert_non_null(got);
            assert_string_equal(got, a.values[v].text);
        }
        assert_true(or_address_equal(&a, &back));
    }
}

static void test_bounds_and_sets(void **state) {
    struct arena *m = *state;
    struct or_address a = parsed(m, "C=GB;A=X;S=Smith");
    char *before = or_address_canonical(m, &a);
    for (unsigned attr = 0; attr < OR_ATTRS; attr++)
        for (unsigned form = 0; form < OR_FORMS; form++) {
            char text[512];
            unsigned bound = or_attr_bound((enum or_attr)attr, (enum or_form)form);
            memset(text, '1', sizeof text);
            text[bound + 1] = '\0';
            int r = or_address_set(m, &a, (enum or_attr)attr, (enum or_form)form, text);
            assert_int_equal(r, bound == 0 ? ERR_SYNTAX : ERR_LIMIT);
        }
    assert_int_equal(or_address_set(m, &a, OR_SURNAME, OR_PRINTABLE, "a@b"), ERR_SYNTAX);
    assert_int_equal(or_address_set(m, &a, OR_X121, OR_NUMERIC, "12a"), ERR_SYNTAX);
    assert_int_equal(or_address_set(m, &a, OR_SURNAME, OR_TELETEX, "\xD0\x96"), ERR_SYNTAX);
    assert_int_equal(or_address_set(m, &a, OR_SURNAME, OR_UNIVERSAL, "\xD0"), ERR_SYNTAX);
    assert_int_equal(or_address_set(m, &a, OR_COUNTRY, OR_PRINTABLE, "G1"), ERR_SYNTAX);
    assert_int_equal(or_address_set(m, &a, OR_COUNTRY, OR_NUMERIC, "23"), ERR_SYNTAX);
    assert_int_equal(or_address_set(m, &a, OR_TERMINAL_TYPE, OR_PRINTABLE, "fax"), ERR_SYNTAX);
    assert_int_equal(or_address_set(m, &a, OR_NET_PSAP, OR_PRINTABLE, "NS+4"), ERR_SYNTAX);
    assert_string_equal(or_address_canonical(m, &a), before);
    struct buf out = {0};
    struct or_address empty = {0};
    assert_int_equal(or_name_encode(&empty, &out), ERR_SYNTAX);
    assert_int_equal(out.len, 0);
    assert_string_equal(or_address_check(&empty), "the address is empty");
    struct or_address postal; // in teletex alone the first is the whole address, and no line
    assert_int_equal(or_pattern_parse(*state, "C=GB;PD-A1=*a;PD-A2=b", &postal, NULL), 0);
    assert_string_equal(or_address_check(&postal),
                        "a line is missing before another in the postal address (PD-A1= to PD-A6=)");
    buf_free(&out);
}

// ---- comparison and routing ----

static void test_equal(void **state) {
    struct arena *m = *state;
    static const struct {
        const char *a, *b;
        bool equal;
    } pairs[] = {
        {"C=GB;A=x;S=Smith", "/S=SMITH/A=X/C=gb/", true},
        {"C=GB;A=x;O=a b", "C=GB;A=x;O= A   B ", true},
        {"C=GB;A=x;O=a b", "C=GB;A=x;O=ab", false},
        {"C=GB;A= ;S=x", "C=GB;S=x", true},
        {"C=GB;A=;S=x", "C=GB;S=x", true},
        {"C=GB;P= ;S=x", "C=GB;S=x", true},
        {"C=GB;A=0;S=x", "C=GB;S=x", false},
        {"C=GB;P=y;S=x", "C=GB;S=x", false},
        {"C=234;S=x", "C=GB;S=x", true},
        {"C=235;S=x", "C=234;S=x", true},
        {"C=310;S=x", "C=316;S=x", true},
        {"C=310;S=x", "C=us;S=x", true},
        {"C=262;S=x", "C=GB;S=x", false},
        {"C=999;S=x", "C=999;S=x", true},
        {"C=999;S=x", "C=998;S=x", false},
        {"C=GB;S=Smith", "C=GB;S=*smith", true},
        {"C=GB;S=Smith", "C=GB;S=**smith", true},
        {"C=GB;S=M\xC3\x9CLLER", "C=GB;S=**m\xC3\xBCller", true},
        {"C=GB;S=Mueller*M\xC3\xBCller", "C=GB;S=Mueller", true},
        {"C=GB;S=\xD0\x96\xD0\x8F\xCE\xA3\xC5\x81", "C=GB;S=\xD0\xB6\xD1\x9F\xCF\x83\xC5\x82", true},
        {"C=GB;S=x;G=y", "C=GB;S=x", false},
        {"C=GB;S=x;OU1=a;OU2=b", "C=GB;S=x;OU1=b;OU2=a", false},
        {"C=GB;S=x;DDA:t=v", "C=GB;S=x;DDA:T=V", true},
        {"C=GB;S=x;DDA:t=v", "C=GB;S=x;DDA:t=w", false},
        {"C=GB;N-ID=12 34", "C=GB;N-ID=1234", true},
        {"C=GB;O=a$;S$=x", "C=GB;O=a;S=x", false},
        {"C=GB;EXT.99=0500", "C=GB;EXT.99=0500", true},
        {"C=GB;EXT.99=0500", "C=GB;EXT.98=0500", false},
        {"C=GB;EXT.99=0500;EXT.98=0500", "C=GB;EXT.98=0500;EXT.99=0500", true},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct or_address a = parsed(m, pairs[i].a), b = parsed(m, pairs[i].b);
        bool same_key = strcmp(or_address_canonical(m, &a), or_address_canonical(m, &b)) == 0;
        if (or_address_equal(&a, &b) != pairs[i].equal || or_address_equal(&b, &a) != pairs[i].equal ||
            same_key != pairs[i].equal)
            fail_msg("%s and %s should%s be equal", pairs[i].a, pairs[i].b, pairs[i].equal ? "" : " not");
    }
}

static void test_numeric_and_printable_domains(void **state) {
    struct arena *m = *state;
    struct or_address a = parsed(m, "C=GB;A=1234;S=x"), b = parsed(m, "C=GB;S=x");
    assert_int_equal(or_address_set(m, &b, OR_ADMD, OR_NUMERIC, "12 34"), 0);
    assert_true(or_address_equal(&a, &b));
    assert_string_equal(or_address_canonical(m, &a), or_address_canonical(m, &b));
    struct or_address c = parsed(m, or_address_print(m, &b, OR_SLASH));
    assert_true(or_address_equal(&b, &c));
    assert_true(or_country_equal("232", "at"));
    assert_false(or_country_equal("232", "au"));
    assert_null(or_country_alpha2("GB"));
    assert_string_equal(or_country_alpha2("748"), "UY");
    assert_string_equal(or_country_alpha2("202"), "GR");
    assert_null(or_country_alpha2("203"));
}

static void test_match(void **state) {
    struct arena *m = *state;
    struct or_address address = parsed(m, "C=GB;A=Gold 400;P=ACME;O=EDI;OU1=a;S=M\xC3\xBCller;G=x;DDA:t=v;DDA:u=w");
    struct or_address bare = parsed(m, "C=GB;P=ACME;S=x");
    static const struct {
        const char *pattern;
        int count, bare;
    } cases[] = {{"C=gb", 1, 1},
                 {"C=234;A=gold  400", 2, -1},
                 {"C=gb;A=gold 400;P=acme", 3, -1},
                 {"C=gb;A=gold 400;P=acme;O=edi", 4, -1},
                 {"C=gb;P=acme", 2, 2},
                 {"C=gb;A= ;P=acme", -1, 3},
                 {"C=gb;P=other", -1, -1},
                 {"P=acme;O=edi", 2, -1},
                 {"S=**m\xC3\x9Cller", 1, -1},
                 {"DDA:u=w", 1, -1},
                 {"DDA:u=v", -1, -1},
                 {"OU1=a;G=x", 2, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct or_address p = pattern(m, cases[i].pattern);
        if (or_address_match(&p, &address) != cases[i].count || or_address_match(&p, &bare) != cases[i].bare)
            fail_msg("%s: %d and %d", cases[i].pattern, or_address_match(&p, &address), or_address_match(&p, &bare));
    }
    assert_int_equal(or_address_match(&(struct or_address){0}, &address), 0);
}

// ---- hostile encodings ----

static void test_truncated_and_changed(void **state) {
    for (size_t g = 0; g < sizeof golden / sizeof *golden; g++) {
        struct arena m = {0};
        struct bytes whole = hex(*state, golden[g].encoding);
        struct or_address a;
        for (size_t n = 0; n < whole.n; n++) {
            uint8_t *exact = malloc(n + 1); // so that a read behind the end is noticed
            const char *why = NULL;
            assert_non_null(exact);
            if (n > 0)
                memcpy(exact, whole.p, n);
            assert_int_equal(or_name_decode(&m, bytes_of(exact, n), &a, &why), ERR_SYNTAX);
            assert_non_null(why);
            free(exact);
        }
        for (size_t n = 0; n < whole.n; n++) // any octet replaced: an error, or an address that prints
            for (unsigned bit = 0; bit < 8; bit++) {
                uint8_t *changed = malloc(whole.n);
                assert_non_null(changed);
                memcpy(changed, whole.p, whole.n);
                changed[n] ^= (uint8_t)(1u << bit);
                const char *why = NULL;
                int r = or_name_decode(&m, bytes_of(changed, whole.n), &a, &why);
                assert_true(r == 0 ? why == NULL : why != NULL);
                if (r == 0) {
                    assert_non_null(or_address_print(&m, &a, OR_SEMICOLON));
                    assert_non_null(or_address_canonical(&m, &a));
                    assert_int_equal(a.raw.n, whole.n);
                }
                free(changed);
            }
        arena_free(&m);
    }
}

static void test_deviations(void **state) {
    struct arena *m = *state;
    struct or_address a;
    const char *why = NULL;
    assert_int_equal(or_name_decode(m, hex(m, "600d300b6104130247428303614062"), &a, &why), 0);
    assert_string_equal(a.deviation, "organization-name: character 2 is not one of PrintableString");
    assert_string_equal(or_address_get(&a, OR_ORGANIZATION), "a@b");
    // octets above 7F are read as ISO 8859-1, a NUL is shown
    assert_int_equal(or_name_decode(m, hex(m, "600d300b6104130247428303e40062"), &a, &why), 0);
    assert_string_equal(or_address_get(&a, OR_ORGANIZATION), "\xC3\xA4\xEF\xBF\xBD"
                                                             "b");
    // five organizational units: the fifth stays in raw only
    assert_int_equal(or_name_decode(m, hex(m, "60193017610413024742a60f130161130162130163130164130165"), &a, &why), 0);
    assert_string_equal(a.deviation, "more than four organizational units");
    assert_string_equal(or_address_get(&a, OR_OU4), "d");
    // an extension attribute of the wrong type is kept as octets
    assert_int_equal(or_name_decode(m, hex(m, "60143006610413024742310a3008800101a103020105"), &a, &why), 0);
    assert_string_equal(a.deviation, "the value of an extension attribute is not of its type");
    assert_int_equal(a.n_extensions, 1);
    assert_string_equal(or_address_print(m, &a, OR_SEMICOLON), "C=GB;EXT.1=020105");
    // its type with an explicit tag
    assert_int_equal(or_name_decode(m, hex(m, "60163006610413024742310c300aa003020101a103130178"), &a, &why), 0);
    assert_string_equal(a.deviation, "the type of an extension attribute has an explicit tag");
    assert_string_equal(or_address_get(&a, OR_COMMON_NAME), "x");
    // a country twice
    assert_int_equal(or_name_decode(m, hex(m, "600e300c610413024742610413024445"), &a, &why), 0);
    assert_string_equal(a.deviation, "an attribute of the O/R address is there twice");
    assert_string_equal(or_address_get(&a, OR_COUNTRY), "GB");
}

static void test_refused(void **state) {
    static const struct {
        const char *encoding, *why;
    } cases[] = {
        {"", "the O/R address is cut off"},
        {"6000", "the standard attributes are missing from the O/R address"},
        {"3000", "this is not an O/R address: another tag was expected"},
        {"60021000", "the standard attributes are missing from the O/R address"},
        {"6007300561030a0101", "a standard attribute is not of its type"},
        {"600430028500", "a standard attribute is not of its type"},
        {"6006300030020500", "a domain-defined attribute is not a type and a value"},
        {"6006300031020500", "an extension attribute is not a SEQUENCE"},
        {"6006300031021000", "an extension attribute is not a SEQUENCE"},
        {"60083000310430028000", "an extension attribute is not a type [0] and a value [1]"},
        {"6006300031003000", "an unexpected element in the O/R address"},
        {"600430000400", "an unexpected element in the O/R address"},
        {"600430006000", "an unexpected element in the O/R address"},
        {"60ff", "the encoding of the O/R address is not BER"},
        {"6084ffffffff3000", "the O/R address is larger than 64 KB or nested too deep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct or_address a;
        const char *why = NULL;
        assert_int_equal(or_name_decode(*state, hex(*state, cases[i].encoding), &a, &why), ERR_SYNTAX);
        if (why == NULL || strcmp(why, cases[i].why) != 0)
            fail_msg("%s: %s instead of %s", cases[i].encoding, why, cases[i].why);
    }
}

// A set of 257 extension attributes, and an address that costs more than the arena gives.
static void test_limits(void **state) {
    struct arena *m = *state, small;
    struct buf b = {0};
    assert_int_equal(buf_append(&b, "\x30\x00\x31\x82", 4), 0);
    assert_int_equal(buf_append_u16(&b, 257 * 9), 0);
    for (unsigned i = 0; i < 257; i++)
        assert_int_equal(buf_append(&b, "\x30\x07\x80\x01\x63\xA1\x02\x05\x00", 9), 0);
    assert_int_equal(buf_prepend(&b, (const uint8_t[]){0x60, 0x82, (uint8_t)(b.len >> 8), (uint8_t)b.len}, 4), 0);
    struct or_address a;
    const char *why = NULL;
    assert_int_equal(or_name_decode(m, buf_bytes(&b), &a, &why), ERR_SYNTAX);
    assert_string_equal(why, "more than 256 extension attributes");
    // 256 are taken, in memory in proportion to their number, and sorted
    buf_clear(&b);
    assert_int_equal(buf_append(&b, "\x30\x00\x31\x82\x09\x00", 6), 0);
    for (unsigned i = 0; i < 256; i++) {
        uint8_t attribute[9] = {0x30, 0x07, 0x80, 0x01, (uint8_t)(0x7F - i % 60), 0xA1, 0x02, 0x05, 0x00};
        assert_int_equal(buf_append(&b, attribute, 9), 0);
    }
    assert_int_equal(buf_prepend(&b, (const uint8_t[]){0x60, 0x82, (uint8_t)(b.len >> 8), (uint8_t)b.len}, 4), 0);
    arena_init(&small, 20000);
    assert_int_equal(or_name_decode(&small, buf_bytes(&b), &a, &why), 0);
    assert_int_equal(a.n_extensions, 256);
    for (size_t i = 1; i < 256; i++)
        assert_true(a.extensions[i - 1].type <= a.extensions[i].type);
    arena_free(&small);
    buf_free(&b);
    struct bytes in = hex(m, golden[4].encoding);
    int r = ERR_NOMEM;
    for (size_t limit = 1; r == ERR_NOMEM && limit < 4096; limit += 8) {
        arena_init(&small, limit);
        r = or_name_decode(&small, in, &a, &why);
        assert_true(r == 0 || r == ERR_NOMEM);
        arena_free(&small);
    }
    assert_int_equal(r, 0);
}

// Each allocation of decoding, copying, printing and encoding fails once.
static void test_memory_short(void **state) {
    struct bytes in = hex(*state, golden[6].encoding);
    bool done = false;
    for (unsigned long n = 1; !done && n < 500; n++) {
        struct arena m = {0};
        struct or_address a = {0}, c = {0};
        struct buf out = {0};
        mem_fail_at(n);
        int r = or_name_decode(&m, in, &a, NULL);
        if (r == 0)
            r = or_address_copy(&m, &c, &a);
        if (r == 0)
            r = or_address_canonical(&m, &c) == NULL ? ERR_NOMEM : 0;
        if (r == 0)
            r = or_address_print(&m, &c, OR_SLASH) == NULL ? ERR_NOMEM : 0;
        c.raw = (struct bytes){0};
        if (r == 0)
            r = or_name_encode(&c, &out);
        mem_fail_at(0);
        done = r == 0;
        assert_true(r == 0 || r == ERR_NOMEM || r == ERR_SYNTAX); // a check that lacks memory says no
        buf_free(&out);
        arena_free(&m);
    }
    assert_true(done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_golden, setup, teardown),
        cmocka_unit_test_setup_teardown(test_raw_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_attribute, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mixed_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounds_and_sets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_equal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numeric_and_printable_domains, setup, teardown),
        cmocka_unit_test_setup_teardown(test_match, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated_and_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deviations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_short, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
// O/R addresses as text: what is understood, and what an error says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "x400/oraddr.h"

static void test_understood(void **state) {
    (void)state;
    static const struct {
        const char *text, *slash, *semicolon;
    } cases[] = {
        {"/G=John/S=Smith/O=ACME/P=PRMD/A=ADMD/C=GB/", "/G=John/S=Smith/O=ACME/P=PRMD/A=ADMD/C=GB/",
         "C=GB;A=ADMD;P=PRMD;O=ACME;S=Smith;G=John"},
        {"  c=gb; admd=x; PRMD=y; s=z;", "/S=z/P=y/A=x/C=gb/", "C=gb;A=x;P=y;S=z"},
        {"/S=z/A= /C=GB", "/S=z/A= /C=GB/", "C=GB;A= ;S=z"},
        {"C=GB;A=;S=z", "/S=z/A=/C=GB/", "C=GB;A=;S=z"},
        {"/G=a;S=b/O=c;C=GB/", "/G=a/S=b/O=c/C=GB/", "C=GB;O=c;S=b;G=a"},
        {"/O=a$/b$=c/C=GB/", "/O=a$/b$=c/C=GB/", "C=GB;O=a/b=c"},
        {"C=GB;O=a/b=c", "/O=a$/b$=c/C=GB/", "C=GB;O=a/b=c"},
        {"C=GB;O=a;;b;;;;c", "/O=*a{059}b{059}{059}c/C=GB/", "C=GB;O=a;;b;;;;c"},
        {"C=GB;DDA:x==y=a=b", "/DD.x$=y=a$=b/C=GB/", "C=GB;DDA:x$=y=a=b"},
        {"C=GB;DDA:x=$=y", "/DD.x=$=y/C=GB/", "C=GB;DDA:x=$=y"},
        {"/DD.b=2/DD.a=1/C=GB/", "/DD.b=2/DD.a=1/C=GB/", "C=GB;DDA:a=1;DDA:b=2"},
        {"/OU=low/OU=high/C=GB/", "/OU2=low/OU1=high/C=GB/", "C=GB;OU1=high;OU2=low"},
        {"C=GB;OU=high;OU=low", "/OU2=low/OU1=high/C=GB/", "C=GB;OU1=high;OU2=low"},
        {"S=x;OU=low;OU=high;C=GB", "/S=x/OU2=low/OU1=high/C=GB/", "C=GB;OU1=high;OU2=low;S=x"},
        {"/CN=yen*{165}/C=GB/", "/CN=yen*{165}/C=GB/", "C=GB;CN=yen*\xC2\xA5"},
        {"/CN=*M{200}uller/C=GB/", "/CN=*M{200}uller/C=GB/", "C=GB;CN=M\xC3\xBCller"},
        {"/CN=*{200117}x/C=GB/", "/CN=*{200}ux/C=GB/", "C=GB;CN=\xC3\xBCx"},
        {"C=PL;CN=**{u0141}$*", "/CN=**{u0141}$*/C=PL/", "C=PL;CN=**\xC5\x81$*"},
        {"C=RU;S=\xD0\x96", "/S=**{u0416}/C=RU/", "C=RU;S=\xD0\x96"},
        {"/PN=Marshall.T.Rose/C=US/", "/G=Marshall/I=T/S=Rose/C=US/", "C=US;S=Rose;G=Marshall;I=T"},
        {"/PN=J.Linnimouth/C=US/", "/I=J/S=Linnimouth/C=US/", "C=US;S=Linnimouth;I=J"},
        {"/PN=Rose/GQ=jr/C=US/", "/S=Rose/GQ=jr/C=US/", "C=US;S=Rose;Q=jr"},
        {"/PD-ADDRESS=The Dome|Richmond*x/C=GB/", "/PD-A1=The Dome*x/PD-A2=Richmond/C=GB/",
         "C=GB;PD-A1=The Dome*x;PD-A2=Richmond"},
        {"/UA-ID=1/X121=2/T-TY=5/ISDN=3/C=GB/", "/NET-NUM=3/UA-ID=1/T-TY=g3fax/X121=2/C=GB/", NULL},
        {"C=GB;S=a\x01"
         "b",
         "/S=*a{001}b/C=GB/", "C=GB;S=a{u0001}b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena m = {0};
        struct or_address a;
        struct or_error e = {0};
        if (or_address_parse(&m, cases[i].text, &a, &e) != 0)
            fail_msg("%s: column %zu: %s", cases[i].text, e.column, e.what);
        assert_string_equal(or_address_print(&m, &a, OR_SLASH), cases[i].slash);
        if (cases[i].semicolon != NULL)
            assert_string_equal(or_address_print(&m, &a, OR_SEMICOLON), cases[i].semicolon);
        arena_free(&m);
    }
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t column;
        const char *what;
    } cases[] = {
        {"", 1, "an O/R address was expected, such as C=GB;A=ADMD;P=PRMD;O=Org;S=Smith"},
        {"   ", 4, "an O/R address was expected, such as C=GB;A=ADMD;P=PRMD;O=Org;S=Smith"},
        {"///", 4, "the address is empty"},
        {"C=GB;SURNAME=x", 6, "unknown attribute \"SURNAME\"; one such as C, A, P, O, OU1, S, G or CN was expected"},
        {"C=GB;SN=x", 6, "unknown attribute \"SN\"; perhaps \"S\" is meant"},
        {"C=GB;PD-STRET=x", 6, "unknown attribute \"PD-STRET\"; perhaps \"PD-STREET\" is meant"},
        {"C=GB;PRDM=x", 6, "unknown attribute \"PRDM\"; perhaps \"PRMD\" is meant"},
        {"C=GB;OU5=x", 6, "unknown attribute \"OU5\"; perhaps \"OU1\" is meant"},
        {"C=GB;G =x", 6, "unknown attribute \"G \"; perhaps \"G\" is meant"},
        {"C=GB;A", 7, "\"=\" was expected after \"A\""},
        {"/S=Smith/John/C=GB/", 14, "\"=\" was expected after \"John\""},
        {"C=GB;=x", 6, "an attribute such as C, A, P, O or S was expected before \"=\""},
        {"C=GB;S=", 8, "S: a value was expected"},
        {"/S=x/A=y/", 10, "a country (C=) is missing"},
        {"C=GB;G=John", 12, "a surname (S=) is missing from the personal name"},
        {"C=GB;OU2=x", 11, "an organizational unit is missing before another (OU1= to OU4=)"},
        {"C=GBR", 3, "C: two letters (ISO 3166) or three digits (X.121) were expected"},
        {"C=12", 3, "C: two letters (ISO 3166) or three digits (X.121) were expected"},
        {"C=GB;A=Zimmermann-Telekom", 8, "A: administration-domain-name has 18 characters, more than the 16 allowed"},
        {"C=GB;P=Z\xC3\xBCrich", 8, "P: \"\xC3\xBC\" is not allowed; letters, digits, blank and '()+,-./:=? are"},
        {"C=GB;S=\xC3\xBC;P=a_b", 12, "P: \"_\" is not allowed; letters, digits, blank and '()+,-./:=? are"},
        {"C=GB;N-ID=12a", 11, "N-ID: only digits were expected"},
        {"C=GB;T-TY=fax", 11, "T-TY: tlx, ttx, g3fax, g4fax, ia5, vtx or a number was expected"},
        {"C=GB;PSAP=x", 11, "PSAP: a presentation address such as '50'H/'53'H/'54'H/NS+4900 was expected"},
        {"C=GB;S=x;C=234", 12, "C is given twice"},
        {"C=GB;S=x;S=y", 12, "S is given twice"},
        {"C=GB;OU1=x;OU=y", 15, "OU1 is given twice"},
        {"C=GB;OU=1;OU=2;OU=3;OU=4;OU=5", 29, "more than four organizational units"},
        {"C=GB;A=x*y", 8, "A has no teletex form"},
        {"C=GB;O=**", 8, "O: a value was expected"},
        {"C=GB;O=a*\xD0\x96", 8,
         "O: \"\xD0\x96\" is not in the teletex character set; a universal form, **text, would hold it"},
        {"C=GB;O=a*b*c*d", 13, "at most printable*teletex*universal was expected: there is a third \"*\""},
        {"C=GB;S=x$", 9, "a character was expected after \"$\""},
        {"C=GB;S=x{12}", 9,
         "three decimal digits (001 to 255) for each octet, or u and a number, were expected between { and }"},
        {"C=GB;S=x{256}", 9,
         "three decimal digits (001 to 255) for each octet, or u and a number, were expected between { and }"},
        {"C=GB;S=x{u}", 9, "the hexadecimal number of a character was expected, as in {u0141}"},
        {"C=GB;S=x{u110000}", 9, "the hexadecimal number of a character was expected, as in {u0141}"},
        {"C=GB;DDA:x", 11, "\"=\" and a value were expected after the type of a domain-defined attribute"},
        {"C=GB;DDA:=x", 10, "the type of a domain-defined attribute: a value was expected"},
        {"C=GB;DDA:x=", 12, "the value of a domain-defined attribute: a value was expected"},
        {"C=GB;DDA:toolongtype=x", 10, "domain-defined attribute's type has 11 characters, more than the 8 allowed"},
        {"C=GB;DDA:RFC-822=a@b", 18, "RFC-822: \"@\" is written (a) in an O/R address"},
        {"C=GB;DDA:a=1;DDA:b=1;DDA:c=1;DDA:d=1;DDA:e=1", 42, "more than four domain-defined attributes"},
        {"C=GB;PN=A.", 9, "PN: a surname was expected at its end"},
        {"C=GB;EXT.x=00", 10, "the number of an extension attribute was expected, as in EXT.50=130141"},
        {"C=GB;X.121= ", 12, "X.121: a value was expected"},
        {"C=GB;EXT.9=0", 12, "EXT: one encoded value in hexadecimal digits was expected, as in EXT.50=130141"},
        {"C=GB;EXT.9=05", 12, "EXT: one encoded value in hexadecimal digits was expected, as in EXT.50=130141"},
        {"C=GB;PD-ADDRESS=1|2|3|4|5|6|7", 17, "PD-ADDRESS: at most six lines were expected"},
        {"C=GB;S=\xC3", 1, "the address is not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena m = {0};
        struct or_address a;
        struct or_error e = {0};
        int r = or_address_parse(&m, cases[i].text, &a, &e);
        if (r != ERR_SYNTAX || e.column != cases[i].column || strcmp(e.what, cases[i].what) != 0)
            fail_msg("%s: %d, column %zu: %s", cases[i].text, r, e.column, e.what);
        assert_int_equal(or_address_parse(&m, cases[i].text, &a, NULL), ERR_SYNTAX);
        arena_free(&m);
    }
}

// A text cut anywhere is an address or an error, never a read behind its end; memory that is short is said to be.
static void test_cut_and_short(void **state) {
    (void)state;
    const char *text = "/DD.t=*v{200}u/PD-ADDRESS=a|b*c/T-ID=x$/y/CN=a*b*{u0141}/S=x/OU=$$/A= /C=234/";
    size_t length = strlen(text);
    for (size_t n = 0; n <= length; n++) {
        struct arena m = {0};
        char *cut = mem_alloc(n + 1);
        struct or_address a;
        struct or_error e = {0};
        assert_non_null(cut);
        memcpy(cut, text, n);
        cut[n] = '\0';
        int r = or_address_parse(&m, cut, &a, &e);
        assert_int_equal(r, n >= length - 1 ? 0 : ERR_SYNTAX);
        assert_true(r == 0 || (e.column > 0 && e.what[0] != '\0'));
        mem_free(cut);
        arena_free(&m);
    }
    int r = ERR_NOMEM;
    for (unsigned long n = 1; r != 0 && n < 200; n++) {
        struct arena m = {0};
        struct or_address a;
        mem_fail_at(n);
        r = or_address_parse(&m, text, &a, NULL);
        mem_fail_at(0);
        arena_free(&m);
    }
    assert_int_equal(r, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_understood), cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_cut_and_short)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

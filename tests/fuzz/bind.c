// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: the user data of RTORQ, RTOAC and RTORJ, which are an MTA's bind. The first octet of an input says which
// and in which mode. What is within X.411's bounds and in a form that we send can be written and read again.
#include "x400/bind.h"
#include "tests/fuzz/fuzz.h"

static void again(const struct bind_info *i, bool result, bool wrapped) {
    char why[VALIDATE_WHY_MAX];
    struct arena a = {.limit = 65536};
    struct bind_info same;
    struct buf b = {0};
    int error = -1, ok = bind_info_check(i, why);
    int err = result ? bind_result_encode(&b, i, wrapped) : bind_argument_encode(&b, i, wrapped);
    require(ok == ERR_OK ? err == ERR_OK || err == ERR_STATE : err < 0);
    if (err == ERR_OK) {
        require((result ? bind_result_decode(&a, buf_bytes(&b), wrapped, &same, &error, NULL)
                        : bind_argument_decode(&a, buf_bytes(&b), wrapped, &same, NULL)) == ERR_OK);
        require(error == -1 && same.form == i->form && bytes_equal(same.name, i->name));
        require(bytes_equal(same.password, i->password));
    }
    buf_free(&b);
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    uint8_t how = take(&in);
    bool result = how & 1, wrapped = how & 2;
    struct arena a = {.limit = 65536};
    struct p1_fault fault = {""};
    struct bind_info i;
    int error = -1;
    int err = result ? bind_result_decode(&a, in, wrapped, &i, &error, &fault)
                     : bind_argument_decode(&a, in, wrapped, &i, &fault);
    require(err == ERR_OK || fault.text[0] != '\0');
    if (err == ERR_OK && error >= 0) {
        require(error <= 256 && bind_error_name(error)[0] != '\0');
    } else if (err == ERR_OK) {
        look(i.name), look(i.password), look(i.security_context);
        require(bind_form_name(i.form)[0] != '\0');
        bind_password_is(&i, bytes_str("secret"));
        again(&i, result, wrapped);
    }
    arena_free(&a);
    return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
// Fuzz target: a configuration file, from the lexer to the checker and the printer. Errors have a place and words; what
// is accepted can be printed, and that is read as the same. Password files are not opened; an include finds nothing
// that is there. The first octet of an input is passed over.
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/print.h"
#include "tests/fuzz/fuzz.h"

static struct conf *load(struct bytes text, struct conf_errors *errors) {
    char path[64];
    int fd = memfd_create("x400d.conf", 0);
    require(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct conf *c = conf_load_sockets(path, errors);
    close(fd);
    return c;
}

static void shown(const struct conf_errors *errors) {
    char text[4096];
    FILE *out = fmemopen(text, sizeof text, "w");
    require(out != NULL);
    for (const struct conf_error *e = errors->first; e != NULL; e = e->next)
        require(e->text != NULL && e->text[0] != '\0' && (e->source == NULL || e->caret <= strlen(e->source)));
    conf_errors_print(errors, out);
    fclose(out);
}

static void print_again(const struct conf *c) {
    struct conf_errors errors;
    struct buf first = {0}, second = {0}, diff = {0};
    require(conf_print(c, CONF_PRINT_SECRETS, &first, NULL) == ERR_OK);
    struct conf *same = load(buf_bytes(&first), &errors);
    if (same == NULL)
        conf_errors_print(&errors, stderr);
    require(same != NULL);
    require(conf_print(same, CONF_PRINT_SECRETS, &second, NULL) == ERR_OK);
    require(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
    require(conf_diff(c, same, &diff) == ERR_OK && diff.len == 0);
    conf_errors_free(&errors);
    conf_free(same);
    buf_free(&first);
    buf_free(&second);
    buf_free(&diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size) {
    struct bytes in = bytes_of(octets, size);
    (void)take(&in);
    struct conf_errors errors;
    struct conf *c = load(in, &errors);
    require(c != NULL || errors.n_errors > 0);
    shown(&errors);
    if (c != NULL && errors.n_errors == 0)
        print_again(c);
    conf_errors_free(&errors);
    conf_free(c);
    return 0;
}

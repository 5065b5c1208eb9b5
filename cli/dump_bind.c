// SPDX-License-Identifier: BSD-2-Clause
// MTABindArgument, -Result and -Error as a tree; a password is *** unless it is asked for.
#include <string.h>

#include "asn1/tlv.h"
#include "base/err.h"
#include "cli/dump.h"
#include "x400/bind.h"

static bool printable(struct bytes b) {
    for (size_t k = 0; k < b.n; k++)
        if (b.p[k] < 0x20 || b.p[k] > 0x7E)
            return false;
    return true;
}

static void put_info(const struct dump *d, json_t *o, const struct bind_info *i) {
    dump_put(o, "credentials", bind_form_name(i->form));
    if (i->form == BIND_NONE)
        return;
    dump_put_bytes(o, "name", i->name);
    if (i->form == BIND_IA5 || i->form == BIND_OCTETS) {
        if (!d->secrets)
            dump_put(o, "password", "***");
        else if (printable(i->password))
            dump_put_bytes(o, "password", i->password);
        else
            dump_put_hex(o, "password_octets", i->password);
    }
    dump_put_hex(o, "security_context", i->security_context);
}

json_t *dump_bind(const struct dump *d, struct bytes in, int which, struct dump_fault *fault) {
    struct bind_info info = {0};
    struct p1_fault why = {""};
    json_t *o = json_object();
    int error = -1, err;
    if (which == 16 || which == DUMP_BARE_ARGUMENT)
        err = bind_argument_decode(d->c->arena, in, which == 16, &info, &why);
    else
        err = bind_result_decode(d->c->arena, in, which != DUMP_BARE_RESULT, &info, &error, &why);
    dump_put(o, "type",
             which == 17 || which == DUMP_BARE_RESULT ? "bind result"
             : which == 18                            ? "bind error"
                                                      : "bind argument");
    if (err < 0) {
        *fault = (struct dump_fault){.nowhere = true};
        snprintf(fault->text, sizeof fault->text, "no MTA bind: %s", why.text[0] != 0 ? why.text : err_text(err));
        json_decref(o);
        return NULL;
    }
    if (error >= 0) {
        char text[80];
        snprintf(text, sizeof text, "%s (%d)", bind_error_name(error), error);
        dump_put(o, "error", text);
    } else
        put_info(d, o, &info);
    return o;
}

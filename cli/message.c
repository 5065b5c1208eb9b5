// SPDX-License-Identifier: BSD-2-Clause
// Heading and bodies from the options, then the content into a file of ours that has no name. An attachment is read
// piece by piece; only the text body is held, and limited.
#include "cli/message.h"
#include "asn1/validate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "asn1/tlv.h"
#include "asn1/validate.h"
#include "base/loop.h"
#include "base/mem.h"
#include "cli/table.h"
#include "x400/charset.h"
#include "x400/oraddr.h"

enum { BODY_MAX = 16 << 20, PIECE = 1 << 20, PROGRESS_AFTER_MS = 2000, PROGRESS_EVERY_MS = 500 };

// ---- values ----

int message_address(const struct cli *c, const char *name, const char *text, struct bytes *orname) {
    struct or_address address;
    struct or_error e;
    struct buf b = {0};
    const char *dashes = name == NULL ? "" : "--", *colon = name == NULL ? "" : ": ";
    name = name == NULL ? "" : name;
    int err = or_address_parse(c->arena, text, &address, &e);
    if (err == ERR_SYNTAX) {
        cli_fail(c, "%s%s%s%s", dashes, name, colon, e.what);
        text_caret(c, text, e.column);
        return CLI_USAGE;
    }
    if (err == ERR_OK && or_address_check(&address) != NULL)
        return cli_fail(c, "%s%s%sthe address %s is not complete: %s", dashes, name, colon, text_clean(c->arena, text),
                        or_address_check(&address));
    if (err == ERR_OK && orname != NULL) {
        err = or_name_encode(&address, &b);
        *orname = err == ERR_OK ? arena_bytes(c->arena, buf_bytes(&b)) : (struct bytes){0};
        err = err == ERR_OK && orname->p == NULL ? ERR_NOMEM : err;
        buf_free(&b);
    }
    return err == ERR_OK ? CLI_DONE : cli_fail(c, "%s%s%s%s", dashes, name, colon, err_text(err));
}

static int64_t relative_time(const struct cli *c, const char *text) {
    static const struct {
        char unit;
        long seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    char *end;
    long n = strtol(text + 1, &end, 10);
    if (n <= 0 || n > 100000000 || end == text + 1 || *end == 0 || end[1] != 0)
        return -1;
    for (size_t k = 0; k < sizeof units / sizeof *units; k++)
        if (*end == units[k].unit)
            return cli_now_ms(c) / 1000 + n * units[k].seconds;
    return -1;
}

int64_t message_time(const struct cli *c, const char *text) {
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"};
    if (text[0] == '+')
        return relative_time(c, text);
    for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(text, formats[k], &tm);
        if (end != NULL && *end == 0)
            return (int64_t)mktime(&tm);
        if (end != NULL && strcmp(end, "Z") == 0)
            return (int64_t)timegm(&tm);
    }
    return -1;
}

// A UTF-8 fault: the offset of the first octet that is not part of a character; -1: there is none.
static int64_t message_utf8_fault(struct bytes text) {
    const char *p = (const char *)text.p, *end = p + text.n;
    while (p < end) {
        const char *from = p;
        if (charset_utf8_next(&p, end) == 0xFFFD && (p - from != 3 || memcmp(from, "\xEF\xBF\xBD", 3) != 0))
            return from - (const char *)text.p;
    }
    return -1;
}

// ---- the heading ----

static int one_descriptor(const struct cli *c, const char *name, const char *text, struct ipm_descriptor *out) {
    *out = (struct ipm_descriptor){0};
    return message_address(c, name, text, &out->formal_name);
}

static int recipients(const struct cli *c, const struct args *a, const char *name, struct ipm_recipient **out,
                      size_t *n) {
    const char **all = args_all(c, a, name, n);
    *out = all == NULL ? NULL : arena_array(c->arena, *n + 1, sizeof **out);
    if (*out == NULL)
        return cli_fail(c, "memory is short");
    const char *ask = args_get(a, "notification");
    for (size_t k = 0; k < *n; k++) {
        int status = one_descriptor(c, name, all[k], &(*out)[k].recipient);
        if (status != CLI_DONE)
            return status;
        if (ask != NULL)
            (*out)[k].notification_requests = IPM_REQUEST_NRN | (strcmp(ask, "receipt") == 0 ? IPM_REQUEST_RN : 0u);
    }
    return CLI_DONE;
}

static int word_index(const char *word, const char *const *words) {
    int k = 0;
    while (words[k] != NULL && (word == NULL || strcmp(words[k], word) != 0))
        k++;
    return k;
}

static int heading(struct cli *c, const struct args *a, const char *identifier, struct ipm_heading *h) {
    static const char *const importance[] = {"low", "normal", "high", NULL};
    static const char *const sensitivity[] = {"none", "personal", "private", "company-confidential", NULL};
    const char *reply_to = args_get(a, "reply-to"), *s = args_get(a, "sensitivity"), *i = args_get(a, "importance");
    *h = (struct ipm_heading){.subject = args_get(a, "subject")};
    h->importance = i == NULL ? IPM_IMPORTANCE_NORMAL : (enum ipm_importance)word_index(i, importance);
    h->sensitivity = s == NULL ? IPM_SENSITIVITY_NONE : (enum ipm_sensitivity)word_index(s, sensitivity);
    h->originator = arena_alloc(c->arena, sizeof *h->originator);
    h->reply_recipients = arena_alloc(c->arena, sizeof *h->reply_recipients);
    if (h->originator == NULL || h->reply_recipients == NULL)
        return cli_fail(c, "memory is short");
    if (h->subject != NULL && message_utf8_fault(bytes_str(h->subject)) >= 0)
        return cli_fail(c, "--subject: octet %lld is not UTF-8",
                        (long long)message_utf8_fault(bytes_str(h->subject)) + 1);
    int status = one_descriptor(c, "from", args_get(a, "from"), h->originator);
    h->this_ipm = (struct ipm_id){h->originator->formal_name, identifier};
    if (status == CLI_DONE)
        status = recipients(c, a, "to", &h->primary, &h->n_primary);
    if (status == CLI_DONE)
        status = recipients(c, a, "cc", &h->copy, &h->n_copy);
    if (status == CLI_DONE && reply_to != NULL) {
        h->n_reply_recipients = 1;
        status = one_descriptor(c, "reply-to", reply_to, h->reply_recipients);
    }
    return status;
}

// ---- the bodies ----

static int read_all(const struct cli *c, FILE *f, const char *name, struct buf *out) {
    char piece[65536];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0) {
        if (out->len + n > BODY_MAX)
            return cli_fail(c, "--body %s: a text of more than %d MB: send it with --attach", name, BODY_MAX >> 20);
        if (buf_append(out, piece, n) < 0)
            return cli_fail(c, "memory is short");
    }
    return ferror(f) ? cli_fail(c, "--body %s: %s", name, strerror(errno)) : CLI_DONE;
}

static int read_body(const struct cli *c, const char *name, struct buf *out) {
    FILE *f = strcmp(name, "-") == 0 ? c->in : fopen(name, "re");
    if (f == NULL)
        return cli_fail(c, "--body %s: %s", name, strerror(errno));
    int status = read_all(c, f, name, out);
    if (f != c->in)
        fclose(f);
    int64_t fault = status == CLI_DONE ? message_utf8_fault(buf_bytes(out)) : -1;
    if (fault >= 0)
        return cli_fail(c,
                        "--body %s: octet %lld (0x%02X) is not UTF-8: convert the text with iconv, or send the file "
                        "with --attach",
                        name, (long long)fault + 1, buf_bytes(out).p[fault]);
    return status;
}

static ptrdiff_t read_attachment(void *ctx, uint8_t *out, size_t n) {
    ssize_t got;
    do
        got = read(*(int *)ctx, out, n);
    while (got < 0 && errno == EINTR);
    return got < 0 ? ERR_SYSTEM : got;
}

static int open_attachment(const struct cli *c, const char *path, int *fd, struct ipm_part_out *out) {
    struct stat st;
    const char *slash = strrchr(path, '/');
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) < 0)
        return cli_fail(c, "--attach %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return cli_fail(c, "--attach %s: not a regular file", path);
    if (message_utf8_fault(bytes_str(path)) >= 0)
        return cli_fail(c, "--attach %s: the name is not UTF-8", text_clean(c->arena, path));
    posix_fadvise(*fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *out = (struct ipm_part_out){.file_name = slash == NULL ? path : slash + 1,
                                 .size = (uint64_t)st.st_size,
                                 .modified = (int64_t)st.st_mtime,
                                 .read = read_attachment,
                                 .ctx = fd};
    return CLI_DONE;
}

// ---- the file ----

static int open_unnamed(const struct cli *c) {
    const char *dir = getenv("TMPDIR");
    dir = dir == NULL || *dir == 0 ? "/var/tmp" : dir;
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) { // a file system without it
        char *path = arena_printf(c->arena, "%s/x400-XXXXXX", dir);
        fd = path == NULL ? -1 : mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    if (fd < 0)
        cli_fail(c, "a temporary file in %s: %s (TMPDIR names another folder)", dir, strerror(errno));
    return fd;
}

struct progress {
    uint64_t begun_ms, shown_ms;
    bool shown;
};

static void progress_show(const struct cli *c, struct progress *p, uint64_t done, uint64_t total) {
    uint64_t now = clock_mono_ms();
    if (!c->err_terminal || now - p->begun_ms < PROGRESS_AFTER_MS || now - p->shown_ms < PROGRESS_EVERY_MS)
        return;
    p->shown_ms = now;
    p->shown = true;
    fprintf(c->err, "\rpreparing %s of %s (%d %%)\033[K", text_size(c, (int64_t)done), text_size(c, (int64_t)total),
            (int)(total == 0 ? 100 : done * 100 / total));
    fflush(c->err);
}

static int write_all(const struct cli *c, int fd, const uint8_t *p, size_t n) {
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return cli_fail(c, "the temporary file: %s", strerror(errno));
        p += done;
        n -= (size_t)done;
    }
    return CLI_DONE;
}

static const char *attachment_fault(int err) {
    return err == ERR_SHORT    ? "an attachment became shorter while it was read"
           : err == ERR_LIMIT  ? "an attachment grew while it was read"
           : err == ERR_SYSTEM ? strerror(errno)
                               : err_text(err);
}

static int write_content(const struct cli *c, struct ipm_writer *w, int fd) {
    struct progress p = {.begun_ms = clock_mono_ms()};
    uint64_t done = 0, total = ipm_writer_length(w);
    uint8_t *piece = mem_alloc(PIECE);
    int status = piece == NULL ? cli_fail(c, "memory is short") : CLI_DONE;
    for (size_t n = 1; status == CLI_DONE && n > 0; done += n) {
        int err = ipm_writer_read(w, piece, PIECE, &n);
        if (err != ERR_OK) {
            status = cli_fail(c, "%s", attachment_fault(err));
            break;
        }
        status = write_all(c, fd, piece, n);
        progress_show(c, &p, done + n, total);
    }
    mem_free(piece);
    if (p.shown) {
        fputs("\r\033[K", c->err);
        fflush(c->err);
    }
    return status;
}

static int keep_eits(const struct cli *c, const struct ipm_eits *e, struct content *out) {
    char oid[200];
    out->built_in = e->built_in;
    for (size_t k = 0; k < e->n_external; k++) {
        if (tlv_oid_text(e->external[k], oid, sizeof oid) != ERR_OK ||
            (out->external[k] = arena_strdup(c->arena, oid)) == NULL)
            return cli_fail(c, "memory is short");
        out->n_external++;
    }
    return CLI_DONE;
}

static int write_parts(struct cli *c, const struct ipm_heading *h, const struct ipm_part_out *parts, size_t n,
                       struct content *out) {
    struct ipm_writer *w = NULL;
    char why[VALIDATE_WHY_MAX];
    if (ipm_heading_check(h, why) != ERR_OK)
        return cli_fail(c, "the heading cannot be sent: %s", why);
    int err = ipm_writer_new(&w, h, parts, n);
    if (err != ERR_OK)
        return cli_fail(c, "the message cannot be encoded: %s", err_text(err));
    out->length = ipm_writer_length(w);
    out->fd = open_unnamed(c);
    int status = out->fd < 0 ? CLI_FAILED : write_content(c, w, out->fd);
    if (status == CLI_DONE)
        status = keep_eits(c, ipm_writer_eits(w), out);
    ipm_writer_free(w);
    return status;
}

int message_content(struct cli *c, const struct args *a, const char *identifier, struct content *out) {
    struct ipm_heading h;
    struct buf body = {0};
    size_t n_files = 0, n = 0;
    const char **files = args_all(c, a, "attach", &n_files), *text = args_get(a, "body");
    struct ipm_part_out *parts = arena_array(c->arena, n_files + 1, sizeof *parts);
    int *fds = arena_array(c->arena, n_files + 1, sizeof *fds);
    *out = (struct content){.fd = -1};
    if (files == NULL || parts == NULL || fds == NULL)
        return cli_fail(c, "memory is short");
    for (size_t k = 0; k < n_files; k++)
        fds[k] = -1;
    int status = heading(c, a, identifier, &h);
    for (size_t k = 0; k < n_files && status == CLI_DONE; k++) // before standard input is read: cheap to get right
        status = open_attachment(c, files[k], &fds[k], &parts[k + 1]);
    if (status == CLI_DONE && text == NULL && n_files == 0)
        text = "-";
    if (status == CLI_DONE && text != NULL) {
        status = read_body(c, text, &body);
        parts[0] = (struct ipm_part_out){.is_text = true, .text = buf_bytes(&body)};
        n = 1;
    }
    if (status == CLI_DONE)
        status = write_parts(c, &h, parts + (n == 0), n + n_files, out);
    buf_free(&body);
    for (size_t k = 0; k < n_files; k++)
        if (fds[k] >= 0)
            close(fds[k]);
    if (status != CLI_DONE && out->fd >= 0) {
        close(out->fd);
        out->fd = -1;
    }
    return status;
}

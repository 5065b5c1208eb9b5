// SPDX-License-Identifier: BSD-2-Clause
// Password files: one password a line, without anything else. Of a remote MTA two are accepted, so that both sides need
// not change on the same second; of our own the first is sent.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/draft.h"

enum { PASSWORD_FILE_MAX = 1024, PASSWORDS_MAX = 2 };

static void take_lines(struct draft *d, struct lex_loc loc, bool remote, char *text, size_t n,
                       struct conf_credentials *to) {
    size_t lines = 0;
    for (char *p = text, *end = text + n; p < end;) {
        char *feed = memchr(p, '\n', (size_t)(end - p));
        char *next = feed == NULL ? end : feed + 1;
        size_t length = (size_t)((feed == NULL ? end : feed) - p);
        while (length > 0 && p[length - 1] == '\r')
            length--;
        if (length > 0 && lines++ < PASSWORDS_MAX)
            draft_password(d, loc, p, length, to);
        p = next;
    }
    if (lines == 0)
        draft_error(d, loc, NULL, "there is no password in \"%s\"", to->file);
    else if (lines > PASSWORDS_MAX)
        draft_error(d, loc, NULL, "there are %zu lines in \"%s\", at most %d passwords are allowed", lines, to->file,
                    PASSWORDS_MAX);
    else if (lines > 1 && !remote)
        draft_warning(d, loc, NULL, "of the two passwords in \"%s\" the first is sent", to->file);
}

void draft_password_file(struct draft *d, struct lex_loc loc, bool remote, struct conf_credentials *to) {
    struct stat st;
    int fd = open(to->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *text = draft_alloc(d, PASSWORD_FILE_MAX + 1); // the passwords stay there
    if (fd < 0 || fstat(fd, &st) != 0) {
        draft_error(d, loc, NULL, "cannot read \"%s\": %s", to->file, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        draft_error(d, loc, NULL, "cannot read \"%s\": not a regular file", to->file);
    } else if (text != NULL) {
        ssize_t n = read(fd, text, PASSWORD_FILE_MAX + 1);
        if (n < 0)
            draft_error(d, loc, NULL, "cannot read \"%s\": %s", to->file, strerror(errno));
        else if (n > PASSWORD_FILE_MAX)
            draft_error(d, loc, NULL, "\"%s\" is too long to be a password file", to->file);
        else
            take_lines(d, loc, remote, text, (size_t)n, to);
        if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
            draft_warning(d, loc, arena_printf(&d->conf->arena, "chmod 600 %s", to->file),
                          "other users may open the password file \"%s\" (mode %03o)", to->file, st.st_mode & 0777U);
    }
    if (fd >= 0)
        close(fd);
}

// SPDX-License-Identifier: BSD-2-Clause
// Reading a file and those that it includes, each with a lexer and a parser of its own, so that a block cannot begin in
// one file and end in another; and the words for a syntax error.
#include "conf/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "conf/grammar.h"
#include "conf/nearest.h"

enum { PARSE_DEPTH_MAX = 8, PARSE_SIZE_MAX = 4 << 20 };

int parse_token(union CONF_STYPE *value, struct lex_loc *loc, struct draft *d) {
    int token = lex_next(&d->file->lex, value, loc);
    struct draft_file *f = d->file;
    if (token == T_CONF_error) {
        d->broken = true;
        if (f->wrong_line != loc->line) // one message a line is enough
            draft_error(d, *loc, f->lex.hint, "%s", f->lex.error);
        f->wrong_line = loc->line;
    }
    d->nomem = d->nomem || f->lex.nomem;
    f->before = f->previous;
    f->previous = token;
    return token;
}

static bool is_expected(int token, const int *expected, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (expected[i] == token)
            return true;
    return false;
}

static bool expects_word(const int *expected, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (lex_word(expected[i]) != NULL)
            return true;
    return false;
}

static bool begins_statement(const struct draft_file *f) {
    return f->before == 0 || f->before == T_NEWLINE || f->before == T_OPEN;
}

// The words, then what ends the statement, or the block where a statement would begin. Empty lines are not spoken of.
static size_t sort_expected(const struct draft_file *f, const int *expected, size_t n, int *sorted) {
    size_t m = 0;
    int end = begins_statement(f) ? T_CLOSE : T_NEWLINE;
    for (size_t i = 0; i < n; i++)
        if (expected[i] != T_YYEOF && expected[i] != T_NEWLINE && expected[i] != T_CLOSE)
            sorted[m++] = expected[i];
    if (is_expected(end, expected, n))
        sorted[m++] = end;
    return m;
}

// "expected: a, b or c". NULL when memory is short: the hint is then missing.
static const char *list_expected(struct draft *d, const int *expected, size_t n) {
    int sorted[PARSE_EXPECTED_MAX];
    size_t m = sort_expected(d->file, expected, n, sorted);
    struct buf out = {0};
    int err = buf_append_str(&out, "expected: ");
    for (size_t i = 0; i < m && err == 0; i++) {
        err = buf_append_str(&out, i == 0 ? "" : i + 1 == m ? " or " : ", ");
        if (err == 0)
            err = buf_append_str(&out, lex_name(sorted[i]));
    }
    const char *text = err == 0 && m > 0 ? buf_cstr(&out) : NULL;
    char *copy = text == NULL ? NULL : arena_strdup(&d->conf->arena, text);
    buf_free(&out);
    return copy;
}

static const char *nearest_expected(const char *text, const int *expected, size_t n) {
    const char *words[PARSE_EXPECTED_MAX];
    for (size_t i = 0; i < n; i++)
        words[i] = lex_word(expected[i]); // NULL when it is not a keyword
    return conf_nearest(text, words, n);
}

static bool begins_block(int token) {
    return token == T_MTA || token == T_STACK || token == T_PEER || token == T_ROUTE || token == T_DELIVER ||
           token == T_INCLUDE;
}

// A word, a number or the like: what it may have been meant as.
static const char *hint_for(struct draft *d, int token, const char *text, const int *expected, size_t n) {
    struct arena *a = &d->conf->arena;
    const struct draft_file *f = d->file;
    if (f->block_lost)
        return arena_printf(a, "has the %s block that begins in line %u lost its }?", f->block_word, f->block.line);
    const char *near = token == T_STRING ? NULL : nearest_expected(text, expected, n);
    if (near != NULL && strcmp(near, text) != 0)
        return arena_printf(a, "did you mean \"%s\"?", near);
    if (is_expected(T_STRING, expected, n) && token != T_STRING && token != T_PREFIX && token != T_ANY &&
        token != T_OPEN && token != T_CLOSE && token != T_COMMA)
        return arena_printf(a, "in quotes: \"%s\"", text);
    return list_expected(d, expected, n);
}

void parse_unexpected(struct draft *d, struct lex_loc loc, int token, const int *expected, size_t n) {
    struct draft_file *f = d->file;
    struct arena *a = &d->conf->arena;
    d->broken = true;
    if (f->block_lost && (token == T_YYEOF || begins_block(token)))
        return; // it was said
    f->block_lost = f->block.line > 0 && begins_block(token) && begins_statement(f);
    if (token == T_YYEOF && f->block.line > 0) {
        draft_error(d, loc, arena_printf(a, "the block that begins in line %u has no }", f->block.line),
                    "the file ends inside of the %s block", f->block_word);
        f->block.line = 0;
        return;
    }
    if (token == T_NEWLINE || token == T_YYEOF) {
        draft_error(d, loc, list_expected(d, expected, n), "something is missing at the end of the line");
        return;
    }
    if (f->before == T_PASSWORD && token != T_STRING) { // it may be the password itself: it is not repeated here
        draft_error(d, loc, "password \"...\" or password file \"...\"", "a password stands in quotes");
        return;
    }
    char *text = lex_text(&f->lex, a, loc);
    if (text == NULL) {
        d->nomem = true;
        return;
    }
    const char *hint = hint_for(d, token, text, expected, n);
    if (token == T_STRING)
        draft_error(d, loc, hint, "a text in quotes is not expected here");
    else if (token == T_CLOSE && f->block.line == 0)
        draft_error(d, loc, NULL, "there is no block that this } could end");
    else if (token == T_WORD && expects_word(expected, n) && !is_expected(T_STRING, expected, n))
        draft_error(d, loc, hint, "unknown word \"%s\"", text);
    else
        draft_error(d, loc, hint, "\"%s\" is not expected here", text);
}

static bool check_include(struct draft *d, struct lex_loc loc, const struct draft_file *f, const struct stat *st) {
    if (f->depth > PARSE_DEPTH_MAX) {
        draft_error(d, loc, NULL, "includes are nested deeper than %d files", PARSE_DEPTH_MAX);
        return false;
    }
    for (const struct draft_file *i = d->file; i != NULL; i = i->includer)
        if (i->device == st->st_dev && i->inode == st->st_ino) {
            draft_error(d, loc, NULL, "\"%s\" includes itself%s", f->name, i == d->file ? "" : " through other files");
            return false;
        }
    if (!S_ISREG(st->st_mode)) {
        draft_error(d, loc, NULL, "cannot read \"%s\": not a regular file", f->name);
        return false;
    }
    if (st->st_size > PARSE_SIZE_MAX) {
        draft_error(d, loc, NULL, "\"%s\" is larger than %d octets", f->name, PARSE_SIZE_MAX);
        return false;
    }
    return true;
}

// The whole of an open file, with its length. NULL with errno set.
static char *read_all(int fd, size_t size, size_t *n) {
    char *text = mem_alloc(size + 1);
    if (text == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    for (*n = 0; *n < size;) {
        ssize_t got = read(fd, text + *n, size - *n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            mem_free(text);
            return NULL;
        }
        if (got == 0)
            break;
        *n += (size_t)got;
    }
    return text;
}

// The absolute folder of a file.
static const char *folder(struct draft *d, const char *path) {
    const char *slash = strrchr(path, '/');
    char *dir = slash == NULL ? mem_strdup(".") : mem_printf("%.*s/", (int)(slash - path), path);
    char *absolute = dir == NULL ? NULL : realpath(dir, NULL);
    const char *copy = absolute == NULL ? NULL : arena_strdup(&d->conf->arena, absolute);
    free(absolute); // from the C library
    mem_free(dir);
    return copy;
}

static void parse_file(struct draft *d, struct draft_file *f) {
    f->next = d->files;
    d->files = f;
    f->dir = folder(d, f->name);
    d->nomem = d->nomem || f->dir == NULL;
    if (f->dir == NULL)
        return;
    d->file = f;
    lex_init(&f->lex, &d->conf->arena, f->text, f->text_n);
    if (conf_parse(d) == 2)
        d->nomem = true;
    d->file = f->includer;
}

// The name as it is shown: beside the file that includes it.
static const char *file_name(struct draft *d, const char *path) {
    const char *includer = d->file == NULL ? "" : d->file->name;
    const char *slash = path[0] == '/' ? NULL : strrchr(includer, '/');
    int dir = slash == NULL ? 0 : (int)(slash + 1 - includer);
    return arena_printf(&d->conf->arena, "%.*s%s", dir, includer, path);
}

void draft_read(struct draft *d, struct lex_loc loc, const char *path) {
    struct draft_file *f = draft_alloc(d, sizeof *f);
    const char *name = file_name(d, path);
    if (f == NULL || name == NULL) {
        d->nomem = true;
        return;
    }
    *f = (struct draft_file){.name = name, .depth = d->file == NULL ? 0 : d->file->depth + 1, .includer = d->file};
    struct stat st;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        draft_error(d, loc, NULL, "cannot read \"%s\": %s", name, strerror(errno));
    } else if (check_include(d, loc, f, &st)) {
        f->device = st.st_dev;
        f->inode = st.st_ino;
        f->mode = st.st_mode;
        f->text = read_all(fd, (size_t)st.st_size, &f->text_n);
        if (f->text == NULL)
            draft_error(d, loc, NULL, "cannot read \"%s\": %s", name, strerror(errno));
        else
            parse_file(d, f);
    }
    d->broken = d->broken || f->text == NULL;
    if (fd >= 0)
        close(fd);
}

void draft_files_free(struct draft *d) {
    for (struct draft_file *f = d->files; f != NULL; f = f->next) {
        explicit_bzero(f->text, f->text_n); // there may be passwords in it
        mem_free(f->text);
    }
    d->files = NULL;
}

// SPDX-License-Identifier: BSD-2-Clause
// The lexer: written by hand, because what is wrong with a text or a number is then said in its own words.
#include "conf/lex.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "conf/draft.h"
#include "conf/grammar.h"
#include "conf/nearest.h"

enum { LEX_BARE_MAX = 255 }; // a bare word; host names are not longer

struct lex_entry {
    int token;
    const char *word;
};

static const struct lex_entry words[] = {
    {T_ACCEPT, "accept"},
    {T_ADDRESS_KW, "address"},
    {T_ADMD, "admd"},
    {T_ANOTHER, "another"},
    {T_ANY, "any"},
    {T_ASSOCIATIONS, "associations"},
    {T_AT, "at"},
    {T_BIND_BACK, "bind-back"},
    {T_CALLED, "called"},
    {T_CALLERS, "callers"},
    {T_CALLING, "calling"},
    {T_CHECKPOINT, "checkpoint"},
    {T_COMMON_NAME, "common-name"},
    {T_CONFIGURED, "configured"},
    {T_CONNECT, "connect"},
    {T_CONTROL, "control"},
    {T_COST, "cost"},
    {T_COUNTRY, "country"},
    {T_CREDENTIALS, "credentials"},
    {T_DECLARED, "declared"},
    {T_DELIVER, "deliver"},
    {T_DIALOGUE, "dialogue"},
    {T_DIRECTORY, "directory"},
    {T_DOMAIN, "domain"},
    {T_DOMAIN_DEFINED, "domain-defined"},
    {T_EVENTS, "events"},
    {T_EVERY, "every"},
    {T_EXPIRY, "expiry"},
    {T_FILE, "file"},
    {T_FINISHED, "finished"},
    {T_FOLLOWS, "follows"},
    {T_FORM, "form"},
    {T_FROM, "from"},
    {T_GENERATION, "generation"},
    {T_GIVEN_NAME, "given-name"},
    {T_GROUP, "group"},
    {T_HOST, "host"},
    {T_IA5, "ia5"},
    {T_IDLE, "idle"},
    {T_IN, "in"},
    {T_INCLUDE, "include"},
    {T_INITIALS, "initials"},
    {T_JSON, "json"},
    {T_K, "K"},
    {T_KEEP, "keep"},
    {T_LEAST, "least"},
    {T_LIFETIME, "lifetime"},
    {T_LIMIT, "limit"},
    {T_LISTEN, "listen"},
    {T_LOCAL, "local"},
    {T_MESSAGES, "messages"},
    {T_MODE, "mode"},
    {T_MONOLOGUE, "monologue"},
    {T_MOST, "most"},
    {T_MTA, "mta"},
    {T_NAME, "name"},
    {T_NEVER, "never"},
    {T_NO, "no"},
    {T_NON_URGENT, "non-urgent"},
    {T_NONE, "none"},
    {T_NORMAL, "normal"},
    {T_NUMERIC_USER_ID, "numeric-user-id"},
    {T_OCTET, "octet"},
    {T_ON, "on"},
    {T_OPEN_KW, "open"},
    {T_OPTIONAL, "optional"},
    {T_ORGANIZATION, "organization"},
    {T_PASSWORD, "password"},
    {T_PEER, "peer"},
    {T_PER, "per"},
    {T_PLAIN, "plain"},
    {T_PORT, "port"},
    {T_PRMD, "prmd"},
    {T_PROGRESS, "progress"},
    {T_PSEL, "psel"},
    {T_RECOVERY, "recovery"},
    {T_RELAY, "relay"},
    {T_REMOTE, "remote"},
    {T_REQUIRED, "required"},
    {T_RESERVE, "reserve"},
    {T_RETRY, "retry"},
    {T_ROUTE, "route"},
    {T_SIZE_KW, "size"},
    {T_SOCKET, "socket"},
    {T_SOURCE, "source"},
    {T_SPOOL, "spool"},
    {T_SSEL, "ssel"},
    {T_STACK, "stack"},
    {T_STATUS, "status"},
    {T_STRICT, "strict"},
    {T_SUBMIT, "submit"},
    {T_SURNAME, "surname"},
    {T_SYNC, "sync"},
    {T_SYSLOG, "syslog"},
    {T_TERMINAL_ID, "terminal-id"},
    {T_TIMEOUT, "timeout"},
    {T_TIMES, "times"},
    {T_TO, "to"},
    {T_TRANSFER, "transfer"},
    {T_TSEL, "tsel"},
    {T_TWO_WAY_ALTERNATE, "two-way-alternate"},
    {T_UNIT, "unit"},
    {T_URGENT, "urgent"},
    {T_VIA, "via"},
    {T_VIRTUAL, "virtual"},
    {T_WINDOW, "window"},
    {T_WITHIN, "within"},
    {T_WITHOUT, "without"},
    {T_X121, "x121"},
    {T_X410_1984, "x410-1984"},
    {T_X410_1988, "x410-1988"},
};

static const struct lex_entry others[] = {
    {T_STRING, "a text in quotes"},
    {T_HEX, "hexadecimal such as 0x4D5441"},
    {T_NUMBER, "a number"},
    {T_TIME, "a time (60s, 5m, 2h, 7d)"},
    {T_SIZE, "a size (30K, 100M, 1G)"},
    {T_PERCENT, "a percentage such as 5%"},
    {T_ADDRESS, "an IPv4 or IPv6 address"},
    {T_PREFIX, "an address prefix such as 203.0.113.0/24"},
    {T_WORD, "a host name"},
    {T_OPEN, "{"},
    {T_CLOSE, "}"},
    {T_COMMA, "a comma"},
    {T_NEWLINE, "the end of the line"},
    {T_YYEOF, "the end of the file"},
};

static const char *lookup(const struct lex_entry *entries, size_t n, int token) {
    for (size_t i = 0; i < n; i++)
        if (entries[i].token == token)
            return entries[i].word;
    return NULL;
}

const char *lex_word(int token) {
    return lookup(words, sizeof words / sizeof *words, token);
}

const char *lex_name(int token) {
    const char *word = lex_word(token);
    if (word == NULL)
        word = lookup(others, sizeof others / sizeof *others, token);
    return word == NULL ? "something else" : word;
}

static bool at(const struct lex *l, const char *s) {
    size_t n = strlen(s);
    return (size_t)(l->end - l->p) >= n && memcmp(l->p, s, n) == 0;
}

void lex_init(struct lex *l, struct arena *a, const char *text, size_t n) {
    *l = (struct lex){.arena = a, .text = text, .end = text + n, .p = text, .line_start = text, .line = 1};
    if (at(l, "\xEF\xBB\xBF")) // the byte order mark that some editors write
        l->text = l->line_start = l->p = text + 3;
}

static int lex_fail(struct lex *l, const char *error, const char *hint) {
    l->error = error;
    l->hint = hint;
    return T_CONF_error;
}

static int lex_nomem(struct lex *l) {
    l->nomem = true;
    l->p = l->end;
    return T_YYEOF;
}

static void end_line(struct lex *l) { // at a line feed
    l->p++;
    l->line++;
    l->line_start = l->p;
}

// To the next token or the end of a line that had one; comments, empty and continued lines are passed over.
static void skip_blanks(struct lex *l) {
    while (l->p < l->end) {
        if (*l->p == ' ' || *l->p == '\t') {
            l->p++;
        } else if (*l->p == '#') {
            while (l->p < l->end && *l->p != '\n')
                l->p++;
        } else if (at(l, "\\\n") || at(l, "\\\r\n")) {
            l->p += *(l->p + 1) == '\r' ? 2 : 1;
            end_line(l);
        } else if (at(l, "\r\n")) {
            l->p++;
        } else if (*l->p == '\n' && !l->line_used) {
            end_line(l);
        } else {
            return;
        }
    }
}

static bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._:/%-*+@", c) != NULL);
}

static int read_string(struct lex *l, union CONF_STYPE *value) {
    const char *end = l->p + 1;
    size_t n = 0;
    for (; end < l->end && *end != '"' && *end != '\n' && *end != '\0'; end++, n++)
        if (*end == '\\' && end + 1 < l->end && (end[1] == '"' || end[1] == '\\'))
            end++;
    if (end == l->end || *end != '"') {
        l->p = end;
        return lex_fail(l, "the text has no closing quote on its line", NULL);
    }
    char *text = arena_alloc(l->arena, n + 1);
    if (text == NULL)
        return lex_nomem(l);
    n = 0;
    for (const char *from = l->p + 1; from < end; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        text[n++] = *from;
    }
    l->p = end + 1;
    value->text = text;
    return T_STRING;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int read_hex(struct lex *l, const char *digits, union CONF_STYPE *value) {
    size_t n = strlen(digits);
    uint8_t *octets = arena_alloc(l->arena, n / 2 + 1);
    if (octets == NULL)
        return lex_nomem(l);
    for (size_t i = 0; i < n; i++)
        if (hex_digit(digits[i]) < 0)
            return lex_fail(l, "after 0x stand hexadecimal digits only", NULL);
    if (n == 0 || n % 2 != 0)
        return lex_fail(l, "two hexadecimal digits make an octet: one is missing", NULL);
    for (size_t i = 0; i < n / 2; i++)
        octets[i] = (uint8_t)(hex_digit(digits[2 * i]) * 16 + hex_digit(digits[2 * i + 1]));
    value->octets = bytes_of(octets, n / 2);
    return T_HEX;
}

// A number with its unit, if any. 0 when the word is something else that begins with a digit.
static int read_number(struct lex *l, const char *word, union CONF_STYPE *value) {
    static const struct {
        char unit;
        int token;
        uint64_t factor;
    } units[] = {{'\0', T_NUMBER, 1},
                 {'%', T_PERCENT, 1},
                 {'s', T_TIME, 1000},
                 {'m', T_TIME, 60 * 1000},
                 {'h', T_TIME, 3600 * 1000},
                 {'d', T_TIME, UINT64_C(86400) * 1000},
                 {'K', T_SIZE, UINT64_C(1) << 10},
                 {'M', T_SIZE, UINT64_C(1) << 20},
                 {'G', T_SIZE, UINT64_C(1) << 30}};
    size_t digits = strspn(word, "0123456789");
    if (word[digits] != '\0' && word[digits + 1] != '\0')
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (word[digits] == units[i].unit) {
            if (digits > 10)
                return lex_fail(l, "the number is too large", NULL);
            value->number = strtoull(word, NULL, 10) * units[i].factor;
            return units[i].token;
        }
    return lex_fail(l, "unknown unit", "times are written 60s, 5m, 2h or 7d, sizes 30K, 100M or 1G");
}

static bool is_address(const char *text) {
    struct in6_addr scratch;
    return inet_pton(AF_INET, text, &scratch) == 1 || inet_pton(AF_INET6, text, &scratch) == 1;
}

static int read_bare(struct lex *l, union CONF_STYPE *value) {
    const char *from = l->p;
    while (l->p < l->end && is_bare(*l->p))
        l->p++;
    size_t n = (size_t)(l->p - from);
    if (n > LEX_BARE_MAX)
        return lex_fail(l, "the word is too long", NULL);
    char *word = arena_strndup(l->arena, from, n);
    if (word == NULL)
        return lex_nomem(l);
    value->text = word;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i].word) == 0)
            return words[i].token;
    if (is_address(word))
        return T_ADDRESS;
    if (strncmp(word, "0x", 2) == 0)
        return read_hex(l, word + 2, value);
    if (word[0] >= '0' && word[0] <= '9') {
        int token = read_number(l, word, value);
        if (token != 0)
            return token;
    }
    return strchr(word, '/') != NULL ? T_PREFIX : T_WORD;
}

static int read_token(struct lex *l, union CONF_STYPE *value) {
    switch (*l->p) {
    case '"': return read_string(l, value);
    case '{': l->p++; return T_OPEN;
    case '}': l->p++; return T_CLOSE;
    case ',': l->p++; return T_COMMA;
    }
    if (is_bare(*l->p))
        return read_bare(l, value);
    l->p++;
    while (l->p < l->end && ((unsigned char)*l->p & 0xC0) == 0x80) // the rest of a UTF-8 character
        l->p++;
    if (l->p[-1] == ';')
        return lex_fail(l, "a statement ends with its line, not with a semicolon", NULL);
    if (l->p[-1] == '\'')
        return lex_fail(l, "texts stand in double quotes", NULL);
    return lex_fail(l, "this character has no meaning outside of a text in quotes", NULL);
}

int lex_next(struct lex *l, union CONF_STYPE *value, struct lex_loc *loc) {
    skip_blanks(l);
    const char *from = l->p;
    *loc = (struct lex_loc){l->line, (unsigned)(from - l->line_start) + 1, 1};
    if (l->p == l->end || *l->p == '\n') {
        if (!l->line_used)
            return T_YYEOF;
        l->line_used = false;
        if (l->p < l->end)
            end_line(l);
        return T_NEWLINE;
    }
    l->line_used = true;
    int token = read_token(l, value);
    loc->length = (unsigned)(l->p - from);
    return token;
}

void lex_skip_block(struct lex *l) {
    unsigned depth = 0;
    for (;;) {
        struct lex_loc loc;
        union CONF_STYPE value;
        int token = lex_next(l, &value, &loc);
        if (token == T_YYEOF)
            return;
        if (token == T_CLOSE && depth == 0) {
            l->p--; // it is read again
            return;
        }
        depth += token == T_OPEN;
        depth -= token == T_CLOSE;
    }
}

// A word that was meant as `password`: what follows it on the line is not shown.
static bool announces_password(const char *word, size_t n) {
    static const char *const known[] = {"password"};
    char text[16];
    if (n >= sizeof text)
        return false;
    memcpy(text, word, n);
    text[n] = '\0';
    return conf_nearest(text, known, 1) != NULL;
}

// The end of the word or text at p; a text without its closing quote ends with the line.
static const char *token_end(const char *p, const char *end) {
    const char *from = p;
    if (*p == '"') {
        for (p++; p < end && *p != '"'; p++)
            if (*p == '\\' && p + 1 < end)
                p++;
        return p < end ? p + 1 : end;
    }
    while (p < end && is_bare(*p))
        p++;
    return p == from ? p + 1 : p;
}

static const char *find_line(const struct lex *l, unsigned line) {
    const char *p = l->text;
    for (unsigned n = 1; n < line && p < l->end; p++)
        n += *p == '\n';
    return p;
}

char *lex_text(const struct lex *l, struct arena *a, struct lex_loc loc) {
    return arena_strndup(a, find_line(l, loc.line) + loc.column - 1, loc.length);
}

const char *lex_line(const struct lex *l, struct arena *a, struct lex_loc loc, size_t *caret) {
    const char *p = find_line(l, loc.line);
    const char *target = p + loc.column - 1, *end = p;
    while (end < l->end && *end != '\n')
        end++;
    if (end > p && end[-1] == '\r')
        end--;
    struct buf out = {0};
    bool secret = false, in_file = false;
    int err = 0;
    *caret = (size_t)-1;
    while (p < end && err == 0) {
        if (p >= target && *caret == (size_t)-1)
            *caret = out.len;
        if (*p == '#' && secret)
            break; // a comment, unless it belongs to a password without quotes
        const char *next = token_end(p, end);
        size_t n = (size_t)(next - p);
        bool blank = *p == ' ' || *p == '\t', is_file = n == 4 && (!memcmp(p, "file", 4) || !memcmp(p, "form", 4));
        if (secret && !blank && !in_file && !is_file)
            err = buf_append_str(&out, *p == '"' ? "\"***\"" : "***");
        else
            err = buf_append(&out, p, n);
        if (!blank) {
            in_file = is_file;
            secret = secret || (*p != '"' && announces_password(p, n));
        }
        p = next;
    }
    if (*caret == (size_t)-1)
        *caret = out.len;
    for (size_t i = 0; i < out.len; i++) // a NUL would end the line, perhaps before the caret
        if (out.mem[out.off + i] == '\0')
            out.mem[out.off + i] = '\1';
    const char *text = err != 0 ? NULL : arena_strndup(a, out.len ? (const char *)buf_bytes(&out).p : "", out.len);
    buf_free(&out);
    return text;
}

// SPDX-License-Identifier: BSD-2-Clause
#include "cli/ping_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/resolver.h"
#include "cli/table.h"
#include "conf/nearest.h"

enum { SELECTOR_MAX = 64, PEERS_NAMED = 64, WINDOW_MAX = 999 };

// ---- values ----

static int hex_digit(char ch) {
    return ch >= '0' && ch <= '9'   ? ch - '0'
           : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10
           : ch >= 'A' && ch <= 'F' ? ch - 'A' + 10
                                    : -1;
}

// A text, 0xHEX, none, or nothing: as the configuration writes them, without the quotes. False: no such selector.
static bool selector(const struct cli *c, const char *text, struct bytes *out) {
    size_t n = strlen(text);
    if (strcmp(text, "none") == 0) {
        *out = (struct bytes){NULL, 0};
        return true;
    }
    if (strncmp(text, "0x", 2) != 0) {
        *out = arena_bytes(c->arena, bytes_of(text, n));
        return n <= SELECTOR_MAX && out->p != NULL;
    }
    uint8_t *octets = arena_alloc(c->arena, n);
    if (octets == NULL || n % 2 != 0 || n > 2 + 2 * SELECTOR_MAX)
        return false;
    for (size_t k = 2; k < n; k += 2) {
        int high = hex_digit(text[k]), low = hex_digit(text[k + 1]);
        if (high < 0 || low < 0)
            return false;
        octets[k / 2 - 1] = (uint8_t)(high << 4 | low);
    }
    *out = bytes_of(octets, n / 2 - 1);
    return true;
}

static int selectors(const struct cli *c, const struct args *a, const char *of, struct conf_selectors *s) {
    static const char *const names[] = {"tsel", "ssel", "psel"};
    struct bytes *const to[] = {&s->tsel, &s->ssel, &s->psel};
    bool *const given[] = {&s->tsel_given, &s->ssel_given, &s->psel_given};
    static const size_t most[] = {32, 16, SELECTOR_MAX}; // octets, as in the configuration
    for (size_t k = 0; k < 3; k++) {
        char name[32];
        snprintf(name, sizeof name, "%s-%s", of, names[k]);
        const char *text = args_get(a, name);
        if (text != NULL && (!selector(c, text, to[k]) || to[k]->n > most[k]))
            return cli_usage(c, "--%s is a text, 0xHEX with an even number of digits, or none; at most %zu octets",
                             name, most[k]);
        *given[k] |= text != NULL;
    }
    return CLI_DONE;
}

static int read_password(const struct cli *c, const char *option, const char *path, struct ping_peer *pp,
                         struct conf_password *to, struct conf_credentials *of) {
    char line[CONF_PASSWORD_MAX + 3];
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return cli_fail(c, "--%s %s: %s", option, path, strerror(errno));
    bool got = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    size_t n = got ? strcspn(line, "\r\n") : 0;
    if (n == 0 || n > CONF_PASSWORD_MAX)
        return cli_fail(c, "--%s %s: its first line is no password of 1 to %d characters", option, path,
                        CONF_PASSWORD_MAX);
    to->secret = arena_bytes(&pp->passwords, bytes_of(line, n));
    explicit_bzero(line, sizeof line);
    of->passwords = to;
    of->n_passwords = 1;
    of->file = path;
    return to->secret.p == NULL ? cli_fail(c, "memory is short") : CLI_DONE;
}

// ---- a host ----

// HOST, HOST:PORT, [V6], [V6]:PORT, V6.
static int endpoint(const struct cli *c, const char *word, struct conf_endpoint *e) {
    const char *colon = strrchr(word, ':');
    size_t n = strlen(word);
    if (word[0] == '[') {
        const char *bracket = strchr(word, ']');
        if (bracket == NULL || (bracket[1] != 0 && bracket[1] != ':'))
            return cli_usage(c, "\"%s\" is neither [ADDRESS] nor [ADDRESS]:PORT", word);
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
        e->host = arena_strndup(c->arena, word + 1, (size_t)(bracket - word) - 1);
    } else {
        colon = colon != NULL && strchr(word, ':') == colon ? colon : NULL; // several: an IPv6 address
        e->host = arena_strndup(c->arena, word, colon == NULL ? n : (size_t)(colon - word));
    }
    char *end = NULL;
    unsigned long port = colon == NULL ? CONF_PORT : strtoul(colon + 1, &end, 10);
    if (colon != NULL && (colon[1] == 0 || *end != 0 || port == 0 || port > 65535))
        return cli_usage(c, "the port of \"%s\" is not a number from 1 to 65535", word);
    e->port = (uint16_t)port;
    struct net_address address;
    e->family =
        e->host != NULL && net_address_parse(&address, e->host, e->port) == ERR_OK ? address.sa.sa_family : AF_UNSPEC;
    return e->host == NULL ? cli_fail(c, "memory is short") : CLI_DONE;
}

static int from_host(const struct cli *c, const char *word, struct ping_peer *pp) {
    int status = endpoint(c, word, &pp->endpoint);
    pp->stack = (struct conf_stack){.name = "ping"};
    pp->via[0] = &pp->stack;
    pp->copy = (struct conf_peer){.name = word,
                                  .connect = &pp->endpoint,
                                  .n_connect = 1,
                                  .via = pp->via,
                                  .n_via = 1,
                                  .accept_without_credentials = true,
                                  .checkpoint_k = 30,
                                  .window = 5};
    return status;
}

// ---- a peer of the configuration ----

static const struct conf_peer *named(const struct conf *conf, const char *word, const char **near) {
    const char *names[PEERS_NAMED];
    size_t n = 0;
    for (; n < conf->n_peers && n < PEERS_NAMED; n++)
        names[n] = conf->peers[n].name;
    *near = conf_nearest(word, names, n);
    return conf_peer_find(conf, word);
}

// Whether the word can only be a host: it has a dot, a colon or a bracket.
static bool looks_like_host(const char *word) {
    return strpbrk(word, ".:[") != NULL || strcmp(word, "localhost") == 0;
}

static int find(struct cli *c, const struct args *a, const char *word, struct ping_peer *pp) {
    const char *file = args_get(a, "file"), *near = NULL;
    struct conf_errors errors;
    pp->conf = conf_load(file != NULL ? file : X400D_SYSCONFDIR "/x400d.conf", &errors);
    const struct conf_peer *p = pp->conf == NULL ? NULL : named(pp->conf, word, &near);
    int status = CLI_DONE;
    if (p != NULL && p->n_connect == 0)
        status = cli_fail(c, "peer \"%s\" is never called: its block has no `connect`", word);
    else if (p != NULL)
        pp->copy = *p;
    else if (looks_like_host(word))
        status = from_host(c, word, pp);
    else if (pp->conf == NULL) {
        conf_errors_print(&errors, c->err);
        status = cli_fail(c, "no configuration says what peer \"%s\" is; a host is given as HOST:PORT", word);
    } else
        status =
            cli_fail(c, "there is no peer \"%s\" in %s%s%s%s; a host is given as HOST:PORT", word, pp->conf->path,
                     near != NULL ? " (did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?)" : "");
    conf_errors_free(&errors);
    return status;
}

// ---- the options ----

static int credentials(struct cli *c, const struct args *a, struct ping_peer *pp) {
    struct conf_peer *p = &pp->copy;
    const char *name = args_get(a, "local-name"), *file = args_get(a, "local-password-file"),
               *remote = args_get(a, "remote-name"), *remote_file = args_get(a, "remote-password-file");
    int status = CLI_DONE;
    if (args_has(a, "no-credentials") && (name != NULL || file != NULL))
        return cli_usage(c, "--no-credentials excludes --local-name and --local-password-file");
    if (args_has(a, "no-credentials"))
        p->local = (struct conf_credentials){0};
    if (name != NULL)
        p->local.name = name;
    if (file != NULL && p->local.name == NULL)
        return cli_usage(c, "--local-password-file needs --local-name");
    if (file != NULL)
        status = read_password(c, "local-password-file", file, pp, &pp->password, &p->local);
    if (remote != NULL)
        p->remote = (struct conf_credentials){.name = remote};
    if (remote_file != NULL && p->remote.name == NULL)
        return cli_usage(c, "--remote-password-file needs --remote-name");
    if (status == CLI_DONE && remote_file != NULL)
        status = read_password(c, "remote-password-file", remote_file, pp, &pp->remote_password, &p->remote);
    return status;
}

static int source(struct cli *c, const char *address, struct ping_peer *pp) {
    struct net_address parsed;
    if (address == NULL)
        return CLI_DONE;
    if (net_address_parse(&parsed, address, 0) != ERR_OK)
        return cli_usage(c, "--source is an IPv4 or IPv6 address, not \"%s\"", address);
    pp->stack = *pp->copy.via[0];
    pp->stack.source = (struct conf_endpoint){.host = address, .family = parsed.sa.sa_family};
    pp->stack.listen = (struct conf_endpoint){0}; // wherever the stack's own address is
    pp->stack.moves = false;
    pp->copy.source = (struct conf_endpoint){0};
    pp->via[0] = &pp->stack;
    pp->copy.via = pp->via;
    pp->copy.n_via = 1;
    return CLI_DONE;
}

// Its index in the names; the option's choices have seen to it that it is there.
static unsigned choice(const char *const *names, const char *name) {
    unsigned k = 0;
    while (names[k + 1] != NULL && strcmp(names[k], name) != 0)
        k++;
    return k;
}

static int apply(struct cli *c, const struct args *a, struct ping_peer *pp) {
    struct conf_peer *p = &pp->copy;
    const char *mode = args_get(a, "mode"), *dialogue = args_get(a, "dialogue");
    int64_t checkpoint = p->checkpoint_k, window = p->window;
    int status = selectors(c, a, "called", &p->called);
    if (status == CLI_DONE)
        status = selectors(c, a, "calling", &p->calling);
    if (status == CLI_DONE)
        status = credentials(c, a, pp);
    if (status == CLI_DONE)
        status = source(c, args_get(a, "source"), pp);
    if (status == CLI_DONE)
        status = args_number(c, a, "checkpoint", 0, 1000000, &checkpoint);
    if (status == CLI_DONE)
        status = args_number(c, a, "window", 1, WINDOW_MAX, &window);
    p->checkpoint_k = (unsigned)checkpoint;
    p->window = (unsigned)window;
    if (mode != NULL)
        p->mode = (enum conf_protocol)choice(conf_protocol_words, mode);
    if (dialogue != NULL)
        p->dialogue = strcmp(dialogue, "monologue") == 0 ? CONF_MONOLOGUE : CONF_TWO_WAY_ALTERNATE;
    if (args_has(a, "try-modes") && mode != NULL)
        return cli_usage(c, "--try-modes tries every mode: --mode is too much");
    return status;
}

int ping_peer_make(struct cli *c, const struct args *a, struct ping_peer *pp) {
    *pp = (struct ping_peer){0};
    int status = find(c, a, a->words[0], pp);
    if (status == CLI_DONE)
        status = apply(c, a, pp);
    pp->peer = &pp->copy;
    if (status != CLI_DONE)
        ping_peer_free(pp);
    return status;
}

void ping_peer_free(struct ping_peer *pp) {
    arena_wipe(&pp->passwords);
    conf_free(pp->conf);
    pp->conf = NULL;
}

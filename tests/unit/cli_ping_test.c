// SPDX-License-Identifier: BSD-2-Clause
// `x400 ping` against a responder of our own on loopback, in another thread: each step is shown, and why it stopped.
#include "tests/unit/cli_util.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "assoc/listen.h"

struct server {
    pthread_t thread;
    struct loop *loop;
    struct loop_notifier *stop;
    struct assoc_env env;
    struct assoc_listener *listener;
    struct conf_stack stack;
    struct conf_peer peer;
    struct conf_password ours, theirs;
    char address[80];
    unsigned bound, refused, ended;
};

static void on_ended(void *ctx, const struct assoc_failure *f) {
    struct server *s = ctx;
    s->ended += f == NULL;
}

static void on_bind(void *ctx, struct assoc *a, const struct assoc_bind *b) {
    static const struct assoc_user user = {.ended = on_ended};
    struct server *s = ctx;
    if (!bytes_equal(b->info->name, bytes_str("MTA-A")) || !bind_password_is(b->info, s->theirs.secret)) {
        s->refused++;
        assoc_refuse(a, BIND_AUTHENTICATION_ERROR);
    } else if (assoc_accept(a, &s->peer, &user, s) == 0)
        s->bound++;
}

static void on_caller_failed(void *ctx, struct assoc *a, const struct assoc_failure *f) {
    (void)ctx, (void)a, (void)f;
}

static void on_accept_failed(void *ctx, const char *text) {
    (void)ctx, (void)text;
}

static void on_stop(void *arg) {
    loop_stop(((struct server *)arg)->loop);
}

static void *serve(void *arg) {
    loop_run(((struct server *)arg)->loop);
    return NULL;
}

static int server_start(void **state) {
    static const struct assoc_listener_user user = {
        .bind_ind = on_bind, .caller_failed = on_caller_failed, .accept_failed = on_accept_failed};
    static struct server s;
    char text[ASSOC_TEXT];
    s.loop = loop_new();
    s.env = (struct assoc_env){.loop = s.loop, .resolver = resolver_new(s.loop)};
    s.ours.secret = bytes_str("secretB");
    s.theirs.secret = bytes_str("secretA");
    s.stack = (struct conf_stack){.name = "test",
                                  .listen = {.host = "127.0.0.1", .family = AF_INET},
                                  .selectors = {.tsel = bytes_str("MTA-B"), .tsel_given = true}};
    s.peer = (struct conf_peer){.name = "a",
                                .local = {"MTA-B", &s.ours, 1, NULL},
                                .remote = {"MTA-A", &s.theirs, 1, NULL},
                                .checkpoint_k = 30,
                                .window = 5};
    struct net_address on;
    net_address_parse(&on, "127.0.0.1", 0);
    s.listener = assoc_listener_new(&s.env, &s.stack, &(struct assoc_listener_options){0}, &user, &s);
    if (s.listener == NULL || assoc_listener_open(s.listener, &on, text) != ERR_OK)
        fail_msg("%s", text);
    net_address_text(assoc_listener_at(s.listener, &on), s.address);
    s.stop = loop_notifier_new(s.loop, on_stop, &s);
    assert_non_null(s.stop);
    assert_int_equal(pthread_create(&s.thread, NULL, serve, &s), 0);
    *state = &s;
    return 0;
}

static int server_stop(void **state) {
    struct server *s = *state;
    loop_notify(s->stop);
    pthread_join(s->thread, NULL);
    assoc_listener_free(s->listener);
    loop_notifier_free(s->stop);
    resolver_free(s->env.resolver);
    loop_free(s->loop);
    return 0;
}

// Runs a line; HOST is the server's address, US a file with our password.
static struct ran ping(const struct server *s, const char *options) {
    char line[400], us[] = "/tmp/x400-cli-test-us-XXXXXX", *words[40];
    int fd = mkstemp(us);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "secretA\n", 8), 8);
    close(fd);
    snprintf(line, sizeof line, "x400 ping %s --local-password-file %s %s", s->address, us, options);
    struct ran r = run_command(&(struct how){0}, split_words(line, words, 40), words);
    unlink(us);
    return r;
}

static void in_order(void **state) {
    static const char *const steps[] = {"resolve ",       "\nconnect ", "\ntransport ", "\nsession ", "\npresentation ",
                                        "\nassociation ", "\nrtse ",    "\nbind ",      "\nreleased "};
    struct ran r = ping(*state, "--called-tsel MTA-B --local-name MTA-A --remote-name MTA-B");
    const char *at = r.out;
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
        if (at == NULL || (at = strstr(at, steps[k])) == NULL)
            fail_msg("no step%s in: %s", steps[k], r.out);
    assert_int_equal(r.status, CLI_DONE);
    assert_non_null(strstr(r.out, "accepted by \"MTA-B\""));
    assert_null(strstr(r.out, "secret"));
    free(r.out);
}

static void as_json(void **state) {
    struct ran r = ping(*state, "--called-tsel MTA-B --local-name MTA-A --json");
    json_t *v = json_loads(r.out, 0, NULL);
    assert_true(json_is_true(json_object_get(v, "ok")));
    assert_true(json_array_size(json_object_get(v, "steps")) >= 7);
    assert_string_equal(json_text(json_array_get(json_object_get(v, "steps"), 0), "step"), "resolve");
    assert_int_equal(r.status, CLI_DONE);
    json_decref(v);
    free(r.out);
}

static void fails(void **state, const char *options, const char *last, const char *part) {
    struct ran r = ping(*state, options);
    if (r.status != CLI_FAILED || strstr(r.out, part) == NULL || strstr(r.out, last) == NULL)
        fail_msg("status %d, wanted \"%s\" and \"%s\": %s", r.status, last, part, r.out);
    assert_null(strstr(r.out, "\nreleased "));
    free(r.out);
}

static void stopped(void **state) {
    struct server *s = *state;
    unsigned bound = s->bound;
    fails(state, "--called-tsel OTHER --local-name MTA-A", "\ntransport ", "address unknown");
    fails(state, "--called-tsel MTA-B --local-name MTA-X", "\nbind ", "authentication-error");
    fails(state, "--called-tsel MTA-B --local-name MTA-A --remote-name MTA-C", "\nbind ",
          "the peer calls itself \"MTA-B\", but `remote name` is \"MTA-C\"");
    assert_int_equal(s->bound, bound + 1); // the last of them
}

static void nothing_there(void **state) {
    (void)state;
    char line[] = "x400 ping 127.0.0.1:1 --json", *words[8];
    struct ran r = run_command(&(struct how){0}, split_words(line, words, 8), words);
    json_t *v = json_loads(r.out, 0, NULL), *f = json_object_get(v, "failure");
    assert_int_equal(r.status, CLI_FAILED);
    assert_true(json_is_false(json_object_get(v, "ok")));
    assert_string_equal(json_text(f, "step"), "connect");
    assert_non_null(strstr(json_text(f, "text"), "refused"));
    json_decref(v);
    free(r.out);
}

// A port that takes the call: it says `hello`, or nothing at all.
static struct ran ping_stranger(const char *hello) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof sa;
    char line[80], *words[8];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    pid_t child = hello == NULL ? 0 : fork();
    if (hello != NULL && child == 0) {
        int peer = accept(fd, NULL, NULL);
        _exit(write(peer, hello, strlen(hello)) < 0 || read(peer, line, sizeof line) < 0 || sleep(5) != 0);
    }
    snprintf(line, sizeof line, "x400 ping 127.0.0.1:%u --timeout 1", ntohs(sa.sin_port));
    struct ran r = run_command(&(struct how){0}, split_words(line, words, 8), words);
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    close(fd);
    return r;
}

static void strangers(void **state) {
    (void)state;
    struct ran r = ping_stranger("SSH-2.0-OpenSSH_9.2p1\r\n");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.out, "\ntransport "));
    assert_non_null(strstr(r.out, "likely: a secure shell server (SSH) answers there"));
    free(r.out);
    r = ping_stranger(NULL);
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.out, "\ntransport "));
    assert_non_null(strstr(r.out, "no answer within 1 s: 127.0.0.1:"));
    assert_non_null(strstr(r.out, "likely: what listens there"));
    free(r.out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_order), cmocka_unit_test(as_json), cmocka_unit_test(stopped),
                                       cmocka_unit_test(nothing_there), cmocka_unit_test(strangers)};
    return cmocka_run_group_tests(tests, server_start, server_stop);
}

// SPDX-License-Identifier: BSD-2-Clause
// Every file of tests/cli is a list of commands with what they print and their exit status:
//
//   # a comment
//   daemon< {"v":1,…}      the daemon wants this request (as JSON, whatever the order of its keys)
//   daemon> {"v":1,…}      and answers so; `daemon> close` hangs up
//   stdin: text            a line of standard input
//   terminal               standard input and error are a terminal; colour: out has colours
//   $ x400 show peers --status SOCKET
//   …                      what it prints on both streams
//   = 0
//
// SOCKET is the path of the daemon's socket. With UPDATE=1 in the environment the files are written anew.
#include "tests/unit/cli_util.h"

#include <dirent.h>

#define DIRECTORY "tests/cli"
enum { WORDS = 40, FILE_MAX = 1 << 20 };

static char *read_file(const char *path) {
    FILE *f = fopen(path, "r");
    char *text = calloc(1, FILE_MAX);
    assert_non_null(text);
    if (f == NULL)
        fail_msg("cannot open %s", path);
    assert_true(fread(text, 1, FILE_MAX - 1, f) < FILE_MAX - 1);
    fclose(f);
    return text;
}

// Every `from` in text becomes `to`; a new string.
static char *replaced(const char *text, const char *from, const char *to) {
    char *out = NULL;
    size_t n;
    FILE *f = open_memstream(&out, &n);
    assert_non_null(f);
    for (const char *hit; (hit = strstr(text, from)) != NULL; text = hit + strlen(from))
        fprintf(f, "%.*s%s", (int)(hit - text), text, to);
    fputs(text, f);
    fclose(f);
    return out;
}

struct scene {
    struct fake daemon;
    struct how how;
    char *in; // collected
    size_t in_size;
    FILE *in_file;
};

static void scene_begin(struct scene *s) {
    *s = (struct scene){0};
    fake_open(&s->daemon);
    s->in_file = open_memstream(&s->in, &s->in_size);
    assert_non_null(s->in_file);
}

static void scene_end(struct scene *s) {
    free(s->in);
    fake_close(&s->daemon);
}

// A line before the command. False: it is none.
static bool direct(struct scene *s, const char *line) {
    static const char wants[] = "daemon< ", answers[] = "daemon> ", input[] = "stdin: ";
    if (strncmp(line, wants, strlen(wants)) == 0)
        fake_add(&s->daemon, line + strlen(wants), NULL);
    else if (strncmp(line, answers, strlen(answers)) == 0 && s->daemon.n > 0)
        s->daemon.exchange[s->daemon.n - 1].answer =
            strcmp(line + strlen(answers), "close") == 0 ? NULL : line + strlen(answers);
    else if (strncmp(line, input, strlen(input)) == 0)
        fprintf(s->in_file, "%s\n", line + strlen(input));
    else if (strcmp(line, "terminal") == 0)
        s->how.terminal = true;
    else if (strcmp(line, "colour") == 0)
        s->how.colour = true;
    else
        return *line == '#' || *line == 0;
    return true;
}

// Runs the command of a line `$ x400 …`; appends what it printed and its status.
static void perform(struct scene *s, const char *command, FILE *out) {
    char *words[WORDS + 1] = {NULL}, *line = replaced(command, "SOCKET", s->daemon.path);
    int n = split_words(line, words, WORDS);
    fclose(s->in_file);
    s->how.in = s->in;
    fake_start(&s->daemon);
    struct ran r = run_command(&s->how, n, words);
    fake_join(&s->daemon);
    char *shown = replaced(r.out, s->daemon.path, "SOCKET");
    fputs(shown, out);
    if (r.size > 0 && r.out[r.size - 1] != '\n')
        fputs("\n", out);
    fprintf(out, "= %d\n", r.status);
    free(shown);
    free(r.out);
    free(line);
}

// Plays the transcript; what it would be now, as a new string.
static char *play(char *text, const char *path) {
    char *now = NULL;
    size_t size;
    FILE *out = open_memstream(&now, &size);
    struct scene s;
    bool skip = false; // what was printed then
    scene_begin(&s);
    for (char *line = text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = 0;
        if (next == NULL && *line == 0)
            break;
        if (skip) {
            skip = strncmp(line, "= ", 2) != 0;
            continue;
        }
        fprintf(out, "%s\n", line);
        if (strncmp(line, "$ ", 2) == 0) {
            perform(&s, line + 2, out);
            scene_end(&s);
            scene_begin(&s);
            skip = true;
        } else if (!direct(&s, line))
            fail_msg("%s: what is this line: %s", path, line);
    }
    fclose(s.in_file);
    scene_end(&s);
    fclose(out);
    return now;
}

static void transcript(const char *path) {
    char *text = read_file(path), *before = strdup(text);
    char *now = play(text, path);
    if (getenv("UPDATE") != NULL) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(now, f);
        fclose(f);
    } else if (strcmp(now, before) != 0)
        fail_msg("%s is not what comes now:\n%s", path, now);
    free(text);
    free(before);
    free(now);
}

static void transcripts(void **state) {
    (void)state;
    struct dirent **list;
    int n = scandir(DIRECTORY, &list, NULL, alphasort), played = 0;
    assert_true(n >= 0);
    assert_int_equal(chmod(DIRECTORY "/good.conf", 0600), 0); // passwords stand in it, of which others would be warned
    for (int k = 0; k < n; k++) {
        char path[300];
        size_t len = strlen(list[k]->d_name);
        snprintf(path, sizeof path, DIRECTORY "/%s", list[k]->d_name);
        if (len > 4 && strcmp(list[k]->d_name + len - 4, ".txt") == 0) {
            transcript(path);
            played++;
        }
        free(list[k]);
    }
    free(list);
    assert_true(played >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(transcripts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

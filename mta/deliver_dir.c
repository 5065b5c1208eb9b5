// SPDX-License-Identifier: BSD-2-Clause
// Items are made and removed through descriptors of their folders (openat), never following a symbolic link: whoever
// may write in the directory cannot lead us out of it. Every file is synced when it is closed, then the item, then
// tmp/; renaming is followed by a sync of new/ and tmp/. So at each moment a loss of power leaves one of the states
// that deliver_item_publish knows.
#include "mta/deliver_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mta/content_file_internal.h"

enum { READABLE = 64, DIGEST_OCTETS = 16 }; // of a name: characters in front, octets of the digest behind

static int open_folder(int at, const char *name) {
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int make_folder(int at, const char *name) {
    if (mkdirat(at, name, 0770) == 0)
        return at != AT_FDCWD && fsync(at) < 0 ? ERR_SYSTEM : ERR_OK;
    return errno == EEXIST ? ERR_OK : content_error(errno);
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int deliver_item_name(char out[DELIVER_NAME], const char *mts_id, const char *recipient) {
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    uint8_t digest[CONTENT_SUM];
    struct digest *sum = digest_new();
    int err = sum == NULL ? ERR_NOMEM : ERR_OK;
    if (err == ERR_OK && (digest_add(sum, bytes_of(mts_id, strlen(mts_id) + 1)) < 0 ||
                          digest_add(sum, bytes_str(recipient)) < 0 || digest_end(sum, digest) < 0))
        err = ERR_NOMEM;
    digest_free(sum);
    if (err < 0)
        return err;
    size_t n = 0;
    for (const char *c = mts_id; *c != 0 && n < READABLE; c++) {
        bool good = strchr(safe, *c) != NULL && (*c != '.' || n > 0);
        if (good)
            out[n++] = *c;
        else if (n > 0 && out[n - 1] != '_') // "/C=GB;/A=X" does not become a row of underlines
            out[n++] = '_';
    }
    if (n > 0 && out[n - 1] != '_')
        out[n++] = '_';
    for (size_t i = 0; i < DIGEST_OCTETS; i++)
        n += (size_t)snprintf(out + n, DELIVER_NAME - n, "%02x", digest[i]);
    return ERR_OK;
}

// A folder's or a file's name that stays where it is put.
static bool name_ok(const char *name) {
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (const char *c = name; *c != 0; c++)
        if (*c == '/' || (unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return true;
}

// --- removing ---

// Removes the folder `name` and the files in it; an item has no folders of its own.
static int remove_item(int tmp, const char *name) {
    int fd = open_folder(tmp, name);
    if (fd < 0)
        return errno == ENOENT ? ERR_OK : unlinkat(tmp, name, 0) == 0 ? ERR_OK : ERR_SYSTEM;
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        close(fd);
        return ERR_NOMEM;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    return unlinkat(tmp, name, AT_REMOVEDIR) == 0 ? ERR_OK : ERR_SYSTEM;
}

static void close_item(struct deliver_item *it) {
    close_fd(&it->file);
    close_fd(&it->self);
    close_fd(&it->tmp);
    close_fd(&it->dir);
}

void deliver_item_discard(struct deliver_item *it) {
    int e = errno;
    if (it->tmp >= 0)
        remove_item(it->tmp, it->name);
    close_item(it);
    errno = e;
}

// --- writing ---

static int begin(struct deliver_item *it, const char *dir) {
    int err = make_folder(AT_FDCWD, dir);
    if (err < 0)
        return err;
    it->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (it->dir < 0)
        return ERR_SYSTEM;
    if ((err = make_folder(it->dir, "tmp")) < 0 || (err = make_folder(it->dir, "new")) < 0)
        return err;
    char path[sizeof "new/" + DELIVER_NAME] = "new/";
    strcat(path, it->name);
    if (faccessat(it->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return ERR_EXISTS;
    it->tmp = open_folder(it->dir, "tmp");
    if (it->tmp < 0)
        return ERR_SYSTEM;
    if ((err = remove_item(it->tmp, it->name)) < 0)
        return err;
    if (mkdirat(it->tmp, it->name, 0770) < 0)
        return content_error(errno);
    it->self = open_folder(it->tmp, it->name);
    return it->self < 0 ? ERR_SYSTEM : ERR_OK;
}

int deliver_item_begin(struct deliver_item *it, const char *dir, const char *name) {
    *it = (struct deliver_item){.dir = -1, .tmp = -1, .self = -1, .file = -1};
    if (!name_ok(name) || strlen(name) >= DELIVER_NAME)
        return ERR_SYNTAX;
    strcpy(it->name, name);
    int err = begin(it, dir);
    if (err < 0)
        deliver_item_discard(it);
    return err;
}

int deliver_item_file_open(struct deliver_item *it, const char *name) {
    if (!name_ok(name))
        return ERR_SYNTAX;
    if (it->file >= 0 || it->self < 0)
        return ERR_STATE;
    it->file = openat(it->self, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (it->file >= 0)
        return ERR_OK;
    return errno == EEXIST ? ERR_EXISTS : content_error(errno);
}

int deliver_item_file_write(struct deliver_item *it, struct bytes b) {
    return it->file < 0 ? ERR_STATE : content_write_all(it->file, b.p, b.n);
}

int deliver_item_file_close(struct deliver_item *it) {
    if (it->file < 0)
        return ERR_STATE;
    int err = fsync(it->file) < 0 ? content_error(errno) : ERR_OK;
    close_fd(&it->file);
    return err;
}

int deliver_item_sync(struct deliver_item *it) {
    if (it->file >= 0 || it->self < 0)
        return ERR_STATE;
    if (fsync(it->self) < 0 || fsync(it->tmp) < 0)
        return content_error(errno);
    close_item(it);
    return ERR_OK;
}

// --- with the intent committed ---

static int publish(int tmp, int new, const char *name) {
    // ENOENT: a rename before the restart; its item is in new/, or already taken out of it.
    if (renameat(tmp, name, new, name) < 0 && errno != ENOENT)
        return errno == EEXIST || errno == ENOTEMPTY ? ERR_EXISTS : content_error(errno);
    return fsync(new) == 0 && fsync(tmp) == 0 ? ERR_OK : ERR_SYSTEM;
}

int deliver_item_publish(const char *dir, const char *name) {
    if (!name_ok(name) || strlen(name) >= DELIVER_NAME)
        return ERR_SYNTAX;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int tmp = fd < 0 ? -1 : open_folder(fd, "tmp"), new = tmp < 0 ? -1 : open_folder(fd, "new");
    int err = new < 0 ? ERR_SYSTEM : publish(tmp, new, name), e = errno;
    close_fd(&new);
    close_fd(&tmp);
    close_fd(&fd);
    errno = e;
    return err;
}

int deliver_dir_clean(const char *dir, bool (*keep)(void *arg, const char *name), void *arg) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int tmp = fd < 0 ? -1 : open_folder(fd, "tmp");
    int e = errno;
    close_fd(&fd);
    if (tmp < 0)
        return e == ENOENT ? 0 : ERR_SYSTEM;
    DIR *d = fdopendir(tmp);
    if (d == NULL) {
        close(tmp);
        return ERR_NOMEM;
    }
    int removed = 0;
    for (struct dirent *x; (x = readdir(d)) != NULL;)
        if (x->d_name[0] != '.' && !keep(arg, x->d_name) && remove_item(dirfd(d), x->d_name) == ERR_OK)
            removed++;
    closedir(d);
    return removed;
}

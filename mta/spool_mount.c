// SPDX-License-Identifier: BSD-2-Clause
#include "mta/spool_mount.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MOUNTINFO_MAX = 16 << 20 };

// By name, as the kernel and /proc/self/mountinfo call them.
static const char *const network_types[] = {
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs",
    "panfs", "pvfs2", "smb3", "smbfs", "wekafs",
    // folders of the host of a virtual machine: their locks are the guest's own
    "prl_fs", "vboxsf", "virtiofs", "vmhgfs", "fuse.vmhgfs-fuse",
    // through FUSE
    "fuse.blobfuse", "fuse.blobfuse2", "fuse.ceph", "fuse.ceph-fuse", "fuse.curlftpfs", "fuse.davfs", "fuse.gcsfuse",
    "fuse.glusterfs", "fuse.goofys", "fuse.gvfsd-fuse", "fuse.juicefs", "fuse.lizardfs", "fuse.mfs", "fuse.moosefs",
    "fuse.mount-s3", "fuse.nfs", "fuse.quobyte", "fuse.rclone", "fuse.s3fs", "fuse.seaweedfs", "fuse.smbnetfs",
    "fuse.sshfs"};

// By statfs(2), where /proc is not mounted: magic numbers of <linux/magic.h>, and of Lustre, BeeGFS and VirtualBox.
static const struct {
    unsigned long magic;
    const char *type;
} network_magics[] = {{0x6969, "nfs"},       {0x517B, "smbfs"},    {0xFF534D42, "cifs"},   {0xFE534D42, "smb3"},
                      {0x01021997, "9p"},    {0x00C36400, "ceph"}, {0x5346414F, "afs"},    {0x6B414653, "afs"},
                      {0x73757245, "coda"},  {0x564C, "ncpfs"},    {0x0BD00BD0, "lustre"}, {0x19830326, "beegfs"},
                      {0x786F4256, "vboxsf"}};

bool spool_mount_is_network(const char *type) {
    for (size_t k = 0; k < sizeof network_types / sizeof *network_types; k++)
        if (strcmp(type, network_types[k]) == 0)
            return true;
    return false;
}

// ---- mountinfo ----

// A field up to the next blank; *at goes behind it. Blanks, tabs, line ends and backslashes come as \ooo.
static size_t field(struct bytes line, size_t *at, char *out, size_t cap) {
    size_t n = 0;
    while (*at < line.n && line.p[*at] == ' ')
        ++*at;
    while (*at < line.n && line.p[*at] != ' ') {
        const uint8_t *c = line.p + *at;
        bool octal = c[0] == '\\' && line.n - *at >= 4 && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' && c[2] <= '7' &&
                     c[3] >= '0' && c[3] <= '7';
        int one = octal ? (c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0') : c[0];
        *at += octal ? 4 : 1;
        if (n + 1 < cap)
            out[n++] = (char)one;
    }
    out[n] = 0;
    return n;
}

// Whether the path is the mount point or below it: "/srv" has "/srv/x", and not "/srvx".
static bool has(const char *point, size_t n, const char *path) {
    if (n == 1)
        return point[0] == '/';
    return strncmp(point, path, n) == 0 && (path[n] == 0 || path[n] == '/');
}

// "36 35 98:0 /root /point options optional... - type source options": the number of optional fields varies.
static bool read_line(struct bytes line, char point[PATH_MAX], size_t *n, char type[MOUNT_TYPE]) {
    char skipped[16];
    size_t at = 0;
    for (int k = 0; k < 4; k++)
        if (field(line, &at, skipped, sizeof skipped) == 0)
            return false;
    *n = field(line, &at, point, PATH_MAX);
    do
        if (field(line, &at, skipped, sizeof skipped) == 0)
            return false;
    while (strcmp(skipped, "-") != 0);
    return *n > 0 && field(line, &at, type, MOUNT_TYPE) > 0;
}

bool spool_mount_find(struct bytes text, const char *path, char type[MOUNT_TYPE], char point[MOUNT_POINT]) {
    size_t longest = 0;
    for (size_t at = 0; at < text.n;) {
        const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
        size_t length = end == NULL ? text.n - at : (size_t)(end - (text.p + at)), n;
        char mounted[PATH_MAX], kind[MOUNT_TYPE];
        if (read_line(bytes_of(text.p + at, length), mounted, &n, kind) && n >= longest && has(mounted, n, path)) {
            longest = n;
            memcpy(type, kind, sizeof kind);
            snprintf(point, MOUNT_POINT, "%.*s", MOUNT_POINT - 1, mounted);
        }
        at += length + 1;
    }
    return longest > 0;
}

static bool by_mountinfo(int dir, char type[MOUNT_TYPE], char point[MOUNT_POINT]) {
    char link[40], path[PATH_MAX];
    struct buf text = {0};
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    ssize_t n = readlink(link, path, sizeof path - 1);
    int fd = n <= 0 ? -1 : open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    path[n] = 0;
    char piece[16384];
    while ((n = read(fd, piece, sizeof piece)) > 0 && text.len < MOUNTINFO_MAX)
        if (buf_append(&text, piece, (size_t)n) != ERR_OK)
            break;
    close(fd);
    bool found = spool_mount_find(buf_bytes(&text), path, type, point);
    buf_free(&text);
    return found;
}

bool spool_mount_allowed(int dir, char type[MOUNT_TYPE], char point[MOUNT_POINT]) {
    struct statfs fs;
    type[0] = point[0] = 0;
    if (by_mountinfo(dir, type, point) && spool_mount_is_network(type))
        return false;
    if (fstatfs(dir, &fs) < 0)
        return true; // what cannot be asked cannot be locked either
    for (size_t k = 0; k < sizeof network_magics / sizeof *network_magics; k++)
        if ((unsigned long)fs.f_type == network_magics[k].magic) {
            snprintf(type, MOUNT_TYPE, "%s", network_magics[k].type);
            return false;
        }
    return true;
}

// SPDX-License-Identifier: BSD-2-Clause
// Delivery into a directory, exactly once. An item is a folder, written in `tmp/NAME/`, synced, and only when the spool
// has committed the intent (spool_batch_intent) renamed to `new/NAME/`. Whoever reads the directory takes items out of
// new/.
//
//   file thread                                   commit thread
//   deliver_item_begin, _file_*, _sync      →     spool_batch_intent
//   deliver_item_publish                    →     spool_batch_delivered and the recipient's state
//
// After a restart every intent of the spool is given to deliver_item_publish again: an item still in tmp/ is renamed,
// one no longer there was delivered. What else is in tmp/ was never committed: deliver_dir_clean removes it, the
// recipient is delivered anew.
//
// All functions block and belong to the file thread (or to the start, before the loop runs).
#ifndef MTA_DELIVER_DIR_H
#define MTA_DELIVER_DIR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "mta/content_file.h"

enum { DELIVER_NAME = 128 };

// The item's name: made of the MTS identifier and the recipient, readable in front and with a digest behind: the same
// for the same delivery, different for any other, safe as a file name. ERR_NOMEM.
int deliver_item_name(char out[DELIVER_NAME], const char *mts_id, const char *recipient);

struct deliver_item {
    char name[DELIVER_NAME];
    int dir, tmp, self; // descriptors: the directory, its tmp/, the item; -1: none
    int file;           // the file being written
};

// Makes dir (mode 0770), tmp/ and new/ where absent, and an empty item; what an earlier attempt left in tmp/ is
// removed. ERR_EXISTS: new/ has it already. ERR_SYSTEM: errno; then as after deliver_item_discard.
int deliver_item_begin(struct deliver_item *it, const char *dir, const char *name);
// One file at a time. A name is refused with ERR_SYNTAX when it is "", ".", "..", longer than 255 octets or has a '/'
// or control octets in it, with ERR_EXISTS when the item has it already.
int deliver_item_file_open(struct deliver_item *it, const char *name);
int deliver_item_file_write(struct deliver_item *it, struct bytes b);
int deliver_item_file_close(struct deliver_item *it); // synced
// The item and tmp/ are synced and closed: next is the intent.
int deliver_item_sync(struct deliver_item *it);
void deliver_item_discard(struct deliver_item *it); // removes it; after any failure before the intent

// With the intent committed; may be repeated. 0: the item is, or was, in new/.
int deliver_item_publish(const char *dir, const char *name);
// Removes the items in tmp/ that `keep` does not know. The number of removed ones, or an error.
int deliver_dir_clean(const char *dir, bool (*keep)(void *arg, const char *name), void *arg);

#endif

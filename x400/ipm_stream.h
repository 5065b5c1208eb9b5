// SPDX-License-Identifier: BSD-2-Clause
// Interpersonal messages in pieces, so that an attachment of any size costs no memory: the writer gives the octets of a
// P22 content whose exact length is known beforehand, the reader takes those of a P22 or P2 content in any pieces.
//
// Written are definite lengths. A text becomes an IA5 text body part when it is ASCII, general text with the registered
// sets of one part of ISO 8859 where that suffices, and else a UTF-8 file-transfer body part; a file becomes a
// file-transfer body part of unstructured binary (the default contents type) with its name, date and size.
// Read are these, teletex, forwarded messages and everything else as octets for a file of their own.
#ifndef X400_IPM_STREAM_H
#define X400_IPM_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "x400/ipm.h"

// ---- writing ----

// One body part to send. Text is given in memory; a file is read while it is written.
struct ipm_part_out {
    bool is_text;
    struct bytes text;     // UTF-8, lines end in LF or CRLF (sent as CRLF)
    const char *file_name; // UTF-8; a file, required; of a text that needs the file-transfer form: NULL is "body.txt"
    uint64_t size;         // octets that read will give
    int64_t modified;      // seconds since 1970 UTC, 0: not told
    // Up to n octets to out; returns how many, 0 at the end, less than 0 to stop with that error.
    ptrdiff_t (*read)(void *ctx, uint8_t *out, size_t n);
    void *ctx;
};

// Encoded information types of the content for the envelope, in the form of struct p1_eits: built-in bits as 1 << bit
// (2 ia5-text, 3 g3-facsimile, 5 teletex, ...), the others as contents of object identifiers.
enum { IPM_EIT_IA5_TEXT = 1 << 2, IPM_EITS_MAX = 16 };
struct ipm_eits {
    uint32_t built_in;
    struct bytes external[IPM_EITS_MAX];
    size_t n_external;
};

struct ipm_writer;
// heading and parts are used during the call only, but file parts' read and ctx are called until the end of the
// content. ERR_SYNTAX: text that is not UTF-8, or a heading that the standard does not allow; ERR_NOMEM; ERR_LIMIT.
int ipm_writer_new(struct ipm_writer **w, const struct ipm_heading *heading, const struct ipm_part_out *parts,
                   size_t n_parts);
void ipm_writer_free(struct ipm_writer *w); // NULL is allowed
uint64_t ipm_writer_length(const struct ipm_writer *w);
const struct ipm_eits *ipm_writer_eits(const struct ipm_writer *w);
// The next octets, at most cap; *n is 0 at the end of the content only. ERR_SHORT: a file had fewer octets than said;
// ERR_LIMIT: more; or what read returned. After an error the content cannot be continued.
int ipm_writer_read(struct ipm_writer *w, uint8_t *out, size_t cap, size_t *n);

// ---- reading ----

enum ipm_part_kind {
    IPM_PART_IA5_TEXT,
    IPM_PART_TELETEX,
    IPM_PART_GENERAL_TEXT,
    IPM_PART_FILE,      // file transfer; is_text when it says that it is UTF-8 text
    IPM_PART_MESSAGE,   // forwarded: its heading and parts follow, one level down
    IPM_PART_BILATERAL, // bilaterally defined: the octets
    IPM_PART_OPAQUE,    // everything else: see octets_are_ber
};

// What is known of a part before its data.
struct ipm_part {
    enum ipm_part_kind kind;
    const char *number;    // "2", "3.1" within a forwarded message
    unsigned level;        // 0: a part of the message itself
    bool is_text;          // data pieces are UTF-8, never cut within a character
    bool octets_are_ber;   // the data are an encoding, header and all, for want of something better to store
    const char *type_name; // "g3-facsimile", "general-text", ... for people
    const char *oid;       // dotted, of an externally defined part; NULL: a basic one
    const char *file_name; // as the sender gave it, in UTF-8; NULL: none. For a name to create see ipm_safe_filename
    const char *fallback_name; // such a name without the sender's help: "part-2.g3fax.ber", "body-1.txt"
    const char *description;   // a user visible string or the like; NULL: none
    int64_t size;              // object-size as the sender says; -1: not told
    int64_t modified;          // seconds since 1970 UTC; 0: not told
    int64_t delivery_time;     // of a forwarded message; 0: not told
    const char *delivery_text; // its delivery envelope for people; NULL: none
};

// Callbacks in the order of the content. One that returns less than 0 stops the reader with that result. What they are
// given is valid until they return, except that everything in a heading stays until the next heading. NULL: not wanted.
struct ipm_reader_user {
    int (*heading)(void *ctx, const char *number, unsigned level, const struct ipm_heading *h); // number "" at level 0
    int (*part_begin)(void *ctx, const struct ipm_part *part);
    int (*part_data)(void *ctx, const struct ipm_part *part, struct bytes piece);
    // warnings: how many characters or octets could not be read as what they claim to be (they were shown, not dropped)
    int (*part_end)(void *ctx, const struct ipm_part *part, uint64_t warnings);
    int (*notification)(void *ctx, const struct ipm_notification *n);
};

struct ipm_limits {
    unsigned forwarded_depth; // levels of forwarded messages that are opened, deeper ones are opaque; 0: 8
    size_t collect;           // octets of one heading or one part's parameters; 0: 8 MB
    unsigned parts;           // in all; 0: 1,000
    bool keep_basic;          // basic body parts other than forwarded messages come as they are encoded
};

struct ipm_reader;
// limits NULL: the defaults. NULL: memory is short.
struct ipm_reader *ipm_reader_new(const struct ipm_reader_user *user, void *ctx, const struct ipm_limits *limits);
void ipm_reader_free(struct ipm_reader *r); // NULL is allowed
// ERR_SYNTAX: no interpersonal message, or octets behind it; ERR_LIMIT; ERR_NOMEM; or what a callback returned. Sticky.
int ipm_reader_feed(struct ipm_reader *r, struct bytes piece);
int ipm_reader_end(struct ipm_reader *r); // ERR_SHORT: the content was not complete

#endif

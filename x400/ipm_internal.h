// SPDX-License-Identifier: BSD-2-Clause
// What the files of the interpersonal messages share among themselves; nobody else includes it.
#ifndef X400_IPM_INTERNAL_H
#define X400_IPM_INTERNAL_H

#include "asn1/tlv.h"
#include "x400/ipm.h"
#include "x400/ipm_stream.h"

// Object identifiers, dotted (X.420 06/1999, IPMSObjectIdentifiers).
#define IPM_OID_ET "2.6.1.4."  // extended body part types
#define IPM_OID_EP "2.6.1.11." // and their parameters
#define IPM_OID_HEX "2.6.1.5." // heading extensions
#define IPM_OID_ET_IA5_TEXT IPM_OID_ET "0"
#define IPM_OID_ET_TELETEX IPM_OID_ET "4"
#define IPM_OID_ET_MESSAGE IPM_OID_ET "7"
#define IPM_OID_ET_BILATERAL IPM_OID_ET "9"
#define IPM_OID_ET_GENERAL_TEXT IPM_OID_ET "11"
#define IPM_OID_ET_FILE_TRANSFER IPM_OID_ET "12"
#define IPM_OID_ET_CONTENT_P2 IPM_OID_ET "17.2.6.1.10.0"
#define IPM_OID_ET_CONTENT_P22 IPM_OID_ET "17.2.6.1.10.1"
#define IPM_OID_EP_GENERAL_TEXT IPM_OID_EP "11"
#define IPM_OID_EP_FILE_TRANSFER IPM_OID_EP "12"
#define IPM_OID_HEX_INCOMPLETE_COPY IPM_OID_HEX "0"
#define IPM_OID_HEX_LANGUAGES IPM_OID_HEX "1"
#define IPM_OID_HEX_AUTO_SUBMITTED IPM_OID_HEX "2"
#define IPM_OID_HEX_EXTENDED_SUBJECT IPM_OID_HEX "8"
#define IPM_OID_EIT_FILE_TRANSFER "2.6.1.12.0"
#define IPM_OID_EIT_CHARSET "1.0.10021.7.1.0."     // followed by a registration number
#define IPM_OID_UNSTRUCTURED_BINARY "1.0.8571.2.4" // the abstract syntax of FTAM's unstructured binary file

// The user visible string by which our writer and reader know a file-transfer body part that is a text.
#define IPM_TEXT_MARK "text/plain; charset=utf-8"

// ---- text: octets of a peer to UTF-8 in pieces (ipm_text.c) ----

enum ipm_repertoire { IPM_REP_IA5, IPM_REP_T61, IPM_REP_ISO2022, IPM_REP_UTF8 };

struct ipm_text {
    enum ipm_repertoire repertoire;
    uint16_t g[4];        // registration of the sets G0 to G3; 0: none
    bool g96[4];          // a set of 96 characters
    uint8_t gl, gr;       // which of them is invoked on the left and the right
    uint8_t single_shift; // 2, 3: the next character only
    bool utf8;            // within ESC % G
    uint8_t held[8];      // the start of a character or an escape sequence
    size_t n_held;
    uint64_t warnings;
};

void ipm_text_init(struct ipm_text *t, enum ipm_repertoire repertoire);
// A set that the parameters of the part announce; used where the text itself designates none.
void ipm_text_registration(struct ipm_text *t, int64_t registration);
// Appends UTF-8, whole characters only. 0 or ERR_NOMEM.
int ipm_text_feed(struct ipm_text *t, struct bytes in, struct buf *out);
int ipm_text_flush(struct ipm_text *t, struct buf *out); // what is still held
// All of a short string in the arena, NUL-terminated; NUL octets within are shown. NULL: memory is short.
const char *ipm_text_string(struct arena *a, enum ipm_repertoire repertoire, struct bytes in);
// Octets of the character at the start of b; 0 when b is empty or does not start with valid UTF-8.
size_t ipm_utf8_length(struct bytes b);

// The form in which text travels.
struct ipm_text_form {
    enum ipm_repertoire repertoire; // IA5, ISO2022 (with one registered right half) or UTF8
    uint16_t registration;          // of the right half; 0: none
};
// The narrowest form that can carry the text, or ERR_SYNTAX when it is not UTF-8.
int ipm_text_choose(struct bytes utf8, struct ipm_text_form *form);
// Appends the text in that form; lines: LF becomes CRLF.
int ipm_text_encode(struct bytes utf8, const struct ipm_text_form *form, bool lines, struct buf *out);
// A GraphicString for a name of any characters.
int ipm_graphic_encode(const char *utf8, struct buf *out);
const char *ipm_graphic_string(struct arena *a, struct bytes in);

// ---- pieces of the heading (ipm.c) ----
int ipm_descriptor_decode(struct arena *a, struct bytes value, struct ipm_descriptor *d);
int ipm_id_decode(struct arena *a, struct bytes value, struct ipm_id *id);
int ipm_utc_time(struct bytes value, int64_t *t);         // UTCTime
int ipm_generalized_time(struct bytes value, int64_t *t); // GeneralizedTime
const char *ipm_oid_string(struct arena *a, struct bytes value);

// ---- parameters of body parts (ipm_bodypart.c); what does not decode is ignored ----
void ipm_part_file_parameters(struct arena *a, struct bytes value, struct ipm_part *part);
void ipm_part_general_parameters(struct bytes value, struct ipm_text *text);
void ipm_part_message_parameters(struct arena *a, struct bytes value, struct ipm_part *part);
// FileTransferParameters appended, for a file or a text.
int ipm_file_parameters_encode(const struct ipm_part_out *part, struct buf *out);

#endif

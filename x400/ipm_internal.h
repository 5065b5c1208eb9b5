// SPDX-License-Identifier: BSD-2-Clause
// What the files of the interpersonal messages share among themselves; nobody else includes it.
#ifndef X400_IPM_INTERNAL_H
#define X400_IPM_INTERNAL_H

#include "asn1/tlv.h"
#include "x400/charset.h"
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

// ---- text ----
// Octets in that set as UTF-8, in the arena, NUL-terminated; NUL octets within become U+FFFD. NULL: memory is short.
const char *ipm_string(struct arena *a, enum charset_kind kind, struct bytes in);

// ---- pieces of the heading (ipm.c) ----
const char *ipm_oid_string(struct arena *a, struct bytes value);

// ---- parameters of body parts (ipm_bodypart.c); what does not decode is ignored ----
enum { IPM_REGISTRATIONS_MAX = 16 };
struct ipm_registrations {
    unsigned set[IPM_REGISTRATIONS_MAX];
    size_t n;
};
void ipm_part_file_parameters(struct arena *a, struct bytes value, struct ipm_part *part);
void ipm_part_general_parameters(struct bytes value, struct ipm_registrations *r);
void ipm_part_message_parameters(struct arena *a, struct bytes value, struct ipm_part *part);
// A whole FileTransferParameters appended, for a file or a text.
int ipm_file_parameters_encode(const struct ipm_part_out *part, uint64_t size, struct buf *out);

#endif

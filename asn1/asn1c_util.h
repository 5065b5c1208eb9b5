// SPDX-License-Identifier: BSD-2-Clause
// Decoding and encoding with the types that asn1c makes from asn1/*.asn ("asn1/gen/Type.h"). Only tests
// include this: the programs are built without it. What a peer sent is walked under limits (tlv_check) before asn1c
// sees it.
#ifndef ASN1_ASN1C_UTIL_H
#define ASN1_ASN1C_UTIL_H

#include "asn1/gen/asn_application.h"
#include "asn1/tlv.h"

// Type descriptors complete themselves at first use, unsafely: call this once before a second thread starts. ERR_NOMEM.
int asn1_init(void);

// Decodes the element at the start of in. *value is to be freed by asn1_free; NULL after an error. used (may be NULL:
// then nothing may follow) gets its octets. ERR_SHORT, ERR_SYNTAX (BER, or not of this type), ERR_LIMIT, ERR_NOMEM.
// limits NULL: the defaults of tlv_check. Bounds and character sets are not checked here: see validate.h.
int asn1_decode(asn_TYPE_descriptor_t *type, struct bytes in, const struct tlv_limits *limits, void **value,
                size_t *used);

// Appends the DER. ERR_NOMEM; ERR_STATE: a mandatory member is missing or a CHOICE is not made. b is unchanged then.
int asn1_encode(asn_TYPE_descriptor_t *type, const void *value, struct buf *b);

void asn1_free(asn_TYPE_descriptor_t *type, void *value); // NULL is allowed

// Strings, ANY, OBJECT IDENTIFIER, INTEGER_t and BIT STRING all have buf and size.
#define ASN1_BYTES(x) bytes_of((x).buf, (size_t)(x).size)
// A copy of v becomes the contents of the string x; what was there is freed. 0 or ERR_NOMEM.
#define ASN1_SET(x, v) asn1_set_contents(&(x).buf, &(x).size, (v))
int asn1_set_contents(uint8_t **buf, int *size, struct bytes v);
// Zeroed memory for a member that the type frees (an OPTIONAL one, an element of a list). NULL: memory is short.
void *asn1_member(size_t size);
// Puts an element at the end of a SEQUENCE OF or SET OF; frees it (with its type) when memory is short: ERR_NOMEM.
int asn1_list_add(void *list, asn_TYPE_descriptor_t *type, void *element);

#endif

# SPDX-License-Identifier: BSD-2-Clause
# libasn1c.a: C made from asn1/*.asn, by asn1c under $(BUILD), or ready in asn1/gen/ when a release archive brought it.
# Only tests link it, as a second opinion of the codecs; the programs are built without asn1c. See docs/asn1c.md.
asn1_APART := asn1/asn1c_util.c
ASN1C_LIB := $(BUILD)/libasn1c.a

ifneq ($(wildcard asn1/gen/sources.mk),)
asn1c_GEN := asn1/gen
else
asn1c_GEN := $(BUILD)/asn1/gen
$(asn1c_GEN)/sources.mk: asn1/generate.sh $(wildcard asn1/*.asn asn1/patches/*.patch)
	$(call SAY,GEN)
	$(Q)asn1/generate.sh $(abspath $(asn1c_GEN))
endif

# For goals that link tests, make makes the list of sources when it is missing or old, and starts again with it.
ifneq ($(filter unit tests check-now check-full-now $(BUILD)/tests/% $(ASN1C_LIB),$(MAKECMDGOALS)),)
include $(asn1c_GEN)/sources.mk
endif
$(ASN1C_LIB): $(asn1_GEN_NAMES:%=$(BUILD)/asn1/gen/%.o) $(BUILD)/asn1/asn1c_util.o

# It is included as "asn1/gen/Type.h", and compiled without warnings and cheaply: no user's message passes through it.
$(BUILD)/asn1/gen/%.o: $(asn1c_GEN)/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -O1 -w -MMD -MP -c -o $@ $<
$(BUILD)/asn1/asn1c_util.o: $(asn1c_GEN)/sources.mk

# make asn1-gen [ASN1_GEN_OUT=folder]: the generated C alone, for a release archive (into its asn1/gen).
ASN1_GEN_OUT ?= $(BUILD)/asn1/gen
.PHONY: asn1-gen
asn1-gen:
	asn1/generate.sh $(abspath $(ASN1_GEN_OUT))

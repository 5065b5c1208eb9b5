# SPDX-License-Identifier: BSD-2-Clause
# C made from asn1/*.asn: by asn1c under $(BUILD), or ready in asn1/gen/ when a release archive brought it.
# It is included as "asn1/gen/Type.h" and compiled without warnings. See docs/asn1c.md.
ifneq ($(wildcard asn1/gen/sources.mk),)
asn1_GEN := asn1/gen
else
asn1_GEN := $(BUILD)/asn1/gen
endif

# make makes the list of sources when it is missing or old, and starts again with it.
ifneq ($(filter-out clean help lint,$(or $(MAKECMDGOALS),all)),)
include $(asn1_GEN)/sources.mk
endif

ifneq ($(asn1_GEN),asn1/gen)
$(asn1_GEN)/sources.mk: asn1/generate.sh $(wildcard asn1/*.asn asn1/patches/*.patch)
	asn1/generate.sh $(abspath $(asn1_GEN))
endif

asn1_GEN_OBJS := $(asn1_GEN_NAMES:%=$(BUILD)/asn1/gen/%.o)

$(BUILD)/asn1/gen/%.o: $(asn1_GEN)/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -w -MMD -MP -c -o $@ $<

# make asn1-gen [ASN1_GEN_OUT=folder]: the generated C alone, for a release archive (into its asn1/gen).
ASN1_GEN_OUT ?= $(BUILD)/asn1/gen
.PHONY: asn1-gen
asn1-gen:
	asn1/generate.sh $(abspath $(ASN1_GEN_OUT))

# Our side of tests/asn1-erlang.sh.
$(BUILD)/tests/asn1-erlang: tests/asn1-erlang.c $(BUILD)/libasn1.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(CC) $(OUR_CFLAGS) -o $@ $^

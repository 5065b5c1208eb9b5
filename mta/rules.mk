# SPDX-License-Identifier: BSD-2-Clause
mta_APART := mta/main.c

all: $(BUILD)/x400d
$(BUILD)/x400d: $(BUILD)/mta/main.o $(LIBS_OF_mta)
	$(call SAY,LD)
	$(Q)$(CC) $(OUR_CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# make docs: the page about events, made of the one table that the daemon uses.
mta_APART += mta/events_doc.c
.PHONY: docs
docs: docs/events.md
docs/events.md: $(BUILD)/events-doc
	$(call SAY,DOC)
	$(Q)$< >$@
$(BUILD)/events-doc: $(BUILD)/mta/events_doc.o $(BUILD)/mta/events.o $(BUILD)/libbase.a
	$(call SAY,LD)
	$(Q)$(CC) $(OUR_CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# SPDX-License-Identifier: BSD-2-Clause
# The command x400, of every room but mta. It is under bin/, since $(BUILD)/x400 holds the objects of that room.
cli_APART := cli/main.c

$(BUILD)/bin/x400: $(BUILD)/cli/main.o $(LIBS_OF_cli)
	$(call SAY,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OUR_CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(LIBS_OF_cli) -Wl,--end-group $(PKG_LIBS)

all: $(BUILD)/bin/x400

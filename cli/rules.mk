# SPDX-License-Identifier: BSD-2-Clause
# The command x400, of every room but mta. It is under bin/, since $(BUILD)/x400 is the objects of that room.
cli_MAINS := cli/main.c

$(BUILD)/bin/x400: $(BUILD)/cli/main.o $(foreach r,cli assoc conf x400 rfc1006 asn1 base,$(BUILD)/lib$(r).a)
	@mkdir -p $(@D)
	$(CC) $(OUR_CFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(PKG_LIBS)

all: $(BUILD)/bin/x400
-include $(BUILD)/cli/main.d

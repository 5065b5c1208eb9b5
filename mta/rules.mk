# SPDX-License-Identifier: BSD-2-Clause
mta_APART := mta/main.c

#all: $(BUILD)/x400d
$(BUILD)/x400d: $(BUILD)/mta/main.o $(LIBS_OF_mta)
	$(CC) $(OUR_CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

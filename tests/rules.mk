# SPDX-License-Identifier: BSD-2-Clause
# Unit tests: each tests/unit/<room>_<subject>_test.c is one cmocka program linked with the rooms.
TEST_SRCS := $(wildcard tests/unit/*_test.c)
TEST_BINS := $(TEST_SRCS:tests/unit/%.c=$(BUILD)/tests/%)

# Test programs may use the generated ASN.1 types, hence the extra include path.
$(BUILD)/tests/%: tests/unit/%.c $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(OUR_CFLAGS) -MMD -MP -MF $@.d -o $@ $< -Wl,--start-group $(LIBS) -Wl,--end-group $(PKG_LIBS) -lcmocka

# make unit [ONLY=pattern]: build and run the unit tests, stop at the first failing program.
ONLY ?= %
UNIT := $(filter $(BUILD)/tests/$(ONLY),$(TEST_BINS))
.PHONY: unit lint
unit: $(UNIT)
	@set -e; for t in $(UNIT); do $$t; done

lint:
	@tests/lint.sh

-include $(TEST_BINS:=.d)

# SPDX-License-Identifier: BSD-2-Clause
# Unit tests: each tests/unit/<room>_<subject>_test.c is one cmocka program linked with the rooms.
TEST_SRCS := $(wildcard tests/unit/*_test.c)
TEST_BINS := $(TEST_SRCS:tests/unit/%.c=$(BUILD)/tests/%)

# They may use the types that asn1c makes.
$(BUILD)/tests/%: tests/unit/%.c $(LIBS) $(ASN1C_LIB)
	$(call SAY,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OUR_CFLAGS) -MMD -MP -MF $@.d -o $@ $< \
		-Wl,--start-group $(LIBS) $(ASN1C_LIB) -Wl,--end-group $(PKG_LIBS) -lcmocka

# The two sides that tests/asn1-erlang.sh compares with Erlang: asn1c's codecs and ours.
ERLANG_BINS := $(BUILD)/tests/erlang/asn1c $(BUILD)/tests/erlang/codecs
$(ERLANG_BINS): $(BUILD)/tests/%: tests/%.c $(LIBS) $(ASN1C_LIB)
	$(call SAY,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OUR_CFLAGS) -MMD -MP -MF $@.d -o $@ $< -Wl,--start-group $(LIBS) $(ASN1C_LIB) -Wl,--end-group $(PKG_LIBS)

.PHONY: tests unit lint check check-now check-full check-full-now
tests: all $(TEST_BINS) $(ERLANG_BINS)

# make unit [ONLY=pattern]: build and run the unit tests.
ONLY ?= %
UNIT := $(filter $(BUILD)/tests/$(ONLY),$(TEST_BINS))
RUN := BUILD=$(BUILD) tests/run
unit: $(UNIT)
	@$(RUN) $(UNIT)

lint:
	@tests/lint.sh

# make check: first the packages, then make again, which now finds them.
check: deps-check
	@$(MAKE) --no-print-directory check-now

# Every entry is a command that says how it went in a way that tests/run knows.
CHECKS := $(TEST_BINS) tests/lint.sh 'tests/ipm-tshark.sh $(BUILD)/tests/x400_ipm_sample_test' tests/p1-tshark.sh \
	tests/demo-tshark.py	'python3 tests/e2e/run.py' 'tests/asn1-erlang.sh asn1c 5' 'tests/asn1-erlang.sh codecs 10' 'mandoc -T lint -W warning $(wildcard docs/*.[158])'
check-now: tests
	@$(RUN) $(CHECKS)

-include $(TEST_BINS:=.d) $(ERLANG_BINS:=.d)

# make e2e [E2E="NAME ..."] [COUNT=10]: only the tests with real daemons.
.PHONY: e2e
e2e: all
	BUILD=$(BUILD) python3 tests/e2e/run.py --count $(or $(COUNT),3) $(E2E)

# make bench [MB=100] [MESSAGES=1000]: a table of speeds, each beside what the machine gives a plain program.
.PHONY: bench
bench: all
	@BUILD=$(BUILD) python3 tests/bench/run.py --mb $(or $(MB),100) --messages $(or $(MESSAGES),1000)

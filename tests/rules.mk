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

.PHONY: tests unit lint check check-now check-full check-full-now tests-sanitized
tests: all $(TEST_BINS) $(ERLANG_BINS)

# make unit [ONLY=pattern]: build and run the unit tests.
ONLY ?= %
UNIT := $(filter $(BUILD)/tests/$(ONLY),$(TEST_BINS))
RUN := BUILD=$(BUILD) tests/run
unit: $(UNIT)
	@$(if $(UNIT),$(RUN) $(UNIT),echo 'no unit test is called $(ONLY)' >&2; exit 1)

lint:
	@tests/lint.sh

# make check: first the packages, then make again, which now finds them.
check: deps-check
	@$(MAKE) --no-print-directory check-now

# Every entry is a command that says how it went in a way that tests/run knows; the long ones first.
CHECKS = 'python3 tests/e2e/run.py -j 2' \
	'tests/asn1-erlang.sh asn1c 5' 'tests/asn1-erlang.sh codecs 10' \
	tests/demo-tshark.py tests/modes-tshark.py tests/x410-oracles.py tests/dump-tshark.py tests/p1-tshark.sh \
	'tests/ipm-tshark.sh $(BUILD)/tests/x400_ipm_sample_test' \
	'interop/self --short --mode normal --dialogue monologue' \
	tests/lint.sh 'mandoc -T lint -W warning $(wildcard docs/*.[158])' $(TEST_BINS)
check-now: tests
	@$(RUN) $(CHECKS)

# make check-full [TIER="name ..."] [COUNT=n]: what takes longer. COUNT is that of rounds and values.
#   sanitize      unit tests, and daemons end to end, with AddressSanitizer and UndefinedBehaviorSanitizer
#   hostile       peers that hang in every layer; cut and damaged transfers, COUNT (25) times 40 seeds
#   crash         kill -9 in the middle of transfers, 10 rounds; of a receiver at every checkpoint (COUNT: at so many)
#   differential  codecs against Erlang's, 100 values of each type
#   net           real network hosts in namespaces: addresses, names, packet filters; needs root
#   failover      two nodes, one spool, one address: moved in mid-transfer and killed during COUNT (1,000) messages each way
#   engines       Pacemaker with Corosync, and keepalived, move an address between two nodes; needs root and their packages
#   matrix        every way to say where a clustered MTA is, before and after its address moved; needs root
#   storm         an address that flaps, names that change, a peer that never answers: the others do not feel it; needs root
#   property      two stacks on a link that delays, splits, merges and cuts: 10,000 seeds
#   interop       the campaign of interop/ against our own daemon, in every mode and dialogue
#   package       the Debian package, installed, upgraded and removed on a copy of the machine; needs root. Cluster agents
#   fuzz          each fuzz target 60 s, or COUNT
#   release       the release archive: reproducible, and built and tested without asn1c
TIERS := sanitize hostile crash differential property interop net failover engines matrix storm package fuzz release
TIER ?= $(TIERS)
ifneq ($(filter-out $(TIERS),$(TIER)),)
$(error there is no tier $(filter-out $(TIERS),$(TIER)); there are: $(TIERS))
endif
SANITIZED := $(BUILD)-sanitize
RUN_sanitize = $(TEST_BINS:$(BUILD)/%=$(SANITIZED)/%) \
	'env BUILD=$(SANITIZED) E2E_SLOW=2 E2E_NO_MEMORY=1 python3 tests/e2e/run.py --count $(or $(COUNT),3)'
RUN_hostile = 'python3 tests/e2e/run.py --count $(or $(COUNT),25) hang hostile'
RUN_crash = 'python3 tests/e2e/run.py --count $(or $(COUNT),10) crash'
RUN_differential = 'tests/asn1-erlang.sh asn1c $(or $(COUNT),100)' 'tests/asn1-erlang.sh codecs $(or $(COUNT),100)'
RUN_property = 'env X400D_LINK_SEEDS=$(or $(COUNT),10000) $(BUILD)/tests/rfc1006_stack_link_test'
RUN_interop = interop/self
RUN_net = 'env BUILD=$(BUILD) python3 tests/net/run.py -j 4 $(NET)'
RUN_failover = 'env BUILD=$(BUILD) python3 tests/net/run.py -j 2 --count $(or $(COUNT),1000) failover'
RUN_engines = 'env BUILD=$(BUILD) python3 tests/net/run.py -j 2 engines'
RUN_matrix = 'env BUILD=$(BUILD) python3 tests/net/run.py -j 4 matrix'
RUN_storm = 'env BUILD=$(BUILD) python3 tests/net/run.py storm'
RUN_package = tests/packaging/deb.sh tests/packaging/cluster.py \
	'shellcheck packaging/install-deps packaging/deb/build $(wildcard packaging/deb/p*) $(wildcard packaging/cluster/*)'
FUZZ_RUNS = $(FUZZ:%='env BUILD=$(FUZZED) tests/fuzz/run % $(1)')
RUN_fuzz = $(call FUZZ_RUNS,$(or $(COUNT),60))
RUN_release = tests/release.sh

check-full: deps-full
	@$(MAKE) --no-print-directory check-full-now
check-full-now: tests $(filter tests-sanitized fuzz-build,$(TIER:sanitize=tests-sanitized) $(TIER:fuzz=fuzz-build))
	@$(RUN) -t 3600 $(foreach t,$(TIER),$(RUN_$(t)))
tests-sanitized:
	@$(MAKE) --no-print-directory BUILD=$(SANITIZED) tests \
		CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all'

-include $(TEST_BINS:=.d) $(ERLANG_BINS:=.d)

# make e2e [E2E="NAME ..."] [COUNT=10]: only the tests with real daemons.
.PHONY: e2e
e2e: all
	BUILD=$(BUILD) python3 tests/e2e/run.py --count $(or $(COUNT),3) $(E2E)

# make interop [MODE=normal]: the campaign of interop/ against our own daemon.
.PHONY: interop
interop: all
	BUILD=$(BUILD) interop/self $(if $(MODE),--mode $(MODE))

# make net [NET="NAME ..."] [KEEP=1]: only the tests with real network hosts, as root; KEEP leaves captures and logs.
.PHONY: net
net: all
	BUILD=$(BUILD) python3 tests/net/run.py -j 2 $(if $(KEEP),--keep) $(NET)

# make matrix [CELL=name/any/unset/v4/after]: all cells of tests/net/test_matrix.py, or the two halves of one, whose captures
# are kept and named: PEER (name, address) / what is listened on (any, virtual, name) / source (configured, unset) / v4, v6.
.PHONY: matrix
matrix: all
	BUILD=$(BUILD) python3 tests/net/run.py -j 2 $(if $(CELL),--keep) matrix$(if $(CELL),.$(patsubst %/before,%,$(patsubst %/after,%,$(CELL))))

# make bench [MB=100] [MESSAGES=1000]: one content of so many MB in each mode, with and without checkpoints, and bind and
# release; so many small messages. Each beside what the machine gives a plain program in the same run. 0: not that part.
.PHONY: bench
bench: all
	@BUILD=$(BUILD) python3 tests/bench/run.py --mb $(or $(MB),100) --messages $(or $(MESSAGES),1000)

# make fuzz [FUZZ="NAME ..."] [SECONDS=60]: each fuzz target (tests/fuzz/README.md) for so long, from its kept inputs.
FUZZ ?= $(sort $(basename $(notdir $(wildcard tests/fuzz/*.c))))
FUZZED := $(BUILD)-fuzz
FUZZ_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_LIBS := $(call libs_of,cli assoc conf x400 rfc1006 asn1 base)
$(BUILD)/fuzz/%: tests/fuzz/%.c $(FUZZ_LIBS)
	$(call SAY,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(OUR_CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -o $@ $< \
		-Wl,--start-group $(FUZZ_LIBS) -Wl,--end-group $(PKG_LIBS)
.PHONY: fuzz fuzzers fuzz-build
fuzzers: $(FUZZ:%=$(BUILD)/fuzz/%)
fuzz-build:
	@$(MAKE) --no-print-directory BUILD=$(FUZZED) CC='$(FUZZ_CC)' CFLAGS='$(FUZZ_FLAGS) -fsanitize=fuzzer-no-link' \
		FUZZ='$(FUZZ)' fuzzers
FUZZ_CC ?= clang
fuzz: fuzz-build
	@tests/run -t 3600 $(call FUZZ_RUNS,$(or $(SECONDS),60))
-include $(wildcard $(BUILD)/fuzz/*.d)

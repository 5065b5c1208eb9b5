# SPDX-License-Identifier: BSD-2-Clause
# The grammar: bison makes the parser under the build folder.
conf_GEN_OBJS := $(BUILD)/conf/grammar.o

$(BUILD)/conf/grammar.c: conf/grammar.y
	@mkdir -p $(@D)
	$(call SAY,BISON)
	$(Q)bison -Wall -Werror -o $@ --header=$(BUILD)/conf/grammar.h $<
$(BUILD)/conf/grammar.h: $(BUILD)/conf/grammar.c ;
$(BUILD)/conf/grammar.o: $(BUILD)/conf/grammar.c
	$(call SAY,CC)
	$(Q)$(CC) $(OUR_CFLAGS) -MMD -MP -c -o $@ $<
$(patsubst %.c,$(BUILD)/%.o,$(wildcard conf/*.c)): | $(BUILD)/conf/grammar.h

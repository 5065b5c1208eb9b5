// SPDX-License-Identifier: BSD-2-Clause
// Where calls leave from, where they may come from, and bind-back. Private to this room.
#ifndef CONF_REACH_H
#define CONF_REACH_H

#include "conf/draft.h"

// Statements; what is wrong is said.
void draft_virtual(struct draft *d, struct lex_loc loc);
void draft_source(struct draft *d, struct lex_loc loc, struct conf_endpoint *to, struct conf_endpoint endpoint);
void draft_bind_back_to(struct draft *d, struct lex_loc loc, struct conf_endpoint endpoint, bool port);
void draft_accept(struct draft *d, struct lex_loc loc, const char *text); // NULL: the word any
void draft_bind_back(struct draft *d, struct lex_loc loc, enum conf_bind_back bind_back);
void draft_back(struct draft *d, struct lex_loc loc, enum conf_back back);
// At the end of a peer's block: the order of its bind-back is made good, what has no effect is told.
void draft_peer_reach(struct draft *d);
// Of finished blocks. The stacks before `s` are finished; the peer's stacks are known.
void draft_check_stack(struct draft *d, const struct draft_stack *from, struct conf_stack *s);
void draft_check_reach(struct draft *d, const struct draft_peer *from, const struct conf_peer *p);
// With all peers known.
void draft_check_callers(struct draft *d);
void draft_check_bind_backs(struct draft *d);

#endif

/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What need not be copied: connections whose records no route wants, payload beyond what is kept of a message, what is encrypted
 * and told as plaintext by somebody else, and, while a CPU budget is exceeded, large payloads and part of the new connections. User space decides, here it is kept.
 */
#ifndef POLYTAP_ECONOMY_H
#define POLYTAP_ECONOMY_H

#include "maps.h"

/* by cookie */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct advice);
} advices SEC(".maps");

struct economy economy SEC(".data.economy") = {};

/* calls of a socket that look for advice each; after that one in 16 does */
#define EAGER_LOOKS 64

static __always_inline void look_for_advice(struct socket_state *state)
{
	struct advice *advice;

	if (state->advice_epoch != economy.epoch) {
		/* what was advised is void: what nobody wanted until now is not missing */
		if (state->advice == ADVICE_IGNORE) {
			state->tracked = 0;
			state->head.flags |= FLAG_LATE;
		}
		state->advice_epoch = economy.epoch;
		state->advice = ADVICE_NONE;
		state->advice_looks = 0;
		state->skip_to[0] = 0;
		state->skip_to[1] = 0;
	}
	if (state->advice == ADVICE_IGNORE)
		return;
	if (state->advice_looks++ >= EAGER_LOOKS) {
		if (state->advice_looks & 15)
			return;
		state->advice_looks = EAGER_LOOKS;
	}
	advice = bpf_map_lookup_elem(&advices, &state->head.cookie);
	if (!advice)
		return;
	state->advice = advice->kind;
	state->skip_to[0] = advice->skip_to[0];
	state->skip_to[1] = advice->skip_to[1];
}

/* Why these bytes need not be copied; CAUSE_NONE: they must. Decided for whole calls and packets. */
static __always_inline __u8 economize(struct socket_state *state, __u32 direction, __u64 offset, __u32 bytes)
{
	__u32 before = state->turn[direction & 1];

	if (state->advice == ADVICE_COVERED)
		return CAUSE_COVERED;
	if (state->skip_to[direction & 1] >= offset + bytes)
		return CAUSE_LIMIT;
	if (!economy.turn_bytes || state->advice != ADVICE_CUTTABLE)
		return CAUSE_NONE;
	state->turn[~direction & 1] = 0;
	if (before >= economy.turn_bytes)
		return CAUSE_SAMPLED;
	state->turn[direction & 1] = before + bytes;
	return CAUSE_NONE;
}

static __always_inline void count_spared(__u8 cause, __u32 bytes)
{
	struct counters *c = counters();

	if (!c)
		return;
	if (cause == CAUSE_LIMIT)
		c->limited_bytes += bytes;
	else if (cause == CAUSE_COVERED)
		c->covered_bytes += bytes;
	else
		c->sampled_bytes += bytes;
}

/* Is this new connection left out? Both ends come to the same answer. */
static __always_inline int is_left_out(const struct record *r)
{
	__u32 mixed = ((__u32)r->local_port + r->remote_port) * 0x9e3779b1 ^ (__u32)r->local_port * r->remote_port;

	return economy.keep_one_in > 1 && (mixed >> 7) % economy.keep_one_in != 0;
}

#endif

/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Which sockets are still there: user space asks now and then, because the word of an end may be lost. */
#ifndef POLYTAP_ALIVE_H
#define POLYTAP_ALIVE_H

#include "maps.h"

/* Written before each walk: it tells of the cookies that are `part` modulo `parts`, a power of two. */
struct alive_part {
	__u32 parts;
	__u32 part;
} alive_part SEC(".data.alive") = { .parts = 1 };

/* writes the cookie of each socket that user space was told of */
SEC("iter/bpf_sk_storage_map")
int on_alive(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct socket_state *state = ctx->value;
	__u64 cookie;

	if (!state || (!state->was_copied && !state->announced))
		return 0;
	cookie = state->head.cookie;
	if ((cookie & (alive_part.parts - 1)) == alive_part.part)
		bpf_seq_write(ctx->meta->seq, &cookie, sizeof(cookie));
	return 0;
}

#endif

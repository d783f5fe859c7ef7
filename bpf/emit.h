/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Payload into the ring: one copy, from the caller's buffer straight into a record of the next larger size class. */
#ifndef POLYTAP_EMIT_H
#define POLYTAP_EMIT_H

#include "maps.h"

#define HEADER ((__u32)sizeof(struct record))
#define LARGEST_RECORD 65536
#define LARGEST_CHUNK (LARGEST_RECORD - HEADER)
/* buffers that are joined into one record, and the largest sum of them */
#define GATHER_BUFFERS 8
#define GATHER_BYTES 8192

/* the next record of this direction that finds room says how much did not before it */
static __always_inline void count_full(struct socket_state *state, __u32 direction, __u32 bytes)
{
	struct counters *c = counters();

	__sync_fetch_and_add(&state->lost[direction & 1], bytes);
	if (c) {
		c->ring_full_records++;
		c->ring_full_bytes += bytes;
	}
}

static __always_inline void count_emitted(struct socket_state *state, const struct record *head)
{
	if (head->lost)
		__sync_fetch_and_add(&state->lost[head->direction & 1], -head->lost);
}

/* what copying a piece came to */
enum copy_result {
	COPIED = 0,
	COPY_FULL = 1,          /* no room in the ring */
	COPY_UNREADABLE = 2,    /* a gap of that size stands in its place */
};

/* Returns 1 where it could not be read. */
static __always_inline int count_copy(struct socket_state *state, const struct record *head, __u32 bytes, int result)
{
	if (result == COPY_FULL)
		count_full(state, head->direction, bytes);
	else
		count_emitted(state, head);
	return result == COPY_UNREADABLE;
}

/* what could not be read after all is a gap of that size */
static __always_inline int finish_record(struct record *r, __u32 length, long error)
{
	if (error) {
		r->kind = RECORD_GAP;
		r->cause = CAUSE_NOT_READABLE;
	}
	r->length = length;
	bpf_ringbuf_submit(r, WAKE);
	return error ? COPY_UNREADABLE : COPIED;
}

#define COPY_CLASS(SIZE)                                                                       \
	if (length <= (SIZE) - HEADER) {                                                       \
		struct record *r = bpf_ringbuf_reserve(&data_ring, (SIZE), 0);                 \
		if (!r)                                                                        \
			goto full;                                                             \
		__builtin_memcpy(r, head, HEADER);                                             \
		return finish_record(r, length,                                                \
				     bpf_probe_read_user((void *)r + HEADER, length, (void *)from)); \
	}

/*
 * Copies one piece of user memory. A global function: the verifier looks at it once, whoever calls it. Returns an
 * `enum copy_result`.
 */
__noinline int copy_piece(const struct record *head, __u64 from, __u32 length)
{
	if (!head)
		return COPY_FULL;
	/* the verifier forgets bounds that the compiler moved */
	asm volatile("" : "+r"(length));
	if (length == 0 || length > LARGEST_CHUNK)
		return COPY_FULL;
	COPY_CLASS(160)
	COPY_CLASS(224)
	COPY_CLASS(320)
	COPY_CLASS(448)
	COPY_CLASS(640)
	COPY_CLASS(1024)
	COPY_CLASS(1600)
	COPY_CLASS(2560)
	COPY_CLASS(4192)
	COPY_CLASS(8288)
	COPY_CLASS(16480)
	COPY_CLASS(32864)
	COPY_CLASS(LARGEST_RECORD)
full:
	return COPY_FULL;
}

/*
 * The piece at `at` may be as long as the whole class, so a record has twice the room: that is what the verifier can prove,
 * and the rest is never touched.
 */
#define GATHER_CLASS(BYTES)                                                                    \
	if (total <= (BYTES)) {                                                                \
		struct record *r = bpf_ringbuf_reserve(&data_ring, HEADER + 2 * (BYTES), 0);   \
		if (!r)                                                                        \
			return COPY_FULL;                                                      \
		__builtin_memcpy(r, head, HEADER);                                             \
		for (__u32 i = 0; i < GATHER_BUFFERS; i++) {                                   \
			if (i >= count || at >= total)                                         \
				break;                                                         \
			__u64 take = v[i].length;                                              \
			if (take > total - at)                                                 \
				take = total - at;                                             \
			if (take > (BYTES))                                                    \
				take = (BYTES);                                                \
			asm volatile("" : "+r"(at));                                           \
			if (at >= (BYTES))                                                     \
				break;                                                         \
			if (take > 0)                                                          \
				error |= bpf_probe_read_user((void *)r + HEADER + at, take, (void *)v[i].base); \
			at += take;                                                            \
		}                                                                              \
		return finish_record(r, total, error || at < total);                           \
	}

/* Joins a few small buffers into one record. Returns an `enum copy_result`. */
__noinline int copy_gathered(const struct record *head, __u64 iov, __u32 count, __u32 total)
{
	struct user_iovec v[GATHER_BUFFERS];
	long error;
	__u64 at = 0;

	if (!head)
		return COPY_FULL;
	asm volatile("" : "+r"(total), "+r"(count));
	if (total == 0 || total > GATHER_BYTES || count == 0 || count > GATHER_BUFFERS)
		return COPY_FULL;
	error = bpf_probe_read_user(v, count * sizeof(v[0]), (void *)iov);
	GATHER_CLASS(256)
	GATHER_CLASS(384)
	GATHER_CLASS(512)
	GATHER_CLASS(1024)
	GATHER_CLASS(2048)
	GATHER_CLASS(GATHER_BYTES)
	return COPY_FULL;
}

/* The pieces of one call: a buffer, or the buffers of an iovec, one piece for each round. */
struct pieces {
	struct record *head;
	struct socket_state *state;
	__u64 iov;              /* the next entry of the iovec */
	__u64 base;             /* what is left of the current buffer */
	__u64 length;
	__u64 left;             /* what is left of the call */
	__u32 count;            /* entries of the iovec that were not looked at */
	__u16 direction;
	__u16 is_unreadable;    /* some piece could not be read */
};

static long next_piece(__u64 round, struct pieces *p)
{
	__u32 take;

	if (p->left == 0)
		return 1;
	if (p->length == 0) {
		struct user_iovec v;

		if (p->count == 0)
			return 1;
		p->count--;
		if (bpf_probe_read_user(&v, sizeof(v), (void *)p->iov))
			return 1;
		p->iov += sizeof(v);
		p->base = v.base;
		p->length = v.length;
		return 0;
	}
	take = p->length < LARGEST_CHUNK ? p->length : LARGEST_CHUNK;
	if (take > p->left)
		take = p->left;
	p->head->lost = p->state->lost[p->direction & 1];
	p->is_unreadable |= count_copy(p->state, p->head, take, copy_piece(p->head, p->base, take));
	p->head->offset += take;
	p->base += take;
	p->length -= take;
	p->left -= take;
	return 0;
}

/* A record that says only that bytes passed. */
static __always_inline void emit_gap(struct record *head, struct socket_state *state, __u64 offset, __u32 bytes,
				     __u8 cause)
{
	struct record *r;
	struct counters *c = counters();

	if (c)
		c->gap_bytes += bytes;
	r = bpf_ringbuf_reserve(&data_ring, HEADER, 0);
	if (!r) {
		count_full(state, head->direction, bytes);
		return;
	}
	head->lost = state->lost[head->direction & 1];
	__builtin_memcpy(r, head, HEADER);
	r->kind = RECORD_GAP;
	r->cause = cause;
	r->offset = offset;
	r->length = bytes;
	bpf_ringbuf_submit(r, WAKE);
	count_emitted(state, head);
}

#endif

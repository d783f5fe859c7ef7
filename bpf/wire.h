/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Packets of sockets whose sends have no user buffer to read: the payload as it leaves, page fragments included. */
#ifndef POLYTAP_WIRE_H
#define POLYTAP_WIRE_H

#include "emit.h"
#include "socket.h"

#define WIRE_PIECE 32768

struct packet {
	struct __sk_buff *skb;
	struct socket_state *state;
	__u64 offset;
	__u32 at;
	__u32 left;
};

#define WIRE_CLASS(SIZE)                                                                       \
	if (take <= (SIZE)) {                                                                  \
		struct record *r = bpf_ringbuf_reserve(&data_ring, HEADER + (SIZE), 0);        \
		if (!r)                                                                        \
			goto full;                                                             \
		__builtin_memcpy(r, &p->state->head, HEADER);                                  \
		r->time_ns = bpf_ktime_get_ns();                                               \
		r->kind = RECORD_WIRE;                                                         \
		r->direction = DIRECTION_SEND;                                                 \
		r->offset = p->offset;                                                         \
		r->length = take;                                                              \
		r->drops = p->state->drops[DIRECTION_SEND];                                    \
		if (bpf_skb_load_bytes(p->skb, p->at, (void *)r + HEADER, take)) {             \
			bpf_ringbuf_discard(r, 0);                                             \
			return 1;                                                              \
		}                                                                              \
		bpf_ringbuf_submit(r, 0);                                                      \
		goto emitted;                                                                  \
	}

static long next_wire_piece(__u64 round, struct packet *p)
{
	struct counters *c;
	__u32 take = p->left;

	if (take == 0)
		return 1;
	if (take > WIRE_PIECE)
		take = WIRE_PIECE;
	asm volatile("" : "+r"(take));
	if (take == 0 || take > WIRE_PIECE)
		return 1;
	WIRE_CLASS(512)
	WIRE_CLASS(2048)
	WIRE_CLASS(8192)
	WIRE_CLASS(WIRE_PIECE)
	return 1;
full:
	__sync_fetch_and_add(&p->state->drops[DIRECTION_SEND], 1);
	count_full(take);
emitted:
	c = counters();
	if (c) {
		c->wire_records++;
		c->wire_bytes += take;
	}
	p->at += take;
	p->offset += take;
	p->left -= take;
	return 0;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct socket_state *state;
	struct bpf_tcp_sock *tp;
	struct packet packet = {};
	__u8 byte;
	__be32 sequence;
	__u32 at, total;

	if (!sk)
		return 1;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_TCP)
		return 1;
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!state || !state->wire || state->verdict != VERDICT_COPY || (state->head.flags & FLAG_POSITION_LOCAL))
		return 1;
	tp = bpf_tcp_sock(sk);
	if (!tp)
		return 1;
	if (bpf_skb_load_bytes(skb, 0, &byte, 1))
		return 1;
	if (byte >> 4 == 4) {
		at = (byte & 15) * 4;
	} else {
		at = 40;
		/* extension headers before TCP: not ours to guess, the range stays a gap */
		if (bpf_skb_load_bytes(skb, 6, &byte, 1) || byte != IPPROTO_TCP)
			return 1;
	}
	if (bpf_skb_load_bytes(skb, at + 4, &sequence, 4) || bpf_skb_load_bytes(skb, at + 12, &byte, 1))
		return 1;
	at += (byte >> 4) * 4;
	total = skb->len;
	if (total <= at)
		return 1;
	packet.skb = skb;
	packet.state = state;
	packet.at = at;
	packet.left = total - at;
	packet.offset = widen(bpf_ntohl(sequence) - state->head.base_send, tp->bytes_acked);
	/* 512 KiB is the largest packet before segmentation */
	bpf_loop(17, next_wire_piece, &packet, 0);
	return 1;
}

#endif

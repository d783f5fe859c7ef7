/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Packets of sockets whose calls have no user buffer to read: the payload as it leaves or comes, page fragments included. */
#ifndef POLYTAP_WIRE_H
#define POLYTAP_WIRE_H

#include "datagram.h"
#include "emit.h"
#include "socket.h"

#define WIRE_PIECE 32768

struct packet {
	struct __sk_buff *skb;
	struct socket_state *state;
	__u64 time_ns;
	__u64 offset;
	__u32 at;               /* of the payload that is left, in the packet */
	__u32 left;
	__u32 direction;
};

#define WIRE_CLASS(SIZE)                                                                       \
	if (less_one < (SIZE)) {                                                               \
		struct record *r = bpf_ringbuf_reserve(&data_ring, HEADER + (SIZE), 0);        \
		if (!r)                                                                        \
			goto full;                                                             \
		__builtin_memcpy(r, &p->state->head, HEADER);                                  \
		r->time_ns = p->time_ns;                                                       \
		r->kind = RECORD_WIRE;                                                         \
		r->cause = p->state->wire_cause;                                               \
		r->direction = p->direction;                                                   \
		r->offset = p->offset;                                                         \
		r->lost = lost;                                                                \
		finish_record(r, take, bpf_skb_load_bytes(p->skb, p->at, (void *)r + HEADER, less_one + 1)); \
		goto emitted;                                                                  \
	}

static long next_wire_piece(__u64 round, struct packet *p)
{
	struct counters *c;
	__u64 less_one;
	__u32 take = p->left;
	__u32 lost = p->state->lost[p->direction & 1];

	if (take == 0)
		return 1;
	if (take > WIRE_PIECE)
		take = WIRE_PIECE;
	/* the verifier of 6.1 sees no lower bound in a comparison with 0, and a length of 0 is refused */
	less_one = take - 1;
	barrier_var(less_one);
	WIRE_CLASS(256)
	WIRE_CLASS(512)
	WIRE_CLASS(1536)
	WIRE_CLASS(4096)
	WIRE_CLASS(8192)
	WIRE_CLASS(16384)
	WIRE_CLASS(WIRE_PIECE)
	return 1;
full:
	count_full(p->state, p->direction, take);
	goto next;
emitted:
	if (lost)
		__sync_fetch_and_add(&p->state->lost[p->direction & 1], -lost);
	c = counters();
	if (c) {
		c->wire_records++;
		c->wire_bytes += take;
	}
next:
	p->at += take;
	p->offset += take;
	p->left -= take;
	return 0;
}

/*
 * Moves on what packets have brought out. A packet that was dropped before it came here (by a firewall's rule) leaves a
 * hole: from there on what comes again may be what is missing. User space has the last word on what it has already.
 */
static __always_inline void sent_by_packet(struct socket_state *state, __u64 from, __u64 to)
{
	if (!state->wire_hole && from > state->wire_next)
		state->wire_hole = state->wire_next + 1;
	else if (state->wire_hole && from < state->wire_hole)
		state->wire_hole = to + 1;
	if (to > state->wire_next)
		state->wire_next = to;
	if (state->wire_hole > state->wire_next)
		state->wire_hole = 0;
}

static __always_inline void on_packet(struct __sk_buff *skb, __u32 direction)
{
	struct bpf_sock *sk;
	struct socket_state *state;
	struct bpf_tcp_sock *tp;
	struct packet packet = {};
	struct record head;
	__be32 sequence;
	__u32 at, passed;
	__u64 known;
	__u8 byte, cause;

	sk = skb->sk;
	if (!sk)
		return;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return;
	if (sk->protocol == IPPROTO_UDP)
		on_datagram(skb, sk, direction);
	if (sk->protocol != IPPROTO_TCP)
		return;
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!state || !(state->wire & BIT_OF(direction)) || state->verdict != VERDICT_COPY || state->advice == ADVICE_IGNORE)
		return;
	/* decided before its first call: the server's end may have come to be copied since */
	if (!state->generation && settings.vantage == VANTAGE_AUTO && state->head.role == ROLE_CLIENT &&
	    server_is_copied(&state->head))
		return;
	tp = bpf_tcp_sock(sk);
	if (!tp)
		return;
	if (bpf_skb_load_bytes(skb, 0, &byte, 1))
		return;
	if (byte >> 4 == 4) {
		at = (byte & 15) * 4;
	} else {
		at = 40;
		/* extension headers before TCP: not ours to guess, the range stays a gap */
		if (bpf_skb_load_bytes(skb, 6, &byte, 1) || byte != IPPROTO_TCP)
			return;
	}
	if (bpf_skb_load_bytes(skb, at + 4, &sequence, 4) || bpf_skb_load_bytes(skb, at + 12, &byte, 1))
		return;
	at += (byte >> 4) * 4;
	if (skb->len <= at)
		return;
	packet.skb = skb;
	packet.state = state;
	packet.time_ns = bpf_ktime_get_ns();
	packet.direction = direction;
	packet.at = at;
	packet.left = skb->len - at;
	/* what was sent or came before comes again only because a packet was lost */
	if (direction == DIRECTION_SEND) {
		packet.offset = widen(bpf_ntohl(sequence) - state->head.base_send, tp->bytes_acked);
		known = state->wire_hole ? state->wire_hole - 1 : state->wire_next;
	} else {
		packet.offset = widen(bpf_ntohl(sequence) - state->head.base_recv, tp->bytes_received);
		known = widen(tp->rcv_nxt - state->head.base_recv, tp->bytes_received);
	}
	if (packet.offset + packet.left <= known) {
		struct counters *c = counters();

		if (c)
			c->wire_repeated_bytes += packet.left;
		return;
	}
	if (packet.offset < known) {
		passed = known - packet.offset;
		packet.offset += passed;
		packet.at += passed;
		packet.left -= passed;
	}
	if (direction == DIRECTION_SEND)
		sent_by_packet(state, packet.offset, packet.offset + packet.left);
	state->was_copied = 1;
	cause = economize(state, direction, packet.offset, packet.left);
	if (cause != CAUSE_NONE) {
		count_spared(cause, packet.left);
		__builtin_memcpy(&head, &state->head, sizeof(head));
		head.time_ns = packet.time_ns;
		head.direction = direction;
		emit_gap(&head, state, packet.offset, packet.left, cause);
		return;
	}
	/* 512 KiB is the largest packet before segmentation */
	bpf_loop(17, next_wire_piece, &packet, 0);
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *skb)
{
	on_packet(skb, DIRECTION_SEND);
	return 1;
}

SEC("cgroup_skb/ingress")
int on_ingress(struct __sk_buff *skb)
{
	on_packet(skb, DIRECTION_RECV);
	return 1;
}

#endif

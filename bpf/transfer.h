/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What every successful send and receive of a socket runs, in the caller's context, after the copy. */
#ifndef POLYTAP_TRANSFER_H
#define POLYTAP_TRANSFER_H

#include "buffers.h"
#include "datagram.h"
#include "layers.h"
#include "tls.h"
#include "unix.h"

/*
 * Where the `bytes` go that this call moved. The numbers are read after the socket was unlocked: another thread may have
 * moved them on, and then they do not continue where this direction was.
 */
struct place {
	__u64 offset;
	__u64 before;           /* end of what passed before, as far as we know */
	__u64 end;
	__u8 is_tracked;
};

static __always_inline void find_place(struct place *p, struct sock *sk, struct tcp_sock *tp, struct socket_state *state,
				       __u32 direction, __u32 bytes)
{
	__u64 *next = &state->next[direction & 1];

	p->is_tracked = state->tracked >> direction & 1;
	p->before = *next;
	if (state->head.flags & FLAG_POSITION_LOCAL)
		p->offset = p->before;
	else if (direction == DIRECTION_SEND)
		p->offset = widen(tp->write_seq - bytes - state->head.base_send - state->fin_sent, tp->bytes_acked);
	else
		p->offset = read_position(sk, tp, state) - bytes;
	p->end = p->offset + bytes;
	if (!p->is_tracked) {
		state->tracked |= BIT_OF(direction);
		p->before = p->offset;
	}
	if (p->end > p->before)
		*next = p->end;
}

/*
 * Nothing can be remembered of a socket for which there was no memory: what it moves is counted where it was wanted. Inline,
 * and in the caller's record: the stack has no room for another.
 */
static __always_inline void count_refused(struct record *r, struct sock *sk, __u32 bytes)
{
	struct targets *targets = current_targets();
	struct counters *c = counters();

	if (!targets || !c)
		return;
	c->memory_refused++;
	__builtin_memset(r, 0, sizeof(*r));
	read_addresses(r, sk);
	r->pid = current_pid();
	if (r->pid != settings.own_pid && is_target(targets, r))
		c->memory_refused_bytes += bytes;
}

static __always_inline struct socket_state *state_of(struct sock *sk, struct tcp_sock *tp)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, 0);

	if (!state) {
		state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (!state)
			return NULL;
		read_addresses(&state->head, sk);
		read_bases(&state->head, tp, ROLE_UNKNOWN);
		state->head.cookie = bpf_get_socket_cookie(sk);
		state->head.flags = FLAG_LATE;
		state->fin_sent = is_fin_sent(sk->__sk_common.skc_state);
	}
	if (!state->head.pid)
		state->head.pid = current_pid();
	find_layer(sk, tp, state);
	return state;
}

/* tests only: throws away one record in N of one end */
static __always_inline int is_faulty(const struct record *r)
{
	struct counters *c;

	if (!settings.fault_drop_one_in || r->role != settings.fault_drop_role)
		return 0;
	if (bpf_get_prandom_u32() % settings.fault_drop_one_in)
		return 0;
	c = counters();
	if (c)
		c->faults++;
	return 1;
}

/* what this process moves has no user buffer: from now on packets bring it, for this socket and its next ones */
static __always_inline void learn_bufferless(struct socket_state *state, struct tcp_sock *tp, __u8 directions, __u8 cause,
					     __u64 told)
{
	if (settings.wire != WIRE_AUTO || (state->wire & directions) == directions)
		return;
	remember_bufferless(&state->head, directions, cause);
	want_wire(state, tp, directions, cause, told);
}

/* Who splices into a socket does it out of one too, and that tells nobody: what was read so far is named here. */
static __always_inline void on_splice(struct record *head, struct socket_state *state, struct sock *sk, struct tcp_sock *tp,
				      __u64 told)
{
	__u64 from = state->next[DIRECTION_RECV];
	__u64 to;

	learn_bufferless(state, tp, BOTH_DIRECTIONS, CAUSE_SPLICE, told);
	if (state->wire & BIT_OF(DIRECTION_RECV))
		to = state->wire_from[DIRECTION_RECV];
	else
		to = read_position(sk, tp, state);
	if (!(state->tracked & BIT_OF(DIRECTION_RECV)) || (state->head.flags & FLAG_POSITION_LOCAL) || to <= from)
		return;
	state->next[DIRECTION_RECV] = to;
	head->direction = DIRECTION_RECV;
	emit_gap(head, state, from, to - from, CAUSE_SPLICE);
	head->direction = DIRECTION_SEND;
	head->lost = state->lost[DIRECTION_SEND];
}

static __always_inline int on_transfer(struct sock *sk, int ret, int flags, __u32 direction)
{
	__u16 family = sk->__sk_common.skc_family;
	struct socket_state *state;
	struct user_buffers buffers;
	struct targets *targets;
	struct tcp_sock *tp;
	struct record head;
	struct place place;
	int is_in_call;
	__u64 told;

	if (ret <= 0)
		return 0;
	/* an urgent byte is sent in its place in the stream, and is not received in it */
	if (direction == DIRECTION_RECV && (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)))
		return 0;
	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (sk->sk_protocol == IPPROTO_UDP)
		on_datagram_call(sk);
	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	/* bytes in a SYN: there are no positions yet */
	if (sk->__sk_common.skc_state == STATE_SYN_SENT)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	state = state_of(sk, tp);
	if (!state) {
		count_refused(&head, sk, ret);
		return 0;
	}
	targets = current_targets();
	if (!targets)
		return 0;
	/* the budget has room again: it is asked anew */
	if (state->verdict == VERDICT_SAMPLED && state->advice_epoch != economy.epoch)
		state->generation = ~targets->generation;
	if (state->generation != targets->generation) {
		struct socket_state *session;

		decide(state, tp, targets);
		session = state->tls_session ? session_of(state) : NULL;
		if (session)
			session->verdict = state->verdict;
	}
	is_in_call = tls_watch.epoch ? find_session(state, direction, ret) : 0;
	/* another end may have come to be copied since */
	if (state->verdict == VERDICT_COPY && settings.vantage == VANTAGE_AUTO && state->head.role == ROLE_CLIENT &&
	    server_is_copied(&state->head))
		state->verdict = VERDICT_IDENTITY;
	if (state->verdict == VERDICT_IDENTITY) {
		announce(state);
		return 0;
	}
	if (state->verdict == VERDICT_SAMPLED)
		count_spared(CAUSE_SAMPLED, ret);
	if (state->verdict != VERDICT_COPY)
		return 0;
	if (economy.is_on)
		look_for_advice(state);
	if (state->advice == ADVICE_IGNORE) {
		struct counters *c = counters();

		if (c)
			c->ignored_bytes += ret;
		return 0;
	}
	state->was_copied = 1;
	if (state->layered) {
		if (is_protocol_record())
			return 0;
		/* until this direction goes through it too, what passes is its handshake */
		if (!(state->layered & BIT_OF(direction))) {
			__sync_fetch_and_add(&state->next[direction & 1], ret);
			return 0;
		}
	}

	__builtin_memcpy(&head, &state->head, sizeof(head));
	head.time_ns = bpf_ktime_get_ns();
	head.direction = direction;
	head.kind = RECORD_DATA;
	head.lost = state->lost[direction & 1];
	head.lost_other = state->lost[~direction & 1];
	find_place(&place, sk, tp, state, direction, ret);
	head.offset = place.offset;
	told = direction == DIRECTION_SEND ? place.before : state->next[DIRECTION_SEND];
	if (is_told_as_plaintext(state, direction, place.offset, is_in_call)) {
		hide(state, direction, ret);
		return 0;
	}
	if (is_faulty(&head))
		return 0;
	if ((state->wire & BIT_OF(direction)) && place.offset >= state->wire_from[direction & 1])
		return 0;
	if (place.offset != place.before) {
		if (direction == DIRECTION_RECV && place.offset > place.before) {
			/* a splice out of the socket tells nobody; a single byte is an urgent one */
			__u64 hole = place.offset - place.before;

			if (hole > 1)
				learn_bufferless(state, tp, BIT_OF(direction), CAUSE_SPLICE, state->next[DIRECTION_SEND]);
			emit_gap(&head, state, place.before, hole, hole > 1 ? CAUSE_SPLICE : CAUSE_NOT_READABLE);
			head.lost = state->lost[direction & 1];
		} else {
			/* several threads at once: what is not told yet up to here is one of theirs */
			if (place.end > place.before)
				emit_gap(&head, state, place.before, place.end - place.before, CAUSE_POSITION_CONFLICT);
			learn_bufferless(state, tp, BIT_OF(direction), CAUSE_POSITION_CONFLICT, told);
			return 0;
		}
	}

	buffers.cause = economize(state, direction, place.offset, ret);
	if (buffers.cause != CAUSE_NONE) {
		count_spared(buffers.cause, ret);
		emit_gap(&head, state, place.offset, ret, buffers.cause);
		return 0;
	}
	find_buffers(&buffers);
	/* the length is true, the buffer was not touched */
	if (direction == DIRECTION_RECV && (flags & MSG_TRUNC))
		buffers.cause = CAUSE_NOT_READABLE;
	else if (buffers.cause == CAUSE_SPLICE)
		on_splice(&head, state, sk, tp, place.before);
	else if (buffers.cause != CAUSE_NONE)
		learn_bufferless(state, tp, BIT_OF(direction), buffers.cause, told);
	if (buffers.cause != CAUSE_NONE) {
		__u64 end = place.end;

		/* the rest is still in the socket's queue: its packets come */
		if (direction == DIRECTION_SEND && (state->wire & BIT_OF(direction)) && state->wire_from[DIRECTION_SEND] < end)
			end = state->wire_from[DIRECTION_SEND];
		if (end > place.offset)
			emit_gap(&head, state, place.offset, end - place.offset, buffers.cause);
		return 0;
	}
	if (emit_buffers(&head, state, &buffers, ret))
		learn_bufferless(state, tp, BIT_OF(direction), CAUSE_NOT_READABLE, told);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int ret, int flags)
{
	if (sk->__sk_common.skc_family == AF_UNIX)
		return on_unix_transfer(sk, ret, flags, DIRECTION_SEND);
	return on_transfer(sk, ret, flags, DIRECTION_SEND);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_recv, struct sock *sk, int ret, int flags)
{
	if (sk->__sk_common.skc_family == AF_UNIX)
		return on_unix_transfer(sk, ret, flags, DIRECTION_RECV);
	return on_transfer(sk, ret, flags, DIRECTION_RECV);
}

#endif

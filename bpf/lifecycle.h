/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* How connections begin and end. Runs in softirq as often as not: the current process means nothing here. */
#ifndef POLYTAP_LIFECYCLE_H
#define POLYTAP_LIFECYCLE_H

#include "layers.h"
#include "tls.h"

/*
 * The last word about a connection; it waits in a map where the ring has no room. A socket that connects again is the same
 * socket: there the word must come before the next connection's bytes.
 */
static __always_inline void send_close(struct socket_state *state, int connects_again)
{
	struct close_record close = {};

	end_session(state);
	if (!state->was_copied && !state->announced)
		return;
	close.head = state->head;
	close.head.time_ns = bpf_ktime_get_ns();
	close.head.kind = RECORD_CLOSE;
	close.head.offset = bpf_ringbuf_query(&data_ring, BPF_RB_PROD_POS);
	close.final_send = state->final_send;
	close.final_recv = state->final_recv;
	close.lost_send = state->lost[DIRECTION_SEND];
	close.lost_recv = state->lost[DIRECTION_RECV];
	if (economy.is_on)
		bpf_map_delete_elem(&advices, &state->head.cookie);
	/* an end that is not copied has nothing to say about bytes */
	if (state->verdict != VERDICT_COPY || state->advice == ADVICE_IGNORE)
		close.head.flags |= FLAG_IDENTITY_ONLY;
	if (state->tls_is_hidden)
		close.head.flags |= FLAG_JOINED;
	state->was_copied = 0;
	state->announced = 0;
	if (connects_again && bpf_ringbuf_output(&data_ring, &close, sizeof(close), WAKE) == 0)
		return;
	if (bpf_ringbuf_output(&control_ring, &close, sizeof(close), WAKE)) {
		struct counters *c = counters();

		if (c)
			c->control_full_records++;
		if (bpf_map_update_elem(&kept_closes, &state->head.cookie, &close, BPF_ANY) && c)
			c->closes_lost++;
	}
}

/*
 * That the server's end is copied, so that a client's end need not be; and where this server or client is known for calls
 * without a buffer, that packets bring the bytes from the first one on. The first call decides again.
 */
static __always_inline void decide_early(struct socket_state *state, struct tcp_sock *tp, struct targets *targets)
{
	struct bufferless_use use = {};

	if (settings.wire == WIRE_AUTO)
		use = bufferless_use(&state->head);
	else if (settings.wire == WIRE_ALWAYS)
		use.directions = BOTH_DIRECTIONS;
	if (state->head.role != ROLE_SERVER && !use.directions)
		return;
	state->verdict = verdict_of(&state->head, targets);
	if (state->verdict != VERDICT_COPY)
		return;
	if (state->head.role == ROLE_SERVER && settings.vantage == VANTAGE_AUTO)
		add_server_end(&state->head);
	if (use.directions)
		want_wire(state, tp, use.directions, use.cause, 0);
}

static __always_inline void on_established(struct sock *sk, struct tcp_sock *tp, int old_state)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	struct targets *targets;
	__u32 pid;

	if (!state)
		return;
	/* a socket that was disconnected may connect again */
	if (state->head.cookie) {
		pid = state->head.pid;
		send_close(state, 1);
		__builtin_memset(state, 0, sizeof(*state));
		state->head.pid = pid;
	}
	read_addresses(&state->head, sk);
	state->head.cookie = bpf_get_socket_cookie(sk);
	read_bases(&state->head, tp, old_state == STATE_SYN_SENT ? ROLE_CLIENT : ROLE_SERVER);
	state->tracked = BOTH_DIRECTIONS;
	learn_plain_calls(sk, tp);
	state->tls_epoch = tls_watch.epoch;
	/* where no rule asks for a process, more can be known before the first byte */
	targets = current_targets();
	if (targets && targets->ports_only)
		decide_early(state, tp, targets);
}

/* A process that is known for calls without a buffer: its client's end must be known by then. */
static __always_inline void on_connect(struct sock *sk)
{
	struct socket_state *state;
	__u32 pid = current_pid();

	if (settings.wire == WIRE_AUTO && !bpf_map_lookup_elem(&bufferless, &pid))
		return;
	state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (state && !state->head.cookie)
		state->head.pid = pid;
}

/* The connection is over for the kernel. The application may still read what came, so only the sent side is final. */
static __always_inline void on_closed(struct sock *sk, struct tcp_sock *tp, struct socket_state *state)
{
	struct end_key key;
	__u64 sent;

	state->is_closed = 1;
	if (state->head.role == ROLE_SERVER && settings.vantage == VANTAGE_AUTO) {
		server_end(&key, &state->head);
		bpf_map_delete_elem(&server_ends, &key);
	}
	/* without a FIN of our own, or with an error, this is no orderly end */
	if (!state->fin_sent || sk->sk_err)
		state->head.flags |= FLAG_RESET;
	if (state->head.flags & FLAG_POSITION_LOCAL)
		state->final_send = state->next[DIRECTION_SEND];
	else
		state->final_send = widen(tp->write_seq - state->head.base_send - state->fin_sent, tp->bytes_acked);
	if (!(state->head.flags & FLAG_POSITION_LOCAL)) {
		sent = widen(tp->snd_nxt - state->head.base_send, tp->bytes_acked);
		if (sent < state->final_send)
			state->head.length = state->final_send - sent;
	}
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int old_state, int new_state)
{
	__u16 family = sk->__sk_common.skc_family;
	struct socket_state *state;
	struct tcp_sock *tp;

	if ((family != AF_INET && family != AF_INET6) || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	if (new_state == STATE_ESTABLISHED) {
		on_established(sk, tp, old_state);
		return 0;
	}
	/* the caller of connect() */
	if (new_state == STATE_SYN_SENT && settings.wire != WIRE_NEVER) {
		on_connect(sk);
		return 0;
	}
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!state)
		return 0;
	if (is_fin_sent(new_state))
		state->fin_sent = 1;
	if (new_state == STATE_CLOSE)
		on_closed(sk, tp, state);
	return 0;
}

/* Neither the kernel nor the application has this socket any more. */
static __always_inline int on_gone(struct sock *sk)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	struct counters *c;
	struct tcp_sock *tp;

	if (!state || !state->head.cookie || state->is_gone)
		return 0;
	state->is_gone = 1;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	/* the kernel skips a program that it has interrupted on the same processor */
	if (!state->is_closed) {
		c = counters();
		if (c)
			c->states_missed++;
		on_closed(sk, tp, state);
	}
	/* a disconnected socket has forgotten its count */
	if ((state->head.flags & FLAG_POSITION_LOCAL) || tp->bytes_received == 0)
		state->final_recv = state->next[DIRECTION_RECV];
	else
		state->final_recv = read_position(sk, tp, state);
	/* read, and no receive said so */
	if ((state->tracked & BIT_OF(DIRECTION_RECV)) && !(state->wire & BIT_OF(DIRECTION_RECV)) &&
	    state->final_recv > state->next[DIRECTION_RECV] + 1) {
		state->head.cause = CAUSE_SPLICE;
		if (settings.wire == WIRE_AUTO && state->head.pid)
			remember_bufferless(&state->head, BOTH_DIRECTIONS, CAUSE_SPLICE);
	}
	send_close(state, 0);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	return on_gone(sk);
}

/*
 * The kernel skips a program where it has interrupted that program on the same processor, and thousands of sockets end in an
 * interrupt: then this one has its turn.
 */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy_again, struct sock *sk)
{
	return on_gone(sk);
}

#endif

/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* How connections begin and end. Runs in softirq as often as not: the current process means nothing here. */
#ifndef POLYTAP_LIFECYCLE_H
#define POLYTAP_LIFECYCLE_H

#include "socket.h"

static __always_inline void on_established(struct sock *sk, struct tcp_sock *tp, int old_state)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	struct targets *targets;

	if (!state)
		return;
	/* a socket may be connected a second time */
	__builtin_memset(state, 0, sizeof(*state));
	read_addresses(&state->head, sk);
	state->head.cookie = bpf_get_socket_cookie(sk);
	state->head.role = old_state == STATE_SYN_SENT ? ROLE_CLIENT : ROLE_SERVER;
	/* nothing was sent or received: both streams begin at the next number */
	state->head.base_send = tp->write_seq;
	state->head.base_recv = tp->rcv_nxt - (__u32)tp->bytes_received;
	/* where no rule asks for a process, a client can know before its first byte that the server's end is copied */
	targets = current_targets();
	if (targets && targets->ports_only && state->head.role == ROLE_SERVER && is_target(targets, &state->head))
		add_server_end(&state->head);
}

static __always_inline void on_closed(struct sock *sk, struct tcp_sock *tp, struct socket_state *state, int old_state)
{
	struct close_record *r;
	__u32 sent = tp->write_seq - state->head.base_send;
	__u32 received = tp->rcv_nxt - state->head.base_recv;
	__u32 copied = tp->copied_seq - state->head.base_recv;
	struct end_key key;

	if (state->head.role == ROLE_SERVER) {
		server_end(&key, &state->head);
		bpf_map_delete_elem(&server_ends, &key);
	}
	if (!state->was_copied && !state->announced)
		return;
	r = bpf_ringbuf_reserve(&control_ring, sizeof(*r), 0);
	if (!r) {
		struct counters *c = counters();

		if (c)
			c->control_full_records++;
		return;
	}
	/* a FIN takes a number of its own */
	if (state->fin_sent)
		sent--;
	if (state->fin_received || old_state == STATE_FIN_WAIT2)
		received--;
	if ((__s32)(copied - received) > 0)
		copied = received;
	/* also for what the application reads from now on */
	if (sk->sk_socket)
		state->head.flags |= FLAG_STILL_HELD;
	__builtin_memcpy(&r->head, &state->head, sizeof(r->head));
	r->head.time_ns = bpf_ktime_get_ns();
	r->head.kind = RECORD_CLOSE;
	r->head.length = 0;
	if (old_state == STATE_ESTABLISHED || sk->sk_err)
		r->head.flags |= FLAG_RESET;
	if (state->head.flags & FLAG_POSITION_LOCAL) {
		r->final_send = state->counted[DIRECTION_SEND];
		r->final_recv = state->counted[DIRECTION_RECV];
		r->received = r->final_recv;
	} else {
		r->final_send = widen(sent, tp->bytes_acked);
		r->final_recv = widen(copied, tp->bytes_received);
		r->received = widen(received, tp->bytes_received);
	}
	r->drops_send = state->drops[DIRECTION_SEND];
	r->drops_recv = state->drops[DIRECTION_RECV];
	bpf_ringbuf_submit(r, 0);
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
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!state)
		return 0;
	switch (new_state) {
	case STATE_FIN_WAIT1:
		state->fin_sent = 1;
		break;
	case STATE_CLOSE_WAIT:
		state->fin_received = 1;
		break;
	case STATE_LAST_ACK:
		state->fin_sent = 1;
		state->fin_received = 1;
		break;
	case STATE_CLOSING:
		state->fin_received = 1;
		break;
	case STATE_CLOSE:
		on_closed(sk, tp, state, old_state);
		break;
	}
	return 0;
}

#endif

/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What every successful send and receive of a TCP socket runs, in the caller's context, after the copy. */
#ifndef POLYTAP_TRANSFER_H
#define POLYTAP_TRANSFER_H

#include "emit.h"
#include "socket.h"

/* the user memory of a system call */
struct user_buffers {
	__u64 address;          /* of the bytes, or of an iovec */
	__u64 count;            /* entries of the iovec; 0: `address` is the bytes themselves */
	__u8 cause;             /* why there is none */
};

static __always_inline void find_buffers(struct user_buffers *b)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__u32 number = SYSCALL_NUMBER(regs);
	struct user_msghdr message;

	b->address = SYSCALL_ARG2(regs);
	b->count = 0;
	b->cause = CAUSE_NONE;
	switch (number) {
	case NR_READ:
	case NR_WRITE:
	case NR_SENDTO:
	case NR_RECVFROM:
		return;
	case NR_READV:
	case NR_WRITEV:
	case NR_PREADV:
	case NR_PWRITEV:
	case NR_PREADV2:
	case NR_PWRITEV2:
		b->count = SYSCALL_ARG3(regs);
		return;
	case NR_SENDMMSG:
	case NR_RECVMMSG:
		/* which of several messages this is, nothing tells */
		if ((__u32)SYSCALL_ARG3(regs) != 1) {
			b->cause = CAUSE_NOT_READABLE;
			return;
		}
		/* fall through: one message begins like a plain one */
	case NR_SENDMSG:
	case NR_RECVMSG:
		if (bpf_probe_read_user(&message, sizeof(message), (void *)b->address)) {
			b->cause = CAUSE_NOT_READABLE;
			return;
		}
		b->address = message.iov;
		b->count = message.iov_length;
		return;
	case NR_SENDFILE:
		b->cause = CAUSE_SENDFILE;
		return;
	case NR_SPLICE:
		b->cause = CAUSE_SPLICE;
		return;
	case NR_IO_URING_ENTER:
		b->cause = CAUSE_IO_URING;
		return;
	default:
		/* a worker of io_uring, kernel code, or a call that we do not know */
		b->cause = CAUSE_NOT_READABLE;
	}
}

/* the position of the first of the `bytes` that this call moved */
static __always_inline __u64 position(struct socket_state *state, struct tcp_sock *tp, __u32 direction, __u32 bytes)
{
	__u64 counted = __sync_fetch_and_add(&state->counted[direction & 1], bytes);

	if (state->head.flags & FLAG_POSITION_LOCAL)
		return counted;
	if (direction == DIRECTION_SEND)
		return widen(tp->write_seq - bytes - state->head.base_send, tp->bytes_acked);
	__u32 next = tp->copied_seq;
	__u8 socket_state = tp->inet_conn.icsk_inet.sk.__sk_common.skc_state;
	__u8 fin_came = socket_state == STATE_CLOSE_WAIT || socket_state == STATE_LAST_ACK ||
			socket_state == STATE_CLOSING || socket_state == STATE_CLOSE || state->fin_received;

	/* a receive that reached the FIN moved past it */
	if (fin_came && next == tp->rcv_nxt)
		next--;
	return widen(next - bytes - state->head.base_recv, tp->bytes_received);
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
	}
	if (!state->head.pid) {
		state->head.pid = current_pid();
		if (tp->inet_conn.icsk_ulp_ops)
			state->head.flags |= FLAG_POSITION_LOCAL;
	}
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

static __always_inline int on_transfer(struct sock *sk, int ret, int flags, __u32 direction)
{
	__u16 family = sk->__sk_common.skc_family;
	struct socket_state *state;
	struct user_buffers buffers;
	struct tcp_sock *tp;
	struct record head;
	struct targets *targets;

	if (ret <= 0 || (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)))
		return 0;
	if ((family != AF_INET && family != AF_INET6) || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	state = state_of(sk, tp);
	if (!state)
		return 0;
	targets = current_targets();
	if (!targets)
		return 0;
	if (state->generation != targets->generation)
		decide(state, targets);
	/* another end may have come to be copied since */
	if (state->verdict == VERDICT_COPY && settings.vantage == VANTAGE_AUTO && state->head.role == ROLE_CLIENT &&
	    server_is_copied(&state->head))
		state->verdict = VERDICT_IDENTITY;
	if (state->verdict == VERDICT_IDENTITY) {
		announce(state);
		return 0;
	}
	if (state->verdict != VERDICT_COPY)
		return 0;
	state->was_copied = 1;

	__builtin_memcpy(&head, &state->head, sizeof(head));
	head.time_ns = bpf_ktime_get_ns();
	head.direction = direction;
	head.kind = RECORD_DATA;
	head.drops = state->drops[direction & 1];
	head.offset = position(state, tp, direction, ret);
	if (is_faulty(&head))
		return 0;

	find_buffers(&buffers);
	if (direction == DIRECTION_RECV && (flags & MSG_TRUNC))
		buffers.cause = CAUSE_NOT_READABLE;
	if (direction == DIRECTION_SEND && state->wire && !(head.flags & FLAG_POSITION_LOCAL)) {
		emit_gap(&head, state, ret, CAUSE_WIRE);
		return 0;
	}
	if (buffers.cause != CAUSE_NONE) {
		if (direction == DIRECTION_SEND && settings.wire == WIRE_AUTO) {
			__u8 one = 1;

			/* from now on packets bring what this process sends */
			bpf_map_update_elem(&bufferless, &head.pid, &one, BPF_ANY);
			state->wire = 1;
		}
		emit_gap(&head, state, ret, buffers.cause);
		return 0;
	}
	if (buffers.count == 0 && (__u32)ret <= LARGEST_CHUNK) {
		if (copy_piece(&head, buffers.address, ret))
			goto full;
		count_emitted(ret);
		return 0;
	}
	if (buffers.count > 0 && buffers.count <= GATHER_BUFFERS && ret <= GATHER_BYTES) {
		if (copy_gathered(&head, buffers.address, buffers.count, ret))
			goto full;
		count_emitted(ret);
		return 0;
	}
	struct pieces pieces = {
		.head = &head,
		.state = state,
		.left = ret,
		.direction = direction,
	};
	if (buffers.count == 0) {
		pieces.base = buffers.address;
		pieces.length = ret;
	} else {
		pieces.iov = buffers.address;
		pieces.count = buffers.count;
	}
	bpf_loop(1 << 17, next_piece, &pieces, 0);
	if (pieces.left)
		emit_gap(&head, state, pieces.left, CAUSE_NOT_READABLE);
	return 0;
full:
	__sync_fetch_and_add(&state->drops[direction & 1], 1);
	count_full(ret);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int ret, int flags)
{
	return on_transfer(sk, ret, flags, DIRECTION_SEND);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_recv, struct sock *sk, int ret, int flags)
{
	return on_transfer(sk, ret, flags, DIRECTION_RECV);
}

#endif

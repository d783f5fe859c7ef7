/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Upper-layer protocols inside the kernel (kernel TLS, sockmap): sequence numbers count what they made of the bytes, so what
 * passes at the socket has positions of its own, from the moment on from which calls of that direction go through them. That
 * a protocol is only set up says nothing: OpenSSL does it for every socket.
 */
#ifndef POLYTAP_LAYERS_H
#define POLYTAP_LAYERS_H

#include "buffers.h"

#define SOL_TLS 282
#define TLS_SET_RECORD_TYPE 1
#define TLS_GET_RECORD_TYPE 2
#define TLS_APPLICATION_DATA 23

/* what plain TCP sends and receives by, as a fresh connection has it; 0: none was seen yet */
struct tcp_calls {
	__u64 send;
	__u64 receive;
} plain_calls SEC(".data.calls") = {};

static __always_inline void learn_plain_calls(struct sock *sk, struct tcp_sock *tp)
{
	if (plain_calls.send || tp->inet_conn.icsk_ulp_ops)
		return;
	plain_calls.receive = (__u64)sk->__sk_common.skc_prot->recvmsg;
	plain_calls.send = (__u64)sk->__sk_common.skc_prot->sendmsg;
}

/* Finds directions that go through another protocol now. */
static __always_inline void find_layer(struct sock *sk, struct tcp_sock *tp, struct socket_state *state)
{
	struct proto *prot = sk->__sk_common.skc_prot;
	__u8 layered = 0;

	if (state->calls_of == (__u64)prot)
		return;
	state->calls_of = (__u64)prot;
	if (plain_calls.send) {
		if ((__u64)prot->sendmsg != plain_calls.send)
			layered |= BIT_OF(DIRECTION_SEND);
		if ((__u64)prot->recvmsg != plain_calls.receive)
			layered |= BIT_OF(DIRECTION_RECV);
	} else if (tp->inet_conn.icsk_ulp_ops) {
		layered = BOTH_DIRECTIONS;
	}
	layered &= ~state->layered;
	if (!layered)
		return;
	if (!state->layered) {
		state->head.flags |= FLAG_POSITION_LOCAL;
		state->wire = 0;
		state->lost[0] = 0;
		state->lost[1] = 0;
	}
	if ((layered & BIT_OF(DIRECTION_SEND)) || !state->layered)
		state->next[DIRECTION_SEND] = 0;
	if ((layered & BIT_OF(DIRECTION_RECV)) || !state->layered)
		state->next[DIRECTION_RECV] = 0;
	state->layered |= layered;
}

/* Kernel TLS: a record of the protocol itself, handshake or alert, with its kind beside it. */
static __always_inline int is_protocol_record(void)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	__u32 number = SYSCALL_NUMBER(regs);
	struct user_msghdr message;
	struct user_record_type type;

	if (!IS_IN_SYSCALL(regs) || (number != NR_SENDMSG && number != NR_RECVMSG))
		return 0;
	if (bpf_probe_read_user(&message, sizeof(message), (void *)SYSCALL_ARG2(regs)) || !message.control)
		return 0;
	if (bpf_probe_read_user(&type, sizeof(type), (void *)message.control))
		return 0;
	return type.level == SOL_TLS && (type.type == TLS_SET_RECORD_TYPE || type.type == TLS_GET_RECORD_TYPE) &&
	       type.value != TLS_APPLICATION_DATA;
}

#endif

/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Where the bytes of a call lie in user memory, and how they get from there into records. */
#ifndef POLYTAP_BUFFERS_H
#define POLYTAP_BUFFERS_H

#include "emit.h"

/* the user memory of a system call */
struct user_buffers {
	__u64 address;          /* of the bytes, or of an iovec */
	__u64 count;            /* entries of the iovec; 0: `address` is the bytes themselves */
	__u8 cause;             /* why there is none */
};

static __always_inline void find_buffers(struct user_buffers *b)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u32 number = SYSCALL_NUMBER(regs);
	__u64 third = SYSCALL_ARG3(regs);
	struct user_msghdr message;

	/* or the compiler makes one load of two, which the verifier refuses */
	barrier_var(third);
	b->address = SYSCALL_ARG2(regs);
	b->count = 0;
	b->cause = CAUSE_NONE;
	if (task->flags & PF_KTHREAD) {
		b->cause = CAUSE_NOT_READABLE;
		return;
	}
	/* what io_uring left for later is done on the way back from any system call: the registers tell of that one */
	if ((task->flags & PF_IO_WORKER) || !IS_IN_SYSCALL(regs)) {
		b->cause = CAUSE_IO_URING;
		return;
	}
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
		b->count = third;
		return;
	case NR_SENDMMSG:
	case NR_RECVMMSG:
		/* which of several messages this is, nothing tells */
		if ((__u32)third != 1) {
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
		/* kernel code, another system call table, or a call that we do not know */
		b->cause = CAUSE_NOT_READABLE;
	}
}

/* Copies `bytes` of user memory into as many records as it takes. Returns 1 where some of it could not be read. */
static __always_inline int emit_buffers(struct record *head, struct socket_state *state, struct user_buffers *buffers,
					__u32 bytes)
{
	if (buffers->count == 0 && bytes <= LARGEST_CHUNK)
		return count_copy(state, head, bytes, copy_piece(head, buffers->address, bytes));
	if (buffers->count > 0 && buffers->count <= GATHER_BUFFERS && bytes <= GATHER_BYTES)
		return count_copy(state, head, bytes, copy_gathered(head, buffers->address, buffers->count, bytes));
	struct pieces pieces = {
		.head = head,
		.state = state,
		.left = bytes,
		.direction = head->direction,
	};
	if (buffers->count == 0) {
		pieces.base = buffers->address;
		pieces.length = bytes;
	} else {
		pieces.iov = buffers->address;
		pieces.count = buffers->count;
	}
	bpf_loop(1 << 17, next_piece, &pieces, 0);
	if (!pieces.left)
		return pieces.is_unreadable;
	emit_gap(head, state, head->offset, pieces.left, CAUSE_NOT_READABLE);
	return 1;
}

#endif

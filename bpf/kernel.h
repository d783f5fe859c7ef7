/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The kernel types that we touch, with the fields that we use; CO-RE finds where they really are. */
#ifndef POLYTAP_KERNEL_H
#define POLYTAP_KERNEL_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

/* bit of skc_flags: a FIN came */
#define SOCK_DONE 1
/* bits of task_struct.flags: a worker thread of io_uring, a thread of the kernel's own */
#define PF_IO_WORKER 0x10
#define PF_KTHREAD 0x200000

#define MSG_OOB 0x1
#define MSG_PEEK 0x2
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000

enum {
	STATE_ESTABLISHED = 1,
	STATE_SYN_SENT = 2,
	STATE_SYN_RECV = 3,
	STATE_FIN_WAIT1 = 4,
	STATE_FIN_WAIT2 = 5,
	STATE_CLOSE = 7,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_CLOSING = 11,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__u32 u6_addr32[4];
	} in6_u;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct proto {
	int (*sendmsg)(void);
	int (*recvmsg)(void);
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct inode {
	unsigned long i_ino;
};

struct file {
	struct inode *f_inode;
};

struct sock;

struct socket {
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	__u16 sk_type;
	__u8 sk_shutdown;
	int sk_err;
	struct socket *sk_socket;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

struct sockaddr_un {
	char sun_path[108];
};

struct unix_address {
	refcount_t refcnt;
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
};

struct bpf_iter__task_file {
	struct file *file;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct sock *sk;
	void *value;
};

struct inet_sock {
	struct sock sk;
};

struct tcp_ulp_ops;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	const struct tcp_ulp_ops *icsk_ulp_ops;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq;
	__u32 rcv_nxt;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 write_seq;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u64 bytes_sent;
	__u64 bytes_retrans;
};

struct task_struct {
	unsigned int flags;
	struct task_struct *group_leader;
	char comm[16];
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r14;
	unsigned long bx;
	unsigned long r10;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
};
#define SYSCALL_NUMBER(regs) ((__u32)(regs)->orig_ax)
/* the result stands in the same register, and this until there is one */
#define IS_IN_SYSCALL(regs) ((__s64)(regs)->ax == -38)
#define SYSCALL_ARG2(regs) ((regs)->si)
#define SYSCALL_ARG3(regs) ((regs)->dx)
#define PROBE_ARG1(regs) ((regs)->di)
#define PROBE_ARG2(regs) ((regs)->si)
#define PROBE_ARG4(regs) ((regs)->cx)
#define PROBE_RESULT(regs) ((int)(regs)->ax)
/* Go's own convention (ABIInternal), the same since Go 1.17 */
#define GO_RECEIVER(regs) ((regs)->ax)
#define GO_ARG1(regs) ((regs)->bx)
#define GO_RESULT(regs) ((__s64)(regs)->ax)
#define GO_GOROUTINE(regs) ((regs)->r14)
#define NR_READ 0
#define NR_WRITE 1
#define NR_READV 19
#define NR_WRITEV 20
#define NR_SENDFILE 40
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_SENDMSG 46
#define NR_RECVMSG 47
#define NR_SPLICE 275
#define NR_PREADV 295
#define NR_PWRITEV 296
#define NR_RECVMMSG 299
#define NR_SENDMMSG 307
#define NR_PREADV2 327
#define NR_PWRITEV2 328
#define NR_IO_URING_ENTER 426
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};
struct pt_regs {
	struct user_pt_regs user_regs;
	__u64 orig_x0;
	__s32 syscallno;
};
#define SYSCALL_NUMBER(r) ((__u32)(r)->syscallno)
/* the result replaces the first argument */
#define IS_IN_SYSCALL(r) ((r)->user_regs.regs[0] == (r)->orig_x0)
#define SYSCALL_ARG2(r) ((r)->user_regs.regs[1])
#define SYSCALL_ARG3(r) ((r)->user_regs.regs[2])
#define PROBE_ARG1(r) ((r)->user_regs.regs[0])
#define PROBE_ARG2(r) ((r)->user_regs.regs[1])
#define PROBE_ARG4(r) ((r)->user_regs.regs[3])
#define PROBE_RESULT(r) ((int)(r)->user_regs.regs[0])
#define GO_RECEIVER(r) ((r)->user_regs.regs[0])
#define GO_ARG1(r) ((r)->user_regs.regs[1])
#define GO_RESULT(r) ((__s64)(r)->user_regs.regs[0])
#define GO_GOROUTINE(r) ((r)->user_regs.regs[28])
#define NR_READ 63
#define NR_WRITE 64
#define NR_READV 65
#define NR_WRITEV 66
#define NR_SENDFILE 71
#define NR_SENDTO 206
#define NR_RECVFROM 207
#define NR_SENDMSG 211
#define NR_RECVMSG 212
#define NR_SPLICE 76
#define NR_PREADV 69
#define NR_PWRITEV 70
#define NR_RECVMMSG 243
#define NR_SENDMMSG 269
#define NR_PREADV2 286
#define NR_PWRITEV2 287
#define NR_IO_URING_ENTER 426
#else
#error "no system call table for this architecture"
#endif

#pragma clang attribute pop

/* user-space types of the system call interface: never relocated */
struct user_iovec {
	__u64 base;
	__u64 length;
};

struct user_msghdr {
	__u64 name;
	__u32 name_length;
	__u32 pad0;
	__u64 iov;
	__u64 iov_length;
	__u64 control;
	__u64 control_length;
	__u32 flags;
	__u32 pad1;
};

/* a control message of kernel TLS */
struct user_record_type {
	__u64 length;
	__u32 level;
	__u32 type;
	__u8 value;
	__u8 pad[7];
};

#endif

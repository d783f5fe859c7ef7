/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Kernels before 6.3 have no tracepoints in sends and receives of sockets: there the same runs at the end of the functions
 * that every call on an internet socket goes through, whatever protocol lies between it and TCP, and of Unix stream sockets. Loaded only where they
 * are needed; user space leaves out what a kernel does not have.
 */
#ifndef POLYTAP_FUNCTIONS_H
#define POLYTAP_FUNCTIONS_H

#include "transfer.h"

struct msghdr;
struct page;

static __always_inline int on_call(struct socket *sock, __s64 ret, int flags, __u32 direction)
{
	struct sock *sk = sock->sk;

	if (!sk || ret <= 0)
		return 0;
	return on_transfer(sk, ret, flags, direction);
}

static __always_inline int on_unix_call(struct socket *sock, __s64 ret, int flags, __u32 direction)
{
	struct sock *sk = sock->sk;

	return sk ? on_unix_transfer(sk, ret, flags, direction) : 0;
}

SEC("fexit/inet_sendmsg")
int BPF_PROG(on_inet_sendmsg, struct socket *sock, struct msghdr *msg, unsigned long size, int ret)
{
	return on_call(sock, ret, 0, DIRECTION_SEND);
}

SEC("fexit/inet6_sendmsg")
int BPF_PROG(on_inet6_sendmsg, struct socket *sock, struct msghdr *msg, unsigned long size, int ret)
{
	return on_call(sock, ret, 0, DIRECTION_SEND);
}

/* sendfile and splice before 6.5, for both address families */
SEC("fexit/inet_sendpage")
int BPF_PROG(on_inet_sendpage, struct socket *sock, struct page *page, int offset, unsigned long size, int flags, long ret)
{
	return on_call(sock, ret, 0, DIRECTION_SEND);
}

SEC("fexit/unix_stream_sendmsg")
int BPF_PROG(on_unix_sendmsg, struct socket *sock, struct msghdr *msg, unsigned long size, int ret)
{
	return on_unix_call(sock, ret, 0, DIRECTION_SEND);
}

SEC("fexit/unix_stream_sendpage")
int BPF_PROG(on_unix_sendpage, struct socket *sock, struct page *page, int offset, unsigned long size, int flags, long ret)
{
	return on_unix_call(sock, ret, 0, DIRECTION_SEND);
}

SEC("fexit/unix_stream_recvmsg")
int BPF_PROG(on_unix_recvmsg, struct socket *sock, struct msghdr *msg, unsigned long size, int flags, int ret)
{
	return on_unix_call(sock, ret, flags, DIRECTION_RECV);
}

SEC("fexit/inet_recvmsg")
int BPF_PROG(on_inet_recvmsg, struct socket *sock, struct msghdr *msg, unsigned long size, int flags, int ret)
{
	return on_call(sock, ret, flags, DIRECTION_RECV);
}

SEC("fexit/inet6_recvmsg")
int BPF_PROG(on_inet6_recvmsg, struct socket *sock, struct msghdr *msg, unsigned long size, int flags, int ret)
{
	return on_call(sock, ret, flags, DIRECTION_RECV);
}

#endif

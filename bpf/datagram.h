/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * UDP: datagrams as their packets leave or come. A packet does not say which process has its socket, nor in which network
 * namespace it is: the socket's next call does, in a record without payload, and later packets have it with them.
 */
#ifndef POLYTAP_DATAGRAM_H
#define POLYTAP_DATAGRAM_H

#include "socket.h"

#define UDP_HEADER 8
/* the longest that IP can carry, and what one packet before segmentation may hold of them */
#define LARGEST_DATAGRAM 65535
#define MAX_SEGMENTS 128

/* Whose socket it is, where a wanted datagram passed in it. */
struct datagram_owner {
	__u32 pid;              /* 0: it made no call since */
	__u32 netns;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct datagram_owner);
} datagram_owners SEC(".maps");

struct datagrams {
	struct __sk_buff *skb;
	struct record head;
	__u32 at;               /* of the payload that is left, in the packet */
	__u32 left;
	__u32 each;             /* of one datagram */
};

/* The length is told less one: kernels before 6.4 cannot see that one which may be 0 is not where it is used. */
#define DATAGRAM_CLASS(SIZE)                                                                   \
	if (length <= (SIZE)) {                                                                \
		struct record *r = bpf_ringbuf_reserve(&data_ring, sizeof(*r) + (SIZE), 0);    \
		if (!r)                                                                        \
			goto full;                                                             \
		__builtin_memcpy(r, &d->head, sizeof(*r));                                     \
		r->length = length;                                                            \
		if (less_one < (SIZE) &&                                                       \
		    bpf_skb_load_bytes(d->skb, d->at, (void *)r + sizeof(*r), less_one + 1)) { \
			bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);                              \
			goto full;                                                             \
		}                                                                              \
		bpf_ringbuf_submit(r, WAKE);                                                   \
		goto emitted;                                                                   \
	}

static long next_datagram(__u64 round, struct datagrams *d)
{
	struct counters *c = counters();
	__u64 length = d->left < d->each ? d->left : d->each;
	__u64 less_one;

	/* one may be empty, but not what is left of several */
	if (round && !length)
		return 1;
	less_one = length - 1;
	barrier_var(length);
	barrier_var(less_one);
	DATAGRAM_CLASS(128)
	DATAGRAM_CLASS(512)
	DATAGRAM_CLASS(1536)
	DATAGRAM_CLASS(8192)
	DATAGRAM_CLASS(LARGEST_DATAGRAM)
	return 1;
full:
	if (c) {
		c->ring_full_records++;
		c->ring_full_bytes += length;
	}
	goto next;
emitted:
	if (c) {
		c->datagrams++;
		c->datagram_bytes += length;
	}
next:
	d->at += length;
	d->left -= length;
	return 0;
}

/* Who is the server, by the rules' ports? 1: nobody wants it. */
static __noinline int find_server(struct record *r)
{
	struct targets *targets = current_targets();
	int serves, asks;

	if (!targets || !r)
		return 1;
	r->role = ROLE_SERVER;
	serves = is_target(targets, r);
	r->role = ROLE_CLIENT;
	asks = is_target(targets, r);
	if (!serves && !asks)
		return 1;
	if (serves && asks)
		r->role = ROLE_UNKNOWN;
	else if (serves)
		r->role = ROLE_SERVER;
	if (settings.vantage == VANTAGE_SERVER)
		return r->role == ROLE_CLIENT;
	if (settings.vantage == VANTAGE_CLIENT)
		return r->role == ROLE_SERVER;
	return 0;
}

/* both ends' addresses and ports; 0: where the UDP header begins */
static __always_inline __u32 read_udp(struct __sk_buff *skb, struct record *r, __u32 direction)
{
	__u8 *from = direction == DIRECTION_SEND ? r->local : r->remote;
	__u8 *to = direction == DIRECTION_SEND ? r->remote : r->local;
	__be16 ports[2];
	__u32 at;
	__u8 byte;

	if (bpf_skb_load_bytes(skb, 0, &byte, 1))
		return 0;
	if (byte >> 4 == 4) {
		at = (byte & 15) * 4;
		r->family = AF_INET;
		if (bpf_skb_load_bytes(skb, 12, from, 4) || bpf_skb_load_bytes(skb, 16, to, 4))
			return 0;
	} else {
		at = 40;
		r->family = AF_INET6;
		/* extension headers are not ours to guess */
		if (bpf_skb_load_bytes(skb, 6, &byte, 1) || byte != IPPROTO_UDP)
			return 0;
		if (bpf_skb_load_bytes(skb, 8, from, 16) || bpf_skb_load_bytes(skb, 24, to, 16))
			return 0;
	}
	if (bpf_skb_load_bytes(skb, at, ports, sizeof(ports)))
		return 0;
	r->local_port = bpf_ntohs(ports[direction == DIRECTION_SEND ? 0 : 1]);
	r->remote_port = bpf_ntohs(ports[direction == DIRECTION_SEND ? 1 : 0]);
	return at;
}

static __always_inline void on_datagram(struct __sk_buff *skb, struct bpf_sock *sk, __u32 direction)
{
	struct targets *targets = current_targets();
	struct datagram_owner *owner;
	struct datagrams d = {};
	__u32 at;

	if (!targets || !targets->udp_rules)
		return;
	d.head.is_udp = 1;
	at = read_udp(skb, &d.head, direction);
	if (!at || skb->len < at + UDP_HEADER || find_server(&d.head))
		return;
	owner = bpf_sk_storage_get(&datagram_owners, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (owner) {
		d.head.pid = owner->pid;
		d.head.netns = owner->netns;
	}
	d.head.cookie = bpf_get_socket_cookie(skb);
	d.head.time_ns = bpf_ktime_get_ns();
	d.head.kind = RECORD_DATAGRAM;
	d.head.direction = direction;
	d.skb = skb;
	d.at = at + UDP_HEADER;
	d.left = skb->len - d.at;
	/* several that go to one place in one packet, before segmentation or put together on their way */
	d.each = skb->gso_size ? skb->gso_size : LARGEST_DATAGRAM;
	bpf_loop(skb->gso_size ? MAX_SEGMENTS : 1, next_datagram, &d, 0);
}

/* A call of a UDP socket: now it is known whose it is. */
static __always_inline void on_datagram_call(struct sock *sk)
{
	struct datagram_owner *owner = bpf_sk_storage_get(&datagram_owners, sk, NULL, 0);
	struct record head = {};

	if (!owner || owner->pid)
		return;
	read_addresses(&head, sk);
	head.cookie = bpf_get_socket_cookie(sk);
	head.time_ns = bpf_ktime_get_ns();
	head.kind = RECORD_OPEN;
	head.is_udp = 1;
	head.pid = current_pid();
	owner->netns = head.netns;
	if (bpf_ringbuf_output(&data_ring, &head, sizeof(head), WAKE) == 0)
		owner->pid = head.pid;
}

#endif

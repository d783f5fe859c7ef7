/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef POLYTAP_MAPS_H
#define POLYTAP_MAPS_H

#include "kernel.h"
#include "events.h"

enum verdict {
	VERDICT_IGNORE = 1,
	VERDICT_COPY = 2,
	VERDICT_IDENTITY = 3,   /* the other end is copied: send only who we are */
};

/* What we keep with each socket. */
struct socket_state {
	struct record head;     /* the header of its records, but for time, position and length */
	__u64 counted[2];       /* bytes that passed, for sockets whose sequence numbers mean something else */
	__u32 drops[2];
	__u32 generation;
	__u8 verdict;
	__u8 wire;              /* packets bring what it sends */
	__u8 fin_sent;
	__u8 fin_received;
	__u8 announced;         /* its identity was sent */
	__u8 was_copied;
	__u16 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_state);
} sockets SEC(".maps");

/* payload records; user space sets the size */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} data_ring SEC(".maps");

/* opens and closes, so that an overload of payload never hides them */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} control_ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct targets);
} targets_map SEC(".maps");

/* processes that were seen sending without a user buffer */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u8);
} bufferless SEC(".maps");

/* the endpoints of server ends on this node that are copied, as the server sees them */
struct end_key {
	__u32 netns;            /* loopback addresses mean something within their namespace only */
	__u16 local_port;
	__u16 remote_port;
	__u8 local[16];
	__u8 remote[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct end_key);
	__type(value, __u8);
} server_ends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters_map SEC(".maps");

SEC(".rodata.settings") const volatile struct settings settings = {};

static __always_inline struct counters *counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters_map, &zero);
}

#endif

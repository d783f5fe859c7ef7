/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
#ifndef POLYTAP_MAPS_H
#define POLYTAP_MAPS_H

#include "kernel.h"
#include "events.h"

#define BIT_OF(DIRECTION) (1 << (DIRECTION))
#define BOTH_DIRECTIONS 3

enum verdict {
	VERDICT_IGNORE = 1,
	VERDICT_COPY = 2,
	VERDICT_IDENTITY = 3,   /* the other end is copied: send only who we are */
	VERDICT_SAMPLED = 4,    /* it was left out for the CPU budget */
};

/* What we keep with each socket. */
struct socket_state {
	struct record head;     /* the header of its records, but for time, position and length */
	__u64 next[2];          /* position after the last byte that a call moved */
	__u64 wire_from[2];     /* from this position on packets bring the bytes */
	__u64 wire_next;        /* position after the last byte that a packet brought out */
	__u64 wire_hole;        /* before that some were not seen, from here on; less one, 0: none */
	__u64 final_send;
	__u64 final_recv;
	__u32 lost[2];          /* bytes that found no room since the last record that did */
	__u64 calls_of;         /* the protocol whose calls were looked at */
	__u64 skip_to[2];       /* before this position nothing need be copied */
	__u32 turn[2];          /* bytes that were copied since the other direction moved */
	__u32 advice_epoch;
	__u8 advice;
	__u8 advice_looks;
	__u16 reserved2;
	__u32 generation;
	__u8 verdict;
	__u8 tracked;           /* bit for each direction: `next` is known */
	__u8 wire;              /* bit for each direction: packets bring the bytes */
	__u8 fin_sent;
	__u8 announced;         /* its identity was sent */
	__u8 was_copied;
	__u8 is_closed;
	__u8 tls_looks;         /* what was spent on looking for TLS records */
	__u64 tls_session;      /* the library's name for what is above; 0: none is known */
	__u64 tls_random[2];    /* of a session: of the hello by which it was joined; 0: otherwise */
	__u32 tls_tgid;
	__u32 tls_epoch;        /* libraries that were watched when it was established */
	__u8 tls_is_freed;      /* of a session */
	__u8 tls_is_nested;     /* its socket calls are made inside the library's */
	__u8 tls_is_muted;      /* of a client's session: the server's end tells the same */
	__u8 tls_is_hidden;     /* bit for each direction: what passes encrypted is not told any more */
	__u8 tls_is_seen;       /* TLS records passed */
	__u8 wire_cause;        /* why packets bring the bytes */
	__u8 layered;           /* bit for each direction: an upper-layer protocol is between the calls and TCP */
	__u8 is_gone;           /* its end was told, or there was nothing to tell */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket_state);
} sockets SEC(".maps");

/* a session of a TLS library; the process is that of the initial namespace */
struct tls_key {
	__u64 session;
	__u32 tgid;
	__u32 reserved;
};

/* sessions whose socket is known: a socket's state of their own, for the plaintext */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct tls_key);
	__type(value, struct socket_state);
} tls_sessions SEC(".maps");

/* by cookie: sockets that were joined outside of their own calls, until the next of these looks */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct tls_key);
} tls_sockets SEC(".maps");

/* payload records; user space sets the size */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} data_ring SEC(".maps");

/* closes, so that an overload of payload never hides them */
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

/* closes that found no room there, until user space comes for them; it sets how many */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct close_record);
} kept_closes SEC(".maps");

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

/* set by user space once packets are watched, which costs every packet of the node something: not before the first need */
__u32 wire_is_attached SEC(".data.wire") = 0;

/* set by the reader while it sleeps: nobody is woken who looks by himself anyway */
__u32 reader_sleeps SEC(".data.wakeups") = 1;

/* of a record for the reader: 0 wakes it where it had caught up */
#define WAKE (*(volatile __u32 *)&reader_sleeps ? 0 : BPF_RB_NO_WAKEUP)

/* how many libraries are watched, and whether any is Go's */
struct tls_watch {
	__u32 epoch;
	__u32 has_go;
} tls_watch SEC(".data.tls") = {};

SEC(".rodata.settings") const volatile struct settings settings = {};

static __always_inline struct counters *counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&counters_map, &zero);
}

#endif

/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Sessions of TLS libraries, and the sockets that they are joined to: a session has a socket's state of its own. */
#ifndef POLYTAP_TLS_SESSIONS_H
#define POLYTAP_TLS_SESSIONS_H

#include "buffers.h"
#include "socket.h"

/* so much of a joined connection is told encrypted as well: the hellos */
#define TLS_HELLO_BYTES 4096
#define TLS_TELL_EVERY_NS 10000000000ull
#define DIRECTION_NONE 2

/* a probe's bpf_cookie: how many files were watched before this one, which library, what the function does */
#define COOKIE_EPOCH(cookie) ((__u32)(cookie))
#define COOKIE_LIBRARY(cookie) ((__u8)((cookie) >> 32))
#define COOKIE_FUNCTION(cookie) ((__u8)((cookie) >> 40))

/* the call of a library that a thread, or a goroutine, is in */
struct tls_call {
	__u64 session;          /* 0: it is in none */
	__u64 buffer;
	__u64 count_at;         /* where the library puts how much it moved; 0: it returns that */
	__u64 time_ns;
	__u32 epoch;
	__u8 direction;
	__u8 library;
	__u8 cause;             /* why its bytes cannot be read */
	__u8 reserved;
};

/* memory of a session is searched in pieces of so many words, and what begins in a piece may end behind it */
#define PIECE_WORDS 32

/* What we keep with each thread that speaks TLS. */
struct thread_state {
	struct tls_call call;
	/* the last TLS records that it received outside of such a call */
	__u64 received_ns;      /* 0: none */
	struct socket_state received;
	__u64 given_to;         /* the session that it called for first since then */
	__u32 received_payload; /* of whole records, without their headers; 0: there were others */
	__u32 received_records;
	__u32 read_bytes;       /* what that session was read since */
	__u8 is_unclear;        /* it had received for another socket, and called for no session in between */
	__u8 written_library;
	__u16 reserved;
	/* what it has written since it last sent anything, by a session that nobody has joined */
	__u64 written_by;       /* 0: nothing */
	__u32 written_bytes;
	__u32 written_records;
	__u32 written_epoch;
	__u32 words[PIECE_WORDS + 3];   /* the piece that is being searched */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
} threads SEC(".maps");

/* a goroutine changes threads in the middle of a call */
struct goroutine_key {
	__u64 goroutine;
	__u32 tgid;
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct goroutine_key);
	__type(value, struct tls_call);
} goroutines SEC(".maps");

/* a session whose socket is not known yet */
struct tls_doubt {
	__u64 matched[2];       /* by direction: cookie of the socket that it seems to be; 0: none */
	__u32 searches;
	__u32 has_moved;        /* plaintext passed: where it is by now nobody can tell */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct tls_key);
	__type(value, struct tls_doubt);
} tls_unjoined SEC(".maps");

/* processes that have begun another program, or that speak TLS by a library that nobody watches: to look at */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} process_ring SEC(".maps");

/* when a process was last told for its TLS */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} tls_told SEC(".maps");

static __always_inline void tell_process(__u32 pid, __u32 reason)
{
	__u32 *told = bpf_ringbuf_reserve(&process_ring, sizeof(__u64), 0);

	/* without room for it user space has enough to look at */
	if (!told)
		return;
	told[0] = pid;
	told[1] = reason;
	bpf_ringbuf_submit(told, 0);
}

static __always_inline void tell_tls_process(void)
{
	__u32 pid = current_pid();
	__u64 now = bpf_ktime_get_ns();
	__u64 *last = bpf_map_lookup_elem(&tls_told, &pid);

	if (last && now - *last < TLS_TELL_EVERY_NS)
		return;
	bpf_map_update_elem(&tls_told, &pid, &now, BPF_ANY);
	tell_process(pid, PROCESS_TLS);
}

static __always_inline struct thread_state *this_thread(__u64 flags)
{
	return bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, flags);
}

/* the last word about a session's plaintext; without room for it user space ends it with its socket */
static __always_inline void send_session_close(struct socket_state *tls, __u8 flags)
{
	struct close_record *close;
	struct counters *c;

	if (!tls->was_copied)
		return;
	/* the server's end says how much there was */
	if (tls->tls_is_muted)
		flags |= FLAG_IDENTITY_ONLY;
	close = bpf_ringbuf_reserve(&control_ring, sizeof(*close), 0);
	if (!close) {
		c = counters();
		if (c)
			c->control_full_records++;
		return;
	}
	__builtin_memcpy(&close->head, &tls->head, sizeof(close->head));
	close->head.flags |= flags;
	close->head.time_ns = bpf_ktime_get_ns();
	close->head.kind = RECORD_CLOSE;
	close->head.offset = bpf_ringbuf_query(&data_ring, BPF_RB_PROD_POS);
	close->head.length = 0;
	close->final_send = tls->next[DIRECTION_SEND];
	close->final_recv = tls->next[DIRECTION_RECV];
	close->lost_send = tls->lost[DIRECTION_SEND];
	close->lost_recv = tls->lost[DIRECTION_RECV];
	bpf_ringbuf_submit(close, WAKE);
	tls->was_copied = 0;
}

static __always_inline struct socket_state *session_of(const struct socket_state *state)
{
	struct tls_key key = { .session = state->tls_session, .tgid = state->tls_tgid };
	struct socket_state *tls = bpf_map_lookup_elem(&tls_sessions, &key);

	return tls && tls->head.cookie == state->head.cookie ? tls : NULL;
}

/* of a server's end: it tells plaintext */
static __always_inline int is_two(const __u8 *copied)
{
	return copied && *copied == 2;
}

/* From now on this session's plaintext belongs to that socket. `random`: by that of its hello, or NULL. Returns 1 where it is new. */
static __always_inline int join(const struct tls_key *key, struct socket_state *socket, __u32 epoch, __u8 library,
				const __u64 *random)
{
	struct socket_state *tls = bpf_map_lookup_elem(&tls_sessions, key);
	struct socket_state *before = NULL;
	struct tls_doubt *doubt;
	struct counters *c;
	struct end_key end;
	__u8 is_late = (socket->head.flags & FLAG_LATE) || socket->tls_epoch < epoch;
	__u8 two = 2;

	if (tls) {
		if (tls->head.cookie == socket->head.cookie)
			return 0;
		/* the library used this address before */
		send_session_close(tls, 0);
	}
	doubt = bpf_map_lookup_elem(&tls_unjoined, key);
	if (doubt) {
		is_late |= doubt->has_moved;
		bpf_map_delete_elem(&tls_unjoined, key);
	}
	if (bpf_map_update_elem(&tls_sessions, key, socket, BPF_ANY))
		return 0;
	tls = bpf_map_lookup_elem(&tls_sessions, key);
	if (!tls)
		return 0;
	tls->head.flags = FLAG_PLAINTEXT | (is_late ? FLAG_LATE : 0);
	tls->head.library = library;
	tls->next[0] = 0;
	tls->next[1] = 0;
	tls->lost[0] = 0;
	tls->lost[1] = 0;
	tls->was_copied = 0;
	tls->tls_is_freed = 0;
	tls->tls_is_muted = 0;
	tls->tls_random[0] = random ? random[0] : 0;
	tls->tls_random[1] = random ? random[1] : 0;
	c = counters();
	if (c)
		c->tls_joined++;
	/* the same socket by another session: the streams above it go on */
	if (socket->tls_session) {
		struct tls_key old = { .session = socket->tls_session, .tgid = socket->tls_tgid };

		before = session_of(socket);
		if (before) {
			tls->head.flags = before->head.flags;
			tls->next[0] = before->next[0];
			tls->next[1] = before->next[1];
			tls->lost[0] = before->lost[0];
			tls->lost[1] = before->lost[1];
			tls->was_copied = before->was_copied;
			bpf_map_delete_elem(&tls_sessions, &old);
		}
	}
	if (settings.vantage != VANTAGE_AUTO)
		return 1;
	server_end(&end, &tls->head);
	if (tls->head.role == ROLE_SERVER && tls->verdict == VERDICT_COPY)
		bpf_map_update_elem(&server_ends, &end, &two, BPF_ANY);
	else if (tls->head.role == ROLE_CLIENT && is_two(bpf_map_lookup_elem(&server_ends, &end)))
		tls->tls_is_muted = 1;
	return 1;
}

/* What a server's end tells, a client's end on the same node need not: is the server's session joined? */
static __always_inline void mute_client(struct socket_state *state)
{
	struct socket_state *tls;
	struct end_key end;

	if (state->tls_is_muted || state->head.role != ROLE_CLIENT || settings.vantage != VANTAGE_AUTO)
		return;
	server_end(&end, &state->head);
	if (!is_two(bpf_map_lookup_elem(&server_ends, &end)))
		return;
	tls = session_of(state);
	if (!tls)
		return;
	tls->tls_is_muted = 1;
	state->tls_is_muted = 1;
}

#endif

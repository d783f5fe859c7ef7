/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Plaintext above TLS: uprobes on the functions by which an application hands bytes to its library and takes them back. A
 * session is joined to its socket once: by the socket call that is nested in the library's, or, where the application moves
 * the encrypted bytes itself, by the receive that came right before on the same thread. What is joined is told as plaintext,
 * with positions that count what the application wrote and read.
 */
#ifndef POLYTAP_TLS_H
#define POLYTAP_TLS_H

#include "buffers.h"
#include "socket.h"

/* so much of a joined connection is told encrypted as well: the hellos */
#define TLS_HELLO_BYTES 4096
/* receives of a socket that are looked at for TLS records: a protocol may talk before it turns to TLS */
#define TLS_LOOKS 16
/* what was received longer ago is not what the library is being given now */
#define TLS_CLAIM_NS 50000000ull
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

/* What we keep with each thread that speaks TLS. */
struct thread_state {
	struct tls_call call;
	__u64 received_ns;      /* 0: no */
	struct socket_state received;   /* the socket of its last socket call, where that received TLS records */
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

/* sessions that moved plaintext before their socket was known: where they are nobody can tell */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct tls_key);
	__type(value, __u8);
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

/* From now on this session's plaintext belongs to that socket. */
static __always_inline void join(const struct tls_key *key, struct socket_state *socket, __u32 epoch, __u8 library)
{
	struct socket_state *tls = bpf_map_lookup_elem(&tls_sessions, key);
	struct socket_state *before = NULL;
	struct counters *c;
	struct end_key end;
	__u8 is_late = (socket->head.flags & FLAG_LATE) || socket->tls_epoch < epoch;
	__u8 two = 2;

	if (tls) {
		if (tls->head.cookie == socket->head.cookie)
			return;
		/* the library used this address before */
		send_session_close(tls, 0);
	}
	if (bpf_map_lookup_elem(&tls_unjoined, key)) {
		is_late = 1;
		bpf_map_delete_elem(&tls_unjoined, key);
	}
	if (bpf_map_update_elem(&tls_sessions, key, socket, BPF_ANY))
		return;
	tls = bpf_map_lookup_elem(&tls_sessions, key);
	if (!tls)
		return;
	tls->head.flags = FLAG_PLAINTEXT | (is_late ? FLAG_LATE : 0);
	tls->head.library = library;
	tls->next[0] = 0;
	tls->next[1] = 0;
	tls->lost[0] = 0;
	tls->lost[1] = 0;
	tls->was_copied = 0;
	tls->tls_is_freed = 0;
	tls->tls_is_muted = 0;
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
		return;
	server_end(&end, &tls->head);
	if (tls->head.role == ROLE_SERVER && tls->verdict == VERDICT_COPY)
		bpf_map_update_elem(&server_ends, &end, &two, BPF_ANY);
	else if (tls->head.role == ROLE_CLIENT && is_two(bpf_map_lookup_elem(&server_ends, &end)))
		tls->tls_is_muted = 1;
}

static __always_inline int begins_like_tls(void)
{
	struct user_buffers buffers;
	struct user_iovec first;
	__u8 bytes[3] = {};

	find_buffers(&buffers);
	if (buffers.cause != CAUSE_NONE)
		return 0;
	if (buffers.count) {
		if (bpf_probe_read_user(&first, sizeof(first), (void *)buffers.address))
			return 0;
		buffers.address = first.base;
	}
	if (bpf_probe_read_user(bytes, sizeof(bytes), (void *)buffers.address))
		return 0;
	return bytes[0] >= 0x14 && bytes[0] <= 0x17 && bytes[1] == 3 && bytes[2] <= 4;
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

static __always_inline struct tls_call *goroutine_call(__u32 tgid)
{
	struct goroutine_key key = { .tgid = tgid };
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	key.goroutine = GO_GOROUTINE(regs);
	return bpf_map_lookup_elem(&goroutines, &key);
}

/* Every send and receive while any library is watched. Returns 1 inside a call of the library, for the session above. */
static __always_inline int find_session(struct socket_state *state, __u32 direction)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct thread_state *thread = this_thread(0);
	struct tls_call *call = NULL;
	struct tls_key *known;
	struct tls_key key = {};

	if (thread && thread->call.session)
		call = &thread->call;
	else if (tls_watch.has_go)
		call = goroutine_call(tgid);
	if (call) {
		key.session = call->session;
		key.tgid = tgid;
		if (state->tls_session != key.session || state->tls_tgid != key.tgid) {
			/* a library may ask others while it talks: for a name, for a revocation */
			if (!begins_like_tls())
				return 0;
			join(&key, state, call->epoch, call->library);
			state->tls_session = key.session;
			state->tls_tgid = key.tgid;
			state->tls_is_nested = 1;
			state->wire = 0;
		}
		mute_client(state);
		return 1;
	}
	if (thread && thread->received_ns && thread->received.head.cookie != state->head.cookie)
		thread->received_ns = 0;
	if (state->tls_session) {
		mute_client(state);
		return 0;
	}
	if (state->tls_is_seen) {
		known = bpf_map_lookup_elem(&tls_sockets, &state->head.cookie);
		if (known) {
			state->tls_session = known->session;
			state->tls_tgid = known->tgid;
			state->wire = 0;
			mute_client(state);
			return 0;
		}
	}
	if (direction != DIRECTION_RECV || state->tls_looks >= TLS_LOOKS)
		return 0;
	state->tls_looks++;
	if (!begins_like_tls()) {
		if (thread)
			thread->received_ns = 0;
		return 0;
	}
	if (!state->tls_is_seen) {
		state->tls_is_seen = 1;
		tell_tls_process();
	}
	if (!thread)
		thread = this_thread(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread)
		return 0;
	__builtin_memcpy(&thread->received, state, sizeof(thread->received));
	thread->received_ns = bpf_ktime_get_ns();
	return 0;
}

/*
 * Is what passes in this direction told as plaintext? Until the first plaintext is there, nobody knows that it will be. From
 * then on everything is taken for TLS: a server that closes reads what still comes past its library.
 */
static __always_inline int is_told_as_plaintext(const struct socket_state *state, __u32 direction, __u64 offset, int is_in_call)
{
	struct socket_state *tls;

	if (state->tls_is_hidden & BIT_OF(direction))
		return 1;
	if (!state->tls_session || offset < TLS_HELLO_BYTES || (state->tls_is_nested && !is_in_call))
		return 0;
	tls = session_of(state);
	return tls && tls->next[direction & 1] > 0;
}

static __always_inline void hide(struct socket_state *state, __u32 direction, __u32 bytes)
{
	struct counters *c = counters();

	state->tls_is_hidden |= BIT_OF(direction);
	if (c)
		c->tls_hidden_bytes += bytes;
}

/* The socket is gone. */
static __always_inline void end_session(struct socket_state *state)
{
	struct tls_key key = {};
	struct socket_state *tls;
	struct tls_key *known;

	if (!state->tls_session && state->tls_is_seen) {
		known = bpf_map_lookup_elem(&tls_sockets, &state->head.cookie);
		if (known) {
			state->tls_session = known->session;
			state->tls_tgid = known->tgid;
		}
	}
	if (!state->tls_session)
		return;
	if (!state->tls_is_nested)
		bpf_map_delete_elem(&tls_sockets, &state->head.cookie);
	tls = session_of(state);
	if (!tls)
		return;
	send_session_close(tls, state->head.flags & FLAG_RESET);
	key.session = state->tls_session;
	key.tgid = state->tls_tgid;
	bpf_map_delete_elem(&tls_sessions, &key);
}

/* ------------------------------------------------------------------------------------------------ the probes */

/* The application is about to give this session what its thread received just now. */
static __always_inline void claim(struct thread_state *thread, const struct tls_call *call, __u32 tgid)
{
	struct tls_key key = { .session = call->session, .tgid = tgid };
	struct socket_state *tls;

	if (!thread->received_ns)
		return;
	if (call->time_ns - thread->received_ns < TLS_CLAIM_NS) {
		tls = bpf_map_lookup_elem(&tls_sessions, &key);
		if (!tls || (tls->tls_is_freed && tls->head.cookie != thread->received.head.cookie)) {
			join(&key, &thread->received, call->epoch, call->library);
			bpf_map_update_elem(&tls_sockets, &thread->received.head.cookie, &key, BPF_ANY);
		}
	}
	/* whoever comes next was not given it */
	thread->received_ns = 0;
}

static __always_inline void tell_plaintext(const struct tls_call *call, __u32 tgid, __u32 bytes)
{
	struct tls_key key = { .session = call->session, .tgid = tgid };
	struct socket_state *tls = bpf_map_lookup_elem(&tls_sessions, &key);
	struct user_buffers buffers = { .address = call->buffer };
	__u32 direction = call->direction & 1;
	struct counters *c = counters();
	struct record head;
	__u8 one = 1;

	if (!tls) {
		if (c)
			c->tls_unjoined_bytes += bytes;
		bpf_map_update_elem(&tls_unjoined, &key, &one, BPF_ANY);
		return;
	}
	__builtin_memcpy(&head, &tls->head, sizeof(head));
	head.offset = __sync_fetch_and_add(&tls->next[direction], bytes);
	if (tls->verdict != VERDICT_COPY && (tls->verdict != VERDICT_IDENTITY || settings.vantage != VANTAGE_AUTO))
		return;
	if (tls->tls_is_muted)
		return;
	/* of a connection that is older than we are the two ends would count differently */
	if ((head.flags & FLAG_LATE) && head.role == ROLE_CLIENT && settings.vantage == VANTAGE_AUTO && server_is_copied(&head))
		return;
	head.time_ns = direction == DIRECTION_SEND ? call->time_ns : bpf_ktime_get_ns();
	head.direction = direction;
	head.kind = RECORD_DATA;
	head.lost = tls->lost[direction];
	head.lost_other = tls->lost[direction ^ 1];
	tls->was_copied = 1;
	if (c)
		c->tls_bytes += bytes;
	if (call->cause != CAUSE_NONE)
		emit_gap(&head, tls, head.offset, bytes, call->cause);
	else
		emit_buffers(&head, tls, &buffers, bytes);
}

static __always_inline void mark_freed(__u64 session, __u32 tgid)
{
	struct tls_key key = { .session = session, .tgid = tgid };
	struct socket_state *tls = bpf_map_lookup_elem(&tls_sessions, &key);

	/* its address may be used again, though others may still hold it */
	if (tls)
		tls->tls_is_freed = 1;
	bpf_map_delete_elem(&tls_unjoined, &key);
}

static __always_inline void begin_call(struct tls_call *call, __u64 cookie)
{
	__builtin_memset(call, 0, sizeof(*call));
	call->time_ns = bpf_ktime_get_ns();
	call->epoch = COOKIE_EPOCH(cookie);
	call->library = COOKIE_LIBRARY(cookie);
}

static __always_inline void finish_go(struct pt_regs *ctx, const struct goroutine_key *key, __u8 function)
{
	struct tls_call *call = bpf_map_lookup_elem(&goroutines, key);
	__s64 moved = GO_RESULT(ctx);

	if (!call)
		return;
	if (function == TLS_GO_PROTOCOL_RETURN) {
		if (call->direction != DIRECTION_NONE)
			return;
	} else if (call->direction != DIRECTION_NONE && moved > 0 && moved < 1ll << 31) {
		tell_plaintext(call, key->tgid, moved);
	}
	bpf_map_delete_elem(&goroutines, key);
}

static __always_inline void enter_go(struct pt_regs *ctx, __u64 cookie, __u8 function, __u32 tgid)
{
	struct goroutine_key key = { .goroutine = GO_GOROUTINE(ctx), .tgid = tgid };
	struct tls_call *outer;
	struct tls_call call;

	if (function == TLS_GO_RETURN || function == TLS_GO_PROTOCOL_RETURN) {
		finish_go(ctx, &key, function);
		return;
	}
	begin_call(&call, cookie);
	call.session = GO_RECEIVER(ctx);
	call.buffer = GO_ARG1(ctx);
	call.direction = DIRECTION_NONE;
	if (function == TLS_GO_READ)
		call.direction = DIRECTION_RECV;
	else if (function == TLS_GO_WRITE)
		call.direction = DIRECTION_SEND;
	/* the first read of a connection shakes hands inside */
	outer = bpf_map_lookup_elem(&goroutines, &key);
	if (call.direction == DIRECTION_NONE && outer && outer->session == call.session)
		return;
	bpf_map_update_elem(&goroutines, &key, &call, BPF_ANY);
}

SEC("uprobe")
int on_tls_entry(struct pt_regs *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u64 cookie = bpf_get_attach_cookie(ctx);
	__u8 function = COOKIE_FUNCTION(cookie);
	struct thread_state *thread;
	struct tls_call call;
	struct counters *c;

	if (function >= TLS_GO_READ) {
		enter_go(ctx, cookie, function, tgid);
		return 0;
	}
	if (function == TLS_FREE) {
		mark_freed(PROBE_ARG1(ctx), tgid);
		return 0;
	}
	thread = this_thread(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		c = counters();
		if (c)
			c->tls_calls_missed++;
		return 0;
	}
	begin_call(&call, cookie);
	call.session = PROBE_ARG1(ctx);
	call.buffer = PROBE_ARG2(ctx);
	call.direction = DIRECTION_SEND;
	if (function == TLS_READ || function == TLS_READ_EX)
		call.direction = DIRECTION_RECV;
	else if (function == TLS_PROTOCOL)
		call.direction = DIRECTION_NONE;
	if (function == TLS_READ_EX || function == TLS_WRITE_EX)
		call.count_at = PROBE_ARG4(ctx);
	if (function == TLS_SENDFILE)
		call.cause = CAUSE_SENDFILE;
	claim(thread, &call, tgid);
	/* a read that shakes hands, or peeks, inside */
	if (call.direction == DIRECTION_NONE && thread->call.session == call.session && thread->call.direction != DIRECTION_NONE)
		return 0;
	thread->call = call;
	return 0;
}

SEC("uretprobe")
int on_tls_return(struct pt_regs *ctx)
{
	__u8 function = COOKIE_FUNCTION(bpf_get_attach_cookie(ctx));
	struct thread_state *thread = this_thread(0);
	int moved = PROBE_RESULT(ctx);
	__u64 count = 0;

	if (!thread || !thread->call.session)
		return 0;
	if (function == TLS_PROTOCOL) {
		if (thread->call.direction != DIRECTION_NONE)
			return 0;
	} else if (thread->call.direction != DIRECTION_NONE && moved > 0) {
		if (!thread->call.count_at)
			count = moved;
		else if (bpf_probe_read_user(&count, sizeof(count), (void *)thread->call.count_at))
			count = 0;
		if (count > 0 && count < 1u << 31)
			tell_plaintext(&thread->call, bpf_get_current_pid_tgid() >> 32, count);
	}
	thread->call.session = 0;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec)
{
	tell_process(current_pid(), PROCESS_EXEC);
	return 0;
}

#endif

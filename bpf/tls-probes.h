/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Uprobes on the functions by which an application hands bytes to its TLS library and takes them back. */
#ifndef POLYTAP_TLS_PROBES_H
#define POLYTAP_TLS_PROBES_H

#include "tls.h"

/* A call has ended: is the socket that carries its session known by now? */
static __always_inline int find_socket(const struct tls_call *call, __u32 tgid)
{
	struct tls_key key = { .session = call->session, .tgid = tgid };
	struct socket_state *tls = bpf_map_lookup_elem(&tls_sessions, &key);

	if (tls && !tls->tls_is_freed)
		return 1;
	if (prove(call, tgid))
		return 1;
	/* the same address may be another session's by now, unless others hold it */
	if (tls && !tls->tls_is_nested && !is_still(tls, call)) {
		refute(&key, tls);
		return 0;
	}
	return tls != NULL;
}

/* A global function, as its callers have little stack to spare. Returns 0 where nobody knows whose it is. */
__noinline int tell_plaintext(const struct tls_call *call, __u32 tgid, __u32 bytes)
{
	struct tls_key key = { .tgid = tgid };
	struct user_buffers buffers = {};
	struct socket_state *tls;
	struct counters *c = counters();
	struct tls_doubt *doubt;
	struct record head;
	__u32 direction;

	if (!call)
		return 0;
	key.session = call->session;
	buffers.address = call->buffer;
	direction = call->direction & 1;
	tls = bpf_map_lookup_elem(&tls_sessions, &key);
	if (!tls) {
		if (c)
			c->tls_unjoined_bytes += bytes;
		doubt = doubt_of(&key);
		if (doubt)
			doubt->has_moved = 1;
		return 0;
	}
	__builtin_memcpy(&head, &tls->head, sizeof(head));
	head.offset = __sync_fetch_and_add(&tls->next[direction], bytes);
	if (tls->verdict != VERDICT_COPY && (tls->verdict != VERDICT_IDENTITY || settings.vantage != VANTAGE_AUTO))
		return 1;
	if (tls->tls_is_muted)
		return 1;
	/* of a connection that is older than we are the two ends would count differently */
	if ((head.flags & FLAG_LATE) && head.role == ROLE_CLIENT && settings.vantage == VANTAGE_AUTO && server_is_copied(&head))
		return 1;
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
	return 1;
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
	if (!thread->given_to)
		thread->given_to = call.session;
	/* a read that shakes hands, or peeks, inside */
	if (call.direction == DIRECTION_NONE && thread->call.session == call.session && thread->call.direction != DIRECTION_NONE)
		return 0;
	thread->call = call;
	return 0;
}

/* A session that nobody has joined went on: what it moved may tell whose it is. */
static __always_inline void compare_lengths(struct thread_state *thread, const struct tls_call *call, __u32 tgid, __u32 bytes)
{
	if (call->direction == DIRECTION_SEND && bytes)
		note_written(thread, call, bytes);
	else if (call->direction == DIRECTION_RECV && bytes && thread->given_to == call->session)
		thread->read_bytes += bytes;
	else if (call->direction == DIRECTION_RECV)
		match_received(thread, call, tgid);
}

SEC("uretprobe")
int on_tls_return(struct pt_regs *ctx)
{
	__u8 function = COOKIE_FUNCTION(bpf_get_attach_cookie(ctx));
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct thread_state *thread = this_thread(0);
	int moved = PROBE_RESULT(ctx);
	int is_joined;
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
		if (count >= 1u << 31)
			count = 0;
	}
	is_joined = find_socket(&thread->call, tgid);
	if (count)
		tell_plaintext(&thread->call, tgid, count);
	if (!is_joined)
		compare_lengths(thread, &thread->call, tgid, count);
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

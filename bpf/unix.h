/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Unix stream sockets. They have no sequence numbers: each end counts what it moved, and both ends count alike where both
 * were there from the start. What was there before us is known by a look at everybody's files (on_file).
 */
#ifndef POLYTAP_UNIX_H
#define POLYTAP_UNIX_H

#include "buffers.h"

#define SOCK_STREAM 1
#define RCV_SHUTDOWN 1

/* without a name: 0 */
static __always_inline __u32 name_length(struct unix_sock *u)
{
	struct unix_address *address = u->addr;
	__u32 length;

	if (!address)
		return 0;
	length = address->len;
	if (length <= 2)
		return 0;
	length -= 2;
	return length > UNIX_PATH_BYTES ? UNIX_PATH_BYTES : length;
}

/* a name that the kernel made up for a client: a zero byte and five hexadecimal digits */
static __always_inline int is_given(struct unix_sock *u)
{
	__u32 length = name_length(u);

	return length != 0 && !(length == 6 && u->addr->name[0].sun_path[0] == 0);
}

/* an accepted socket has its name together with the one that listens */
static __always_inline int is_shared_name(struct unix_sock *u)
{
	return u->addr && u->addr->refcnt.refs.counter > 1;
}

struct path_words {
	__u64 word[UNIX_PATH_BYTES / 8 + 1];
};

static __always_inline void read_path(struct path_words *path, struct unix_sock *u)
{
	struct unix_address *address = u->addr;

	__builtin_memset(path, 0, sizeof(*path));
	if (!address)
		return;
#pragma unroll
	for (int i = 0; i < UNIX_PATH_BYTES / 8; i++)
		path->word[i] = *(__u64 *)(address->name[0].sun_path + 8 * i);
	*(__u32 *)&path->word[UNIX_PATH_BYTES / 8] = *(__u32 *)(address->name[0].sun_path + 8 * (UNIX_PATH_BYTES / 8));
}

/*
 * FNV-1a of the path without the zero byte at its end; user space does the same with what the rules name. Not inline: the
 * path is too much for the stack of who calls.
 */
static __noinline __u64 path_hash(struct unix_sock *server)
{
	__u64 hash = 0xcbf29ce484222325ULL;
	__u32 length = name_length(server);
	struct path_words path;
	const __u8 *bytes = (const __u8 *)&path;

	read_path(&path, server);
	for (__u32 i = 0; i < UNIX_PATH_BYTES; i++) {
		if (i >= length)
			break;
		/* the name of an abstract socket begins with one */
		if (i > 0 && bytes[i] == 0)
			break;
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	}
	return hash;
}

static __always_inline struct unix_sock *server_of(struct unix_sock *u, struct unix_sock *peer, __u8 role)
{
	return role == ROLE_SERVER ? u : peer;
}

/* 0: neither end has a name, or the other one is gone */
static __always_inline int meet_unix(struct socket_state *state, struct sock *sk)
{
	struct unix_sock *u = bpf_skc_to_unix_sock(sk);
	struct unix_sock *peer;
	struct sock *other;
	struct socket_state *theirs;
	__u64 cookie, hash;

	if (!u)
		return 0;
	other = u->peer;
	if (!other)
		return 0;
	peer = bpf_skc_to_unix_sock(other);
	if (!peer)
		return 0;
	if (is_given(u) != is_given(peer))
		state->head.role = is_given(u) ? ROLE_SERVER : ROLE_CLIENT;
	else if (is_given(u) && is_shared_name(u) != is_shared_name(peer))
		state->head.role = is_shared_name(u) ? ROLE_SERVER : ROLE_CLIENT;
	else
		return 0;
	state->head.cookie = bpf_get_socket_cookie(sk);
	cookie = bpf_get_socket_cookie(other);
	state->head.family = AF_UNIX;
	state->head.netns = sk->__sk_common.skc_net.net->ns.inum;
	state->head.pid = current_pid();
	hash = path_hash(server_of(u, peer, state->head.role));
	__builtin_memcpy(state->head.local, &hash, sizeof(hash));
	__builtin_memcpy(state->head.remote, &cookie, sizeof(cookie));
	/* the other end began to count earlier than we did */
	theirs = bpf_sk_storage_get(&sockets, other, NULL, 0);
	if (theirs && (theirs->head.flags & FLAG_LATE))
		state->head.flags |= FLAG_LATE;
	return 1;
}

static __always_inline struct socket_state *other_state(struct sock *sk)
{
	struct unix_sock *u = bpf_skc_to_unix_sock(sk);

	return u && u->peer ? bpf_sk_storage_get(&sockets, u->peer, NULL, 0) : NULL;
}

static __always_inline void decide_unix(struct socket_state *state, struct sock *sk, struct targets *targets)
{
	struct record *r = &state->head;
	struct socket_state *theirs = other_state(sk);
	__u8 verdict = VERDICT_IGNORE;

	state->generation = targets->generation;
	if (r->pid != settings.own_pid && is_target(targets, r)) {
		verdict = VERDICT_COPY;
		if (settings.vantage == VANTAGE_SERVER && r->role == ROLE_CLIENT)
			verdict = VERDICT_IDENTITY;
		if (settings.vantage == VANTAGE_CLIENT && r->role == ROLE_SERVER)
			verdict = VERDICT_IDENTITY;
		/* joined late the ends count from different places: one of them tells */
		if ((r->flags & FLAG_LATE) && (theirs ? theirs->verdict == VERDICT_COPY : r->role == ROLE_CLIENT && targets->ports_only))
			verdict = VERDICT_IDENTITY;
	}
	state->verdict = verdict;
}

/* who this end is, and the server's path; 1: told */
static __always_inline int announce_unix(struct socket_state *state, struct sock *sk)
{
	struct unix_sock *u = bpf_skc_to_unix_sock(sk);
	struct unix_sock *server;
	struct unix_open *open;

	if (state->announced)
		return 1;
	if (!u || !u->peer)
		return 0;
	server = u;
	if (state->head.role == ROLE_CLIENT) {
		server = bpf_skc_to_unix_sock(u->peer);
		if (!server)
			return 0;
	}
	open = bpf_ringbuf_reserve(&data_ring, sizeof(*open), 0);
	if (!open)
		return 0;
	__builtin_memcpy(&open->head, &state->head, sizeof(open->head));
	open->head.time_ns = bpf_ktime_get_ns();
	open->head.kind = RECORD_OPEN;
	open->head.length = name_length(server);
	open->head.offset = sk->sk_socket && sk->sk_socket->file ? sk->sk_socket->file->f_inode->i_ino : 0;
	read_path((struct path_words *)open->path, server);
	bpf_ringbuf_submit(open, WAKE);
	state->announced = 1;
	return 1;
}

/* the other end will not say anything more */
static __always_inline void end_of_stream(struct socket_state *state, struct sock *sk)
{
	struct record *r;

	if (state->verdict != VERDICT_COPY || !state->announced || state->is_closed || !(sk->sk_shutdown & RCV_SHUTDOWN))
		return;
	r = bpf_ringbuf_reserve(&data_ring, sizeof(*r), 0);
	if (!r)
		return;
	state->is_closed = 1;
	__builtin_memcpy(r, &state->head, sizeof(*r));
	r->time_ns = bpf_ktime_get_ns();
	r->kind = RECORD_END;
	r->direction = DIRECTION_RECV;
	r->offset = state->next[DIRECTION_RECV];
	r->lost = state->lost[DIRECTION_RECV];
	bpf_ringbuf_submit(r, WAKE);
}

static __always_inline int on_unix_transfer(struct sock *sk, int ret, int flags, __u32 direction)
{
	struct targets *targets = current_targets();
	struct socket_state *state;
	struct user_buffers buffers;
	struct record head;
	__u64 offset;

	if (!targets || !targets->unix_rules || sk->sk_type != SOCK_STREAM)
		return 0;
	if (direction == DIRECTION_RECV && (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)))
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, NULL, ret > 0 ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (!state)
		return 0;
	if (targets->unix_rules == UNIX_WALKING) {
		state->head.flags |= FLAG_LATE;
		return 0;
	}
	if (ret <= 0) {
		if (ret == 0 && direction == DIRECTION_RECV)
			end_of_stream(state, sk);
		return 0;
	}
	if (!state->head.cookie && !meet_unix(state, sk)) {
		/* whoever it turns out to be, this is not its first byte */
		state->head.flags |= FLAG_LATE;
		return 0;
	}
	offset = __sync_fetch_and_add(&state->next[direction & 1], ret);
	if (state->generation != targets->generation)
		decide_unix(state, sk, targets);
	if (state->verdict == VERDICT_COPY && settings.vantage == VANTAGE_AUTO && state->head.role == ROLE_CLIENT) {
		struct socket_state *server = other_state(sk);

		if (server && server->verdict == VERDICT_COPY)
			state->verdict = VERDICT_IDENTITY;
	}
	if (state->verdict != VERDICT_COPY && state->verdict != VERDICT_IDENTITY)
		return 0;
	if (!announce_unix(state, sk)) {
		if (state->verdict == VERDICT_COPY)
			count_full(state, direction, ret);
		return 0;
	}
	if (state->verdict != VERDICT_COPY)
		return 0;
	__builtin_memcpy(&head, &state->head, sizeof(head));
	head.time_ns = bpf_ktime_get_ns();
	head.direction = direction;
	head.kind = RECORD_DATA;
	head.offset = offset;
	head.lost = state->lost[direction & 1];
	head.lost_other = state->lost[~direction & 1];
	find_buffers(&buffers);
	if (direction == DIRECTION_RECV && (flags & MSG_TRUNC))
		buffers.cause = CAUSE_NOT_READABLE;
	if (buffers.cause != CAUSE_NONE)
		emit_gap(&head, state, offset, ret, buffers.cause);
	else
		emit_buffers(&head, state, &buffers, ret);
	return 0;
}

/* Every file of every process, once: Unix sockets that are there already did not begin under our eyes. */
SEC("iter/task_file")
int on_file(struct bpf_iter__task_file *context)
{
	struct file *file = context->file;
	struct socket_state *state;
	struct socket *socket;
	struct sock *sk;

	if (!file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || sk->__sk_common.skc_family != AF_UNIX || sk->sk_type != SOCK_STREAM)
		return 0;
	state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (state)
		state->head.flags |= FLAG_LATE;
	return 0;
}

#endif

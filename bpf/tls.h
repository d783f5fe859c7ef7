/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Plaintext above TLS, as sockets see it. A session is joined to its socket once: by the socket call that is nested in the
 * library's, or, where the application moves the encrypted bytes itself, by proof (tls-proof.h). What is joined is told as
 * plaintext, with positions that count what the application wrote and read.
 */
#ifndef POLYTAP_TLS_H
#define POLYTAP_TLS_H

#include "tls-proof.h"

static __always_inline struct tls_call *goroutine_call(__u32 tgid)
{
	struct goroutine_key key = { .tgid = tgid };
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	key.goroutine = GO_GOROUTINE(regs);
	return bpf_map_lookup_elem(&goroutines, &key);
}

/* Every send and receive while any library is watched. Returns 1 inside a call of the library, for the session above. */
static __always_inline int find_session(struct socket_state *state, __u32 direction, __u32 bytes)
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
			join(&key, state, call->epoch, call->library, NULL);
			state->tls_session = key.session;
			state->tls_tgid = key.tgid;
			state->tls_is_nested = 1;
			state->wire = 0;
		}
		mute_client(state);
		return 1;
	}
	if (state->tls_session) {
		mute_client(state);
		return 0;
	}
	if (state->tls_is_seen) {
		known = bpf_map_lookup_elem(&tls_sockets, &state->head.cookie);
		if (known) {
			struct socket_state *tls;

			state->tls_session = known->session;
			state->tls_tgid = known->tgid;
			state->wire = 0;
			tls = session_of(state);
			/* the rules may have changed since its hello */
			if (tls)
				tls->verdict = state->verdict;
			mute_client(state);
			return 0;
		}
	}
	/* what is written by a session that nobody has joined is about to be sent */
	if (state->tls_looks < TLS_LOOKS || (thread && thread->written_by))
		look_for_tls(state, direction, bytes);
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

#endif

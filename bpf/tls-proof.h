/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Which socket carries a session, where the application moves the encrypted bytes itself: proven, or not at all.
 *
 * 1. The client's hello passed on the socket, and the session remembers the hello's random: the same 16 bytes in its memory
 *    are the proof, whatever threads and order. Where a library keeps them is found once for each file.
 * 2. Of a connection that is older than we are: what one receive brought in whole records is, to the byte, what the session
 *    was then read empty of, and what the session was given to write is what the thread sent next; both name the same socket.
 */
#ifndef POLYTAP_TLS_PROOF_H
#define POLYTAP_TLS_PROOF_H

#include "tls-sessions.h"

#define RECORD_HANDSHAKE 0x16
#define RECORD_APPLICATION_DATA 0x17
#define CLIENT_HELLO 1
/* of a record: type, version, length; then the hello's type and length, and its version */
#define RECORD_HEADER_BYTES 5
#define RANDOM_AT 11
#define MAX_RECORD_PLAINTEXT 16384
/* records of one receive whose lengths are added up */
#define MAX_RECORDS 16
/* looks at what a socket moves: one costs 1 where it is TLS, 4 where it is not; a protocol may talk before it turns to TLS */
#define TLS_LOOKS 64
/* what was received longer ago is not what the library is being given now */
#define TLS_CLAIM_NS 50000000ull
/* memory of a session that is searched, in pieces; and behind its first pointers as much */
#define SESSION_PIECES 8
#define SESSION_POINTERS 32
#define POINTED_PIECES 2
/* searches that find nothing are not made for ever */
#define MAX_SEARCHES 16

/* A hello that passed, and who sent or received it. */
struct hello_key {
	__u64 random[2];
	__u32 tgid;
	__u32 is_server;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct hello_key);
	__type(value, struct socket_state);
} hellos SEC(".maps");

/* the last hello of a process */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct hello_key);
} last_hellos SEC(".maps");

/* where sessions of this library keep the random: behind the session itself, or behind a pointer there */
struct random_place {
	__u32 pointer_at;
	__u32 is_pointed;
	__u32 offset;
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct random_place);
} random_places SEC(".maps");

/* The beginning of what this call moves. Returns 0 where it is shorter, or cannot be read. */
static __always_inline __u64 find_first(__u32 bytes)
{
	struct user_buffers buffers;
	struct user_iovec first;

	find_buffers(&buffers);
	if (buffers.cause != CAUSE_NONE)
		return 0;
	if (!buffers.count)
		return buffers.address;
	if (bpf_probe_read_user(&first, sizeof(first), (void *)buffers.address) || first.length < bytes)
		return 0;
	return first.base;
}

static __always_inline int is_record_head(const __u8 *bytes)
{
	return bytes[0] >= 0x14 && bytes[0] <= RECORD_APPLICATION_DATA && bytes[1] == 3 && bytes[2] <= 4;
}

static __always_inline int begins_like_tls(void)
{
	__u64 from = find_first(3);
	__u8 bytes[3] = {};

	return from && !bpf_probe_read_user(bytes, sizeof(bytes), (void *)from) && is_record_head(bytes);
}

/* ---------------------------------------------------------------------------------------------- by the random */

/* One more than the word of a piece where the random begins; 0: nowhere. A global function: the verifier looks at it once. */
__noinline int find_in_piece(__u64 from, __u64 random0, __u64 random1)
{
	struct thread_state *thread = this_thread(0);
	__u64 found = 0;

	if (!thread || bpf_probe_read_user(thread->words, sizeof(thread->words), (void *)from))
		return 0;
	/* without a branch, as in `same` */
	for (__u32 i = 0; i < PIECE_WORDS; i++)
		found |= (i + 1) * (same(thread->words[i], random0) & same(thread->words[i + 1], random0 >> 32) &
				    same(thread->words[i + 2], random1) & same(thread->words[i + 3], random1 >> 32));
	return found;
}

struct search {
	__u64 session;
	__u64 random[2];
	struct random_place place;
	int is_found;
};

static long search_piece(__u64 index, struct search *search)
{
	__u64 from = search->session;
	__u32 pointer_at = 0;
	__u32 piece = index;
	int found;

	if (index >= SESSION_PIECES) {
		pointer_at = (index - SESSION_PIECES) / POINTED_PIECES * sizeof(__u64);
		piece = (index - SESSION_PIECES) % POINTED_PIECES;
		if (bpf_probe_read_user(&from, sizeof(from), (void *)(search->session + pointer_at)) || !from)
			return 0;
	}
	piece *= PIECE_WORDS;
	found = find_in_piece(from + piece * sizeof(__u32), search->random[0], search->random[1]);
	if (found <= 0)
		return 0;
	search->place.pointer_at = pointer_at;
	search->place.is_pointed = index >= SESSION_PIECES;
	search->place.offset = (piece + found - 1) * sizeof(__u32);
	search->is_found = 1;
	return 1;
}

/* Finds the random in a session's memory, and remembers where this library keeps it. */
__noinline int find_place_of(__u64 session, __u32 epoch, __u64 random0, __u64 random1)
{
	struct search search = { .session = session, .random = { random0, random1 } };

	bpf_loop(SESSION_PIECES + SESSION_POINTERS * POINTED_PIECES, search_piece, &search, 0);
	if (search.is_found)
		bpf_map_update_elem(&random_places, &epoch, &search.place, BPF_ANY);
	return search.is_found;
}

static __always_inline int read_random(__u64 session, const struct random_place *place, __u64 *random)
{
	__u64 from = session;

	if (place->is_pointed && bpf_probe_read_user(&from, sizeof(from), (void *)(session + place->pointer_at)))
		return 0;
	if (bpf_probe_read_user(random, 2 * sizeof(*random), (void *)(from + place->offset)))
		return 0;
	return random[0] || random[1];
}

static __always_inline struct tls_doubt *doubt_of(const struct tls_key *key)
{
	struct tls_doubt none = {};
	struct tls_doubt *doubt = bpf_map_lookup_elem(&tls_unjoined, key);

	if (doubt)
		return doubt;
	bpf_map_update_elem(&tls_unjoined, key, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&tls_unjoined, key);
}

static __always_inline void count_refuted(void)
{
	struct counters *c = counters();

	if (c)
		c->tls_refuted++;
}

/* Whose turn is it, if it is clear: the one socket that this thread received TLS from before it called for this session. */
static __always_inline struct socket_state *socket_by_order(const struct tls_call *call)
{
	struct thread_state *thread = this_thread(0);

	if (!thread || !thread->received_ns || thread->is_unclear || thread->given_to != call->session)
		return NULL;
	return &thread->received;
}

/* The socket of that hello, and which end; the two ends of one connection may both be this process's own. */
static __always_inline struct socket_state *socket_of(struct hello_key *hello, const struct tls_call *call)
{
	struct socket_state *by_order = socket_by_order(call);
	struct socket_state *client, *server, *found;

	hello->is_server = 1;
	server = bpf_map_lookup_elem(&hellos, hello);
	hello->is_server = 0;
	client = bpf_map_lookup_elem(&hellos, hello);
	if (server && (!client || (by_order && by_order->head.cookie == server->head.cookie)))
		hello->is_server = 1;
	found = hello->is_server ? server : client;
	if (!found || !by_order)
		return client && server ? NULL : found;
	if (by_order->head.cookie == found->head.cookie)
		return found;
	/* the other end, of which no hello was seen: whose session this is nobody knows */
	if (by_order->head.local_port == found->head.remote_port && by_order->head.remote_port == found->head.local_port)
		return NULL;
	/* it received for others in between: order would have been wrong */
	count_refuted();
	return client && server ? NULL : found;
}

/* At the end of a call: is it known by now which socket carries this session? Returns 1 where it was joined. */
__noinline int prove(const struct tls_call *call, __u32 tgid)
{
	struct hello_key hello = { .tgid = tgid };
	struct socket_state *socket = NULL;
	struct random_place *place;
	struct hello_key *last;
	struct tls_doubt *doubt;
	struct tls_key key = {};
	__u64 cookie;
	__u32 epoch;

	if (!call || call->library == TLS_GO)
		return 0;
	epoch = call->epoch;
	key.session = call->session;
	key.tgid = tgid;
	place = bpf_map_lookup_elem(&random_places, &epoch);
	if (!place) {
		last = bpf_map_lookup_elem(&last_hellos, &tgid);
		doubt = last ? doubt_of(&key) : NULL;
		if (!last || !doubt || doubt->searches >= MAX_SEARCHES)
			return 0;
		doubt->searches++;
		if (!find_place_of(key.session, epoch, last->random[0], last->random[1]))
			return 0;
		place = bpf_map_lookup_elem(&random_places, &epoch);
	}
	if (!place || !read_random(key.session, place, hello.random))
		return 0;
	socket = socket_of(&hello, call);
	if (!socket)
		return 0;
	cookie = socket->head.cookie;
	if (!join(&key, socket, call->epoch, call->library, hello.random))
		return 0;
	bpf_map_update_elem(&tls_sockets, &cookie, &key, BPF_ANY);
	bpf_map_delete_elem(&hellos, &hello);
	return 1;
}

/* A library let go of this session; is it still the one that was joined? */
static __always_inline int is_still(const struct socket_state *tls, const struct tls_call *call)
{
	__u32 epoch = call->epoch;
	struct random_place *place = bpf_map_lookup_elem(&random_places, &epoch);
	__u64 random[2] = {};

	return place && read_random(call->session, place, random) && random[0] == tls->tls_random[0] &&
	       random[1] == tls->tls_random[1];
}

/* It does not carry this session any more, and nobody knows what does. */
static __always_inline void refute(const struct tls_key *key, struct socket_state *tls)
{
	struct tls_doubt *doubt;

	count_refuted();
	send_session_close(tls, 0);
	bpf_map_delete_elem(&tls_sessions, key);
	doubt = doubt_of(key);
	if (doubt)
		doubt->has_moved = 1;
}

/* ---------------------------------------------------------------------------------------------- by the lengths */

struct records {
	__u64 at;
	__u64 end;
	__u32 count;
	__u32 payload;
};

static long next_record(__u64 index, struct records *records)
{
	__u8 head[RECORD_HEADER_BYTES];
	__u32 length;

	if (records->at >= records->end)
		return 1;
	if (bpf_probe_read_user(head, sizeof(head), (void *)records->at) || head[0] != RECORD_APPLICATION_DATA || head[1] != 3)
		return 1;
	length = (__u32)head[3] << 8 | head[4];
	records->at += RECORD_HEADER_BYTES + length;
	records->payload += length;
	records->count++;
	return 0;
}

/* This thread has received TLS records that no library's call asked for: it will give them to a session. */
static __always_inline void note_received(struct thread_state *thread, const struct socket_state *state, __u64 from, __u32 bytes)
{
	struct records records = { .at = from, .end = from + bytes };
	int is_again = thread->received_ns && !thread->given_to;

	/* for several sockets, or in parts: whose are given first nobody can tell */
	thread->is_unclear = is_again && (thread->is_unclear || thread->received.head.cookie != state->head.cookie);
	bpf_loop(MAX_RECORDS, next_record, &records, 0);
	thread->received_payload = is_again || records.at != records.end ? 0 : records.payload;
	thread->received_records = records.count;
	thread->read_bytes = 0;
	thread->given_to = 0;
	thread->received_ns = bpf_ktime_get_ns();
	__builtin_memcpy(&thread->received, state, sizeof(thread->received));
}

/* what a suite of TLS 1.2 or 1.3 with a tag adds to the plaintext of a record, its type of 1.3 included */
static __always_inline int is_overhead(__u64 bytes, __u64 records)
{
	return bytes == records * 16 || bytes == records * 17 || bytes == records * 24;
}

/* This socket was seen to receive for the session, or to send for it; it is its own where both were seen. */
static __always_inline int match(const struct tls_key *key, struct socket_state *socket, __u32 direction, __u32 epoch,
				 __u8 library)
{
	struct tls_doubt *doubt = doubt_of(key);
	__u64 cookie = socket->head.cookie;
	__u64 other;

	if (!doubt)
		return 0;
	doubt->matched[direction & 1] = cookie;
	other = doubt->matched[~direction & 1];
	if (!other)
		return 0;
	if (other != cookie) {
		doubt->matched[0] = 0;
		doubt->matched[1] = 0;
		count_refuted();
		return 0;
	}
	if (!join(key, socket, epoch, library, NULL))
		return 0;
	bpf_map_update_elem(&tls_sockets, &cookie, key, BPF_ANY);
	return 1;
}

/* A session that nobody has joined was read empty. */
static __always_inline void match_received(struct thread_state *thread, const struct tls_call *call, __u32 tgid)
{
	struct tls_key key = { .session = call->session, .tgid = tgid };
	__u32 payload = thread->received_payload;

	thread->received_payload = 0;
	if (!payload || !socket_by_order(call) || !thread->read_bytes || payload < thread->read_bytes ||
	    call->time_ns - thread->received_ns >= TLS_CLAIM_NS)
		return;
	if (is_overhead(payload - thread->read_bytes, thread->received_records))
		match(&key, &thread->received, DIRECTION_RECV, call->epoch, call->library);
}

/* What the thread has written since is sent now, if it is that. */
static __always_inline void match_sent(struct thread_state *thread, struct socket_state *state, __u32 bytes, __u32 tgid)
{
	struct tls_key key = { .session = thread->written_by, .tgid = tgid };
	__u32 records = thread->written_records;

	thread->written_by = 0;
	bytes -= records * RECORD_HEADER_BYTES;
	if (bytes > thread->written_bytes && is_overhead(bytes - thread->written_bytes, records))
		match(&key, state, DIRECTION_SEND, thread->written_epoch, thread->written_library);
}

static __always_inline void note_written(struct thread_state *thread, const struct tls_call *call, __u32 bytes)
{
	if (thread->written_by != call->session) {
		thread->written_by = call->session;
		thread->written_bytes = 0;
		thread->written_records = 0;
		thread->written_epoch = call->epoch;
		thread->written_library = call->library;
	}
	thread->written_bytes += bytes;
	thread->written_records += (bytes + MAX_RECORD_PLAINTEXT - 1) / MAX_RECORD_PLAINTEXT;
}

/* ---------------------------------------------------------------------------------------------- at the socket */

static __always_inline void remember_hello(const struct socket_state *state, __u64 from, __u32 direction, __u32 tgid)
{
	struct hello_key hello = { .tgid = tgid, .is_server = direction == DIRECTION_RECV };

	if (bpf_probe_read_user(hello.random, sizeof(hello.random), (void *)(from + RANDOM_AT)))
		return;
	bpf_map_update_elem(&hellos, &hello, state, BPF_ANY);
	bpf_map_update_elem(&last_hellos, &tgid, &hello, BPF_ANY);
}

/*
 * What a socket without a session moves, outside of any call of a library. Not a global function: 6.1 takes a state into maps
 * only where it sees that it is a value of one.
 */
static __noinline int look_for_tls(struct socket_state *state, __u32 direction, __u32 bytes)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct thread_state *thread;
	__u8 head[8] = {};
	__u64 from;

	if (!state)
		return 0;
	thread = this_thread(0);
	if (thread && thread->written_by && direction == DIRECTION_SEND)
		match_sent(thread, state, bytes, tgid);
	if (state->tls_looks >= TLS_LOOKS)
		return 0;
	from = find_first(RANDOM_AT + 2 * sizeof(__u64));
	if (!from || bpf_probe_read_user(head, sizeof(head), (void *)from) || !is_record_head(head)) {
		state->tls_looks += 4;
		return 0;
	}
	state->tls_looks++;
	if (direction == DIRECTION_RECV && !state->tls_is_seen)
		tell_tls_process();
	state->tls_is_seen = 1;
	if (head[0] == RECORD_HANDSHAKE && head[RECORD_HEADER_BYTES] == CLIENT_HELLO && bytes >= RANDOM_AT + 32)
		remember_hello(state, from, direction, tgid);
	if (thread && direction == DIRECTION_RECV)
		note_received(thread, state, from, bytes);
	return 0;
}

#endif

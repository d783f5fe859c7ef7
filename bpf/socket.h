/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A socket's first sight: who it is, where its streams begin, and whether anybody wants its bytes. */
#ifndef POLYTAP_SOCKET_H
#define POLYTAP_SOCKET_H

#include "bufferless.h"
#include "economy.h"

static __always_inline __u32 current_pid(void)
{
	struct bpf_pidns_info ns = {};

	if (settings.pid_ns_ino &&
	    bpf_get_ns_current_pid_tgid(settings.pid_ns_dev, settings.pid_ns_ino, &ns, sizeof(ns)) == 0)
		return ns.tgid;
	return bpf_get_current_pid_tgid() >> 32;
}

static __always_inline int is_loopback(const struct record *r)
{
	const __u32 *words = (const __u32 *)r->local;

	if (r->family == AF_INET)
		return r->local[0] == 127;
	/* ::1, and IPv4 in IPv6 */
	return words[0] == 0 && words[1] == 0 &&
	       ((words[2] == 0 && words[3] == bpf_htonl(1)) ||
		(words[2] == bpf_htonl(0xffff) && r->local[12] == 127));
}

static __always_inline void read_addresses(struct record *r, struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	r->family = family;
	r->local_port = sk->__sk_common.skc_num;
	r->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	r->netns = sk->__sk_common.skc_net.net->ns.inum;
	if (family == AF_INET) {
		__be32 local = sk->__sk_common.skc_rcv_saddr;
		__be32 remote = sk->__sk_common.skc_daddr;

		__builtin_memcpy(r->local, &local, 4);
		__builtin_memcpy(r->remote, &remote, 4);
	} else {
		struct in6_addr local = sk->__sk_common.skc_v6_rcv_saddr;
		struct in6_addr remote = sk->__sk_common.skc_v6_daddr;

		__builtin_memcpy(r->local, &local, 16);
		__builtin_memcpy(r->remote, &remote, 16);
	}
}

static __always_inline int is_fin_sent(__u8 state)
{
	return state == STATE_FIN_WAIT1 || state == STATE_FIN_WAIT2 || state == STATE_CLOSING || state == STATE_LAST_ACK;
}

/* the kernel's own mark: the state of a socket that waits for the rest does not tell */
static __always_inline int is_fin_received(struct sock *sk)
{
	return sk->__sk_common.skc_flags >> SOCK_DONE & 1;
}

/*
 * The sequence numbers of offset 0. What was received less what the kernel counted gives the one, what was acknowledged less
 * its count the other; the connecting side counts its SYN as acknowledged, and that is how it is recognised: the bytes it
 * sent, which never count a SYN, then give a base that is one higher. Softirqs move these numbers meanwhile, so a reading
 * counts only if it comes out the same twice.
 */
static __always_inline int read_bases_once(struct record *r, struct tcp_sock *tp, __u8 role)
{
	__u32 recv = tp->rcv_nxt - (__u32)tp->bytes_received;
	__u32 acked = tp->snd_una - (__u32)tp->bytes_acked;
	__u32 sent = tp->snd_nxt - (__u32)(tp->bytes_sent - tp->bytes_retrans);

	/* a FIN takes a number and is no byte */
	if (is_fin_sent(tp->inet_conn.icsk_inet.sk.__sk_common.skc_state) && tp->snd_nxt == tp->write_seq)
		sent--;
	if (role == ROLE_UNKNOWN && sent == acked + 1)
		r->role = ROLE_CLIENT;
	else if (role == ROLE_UNKNOWN && sent == acked)
		r->role = ROLE_SERVER;
	else
		r->role = role;
	/* a socket that was repaired into a connection never sent a SYN */
	r->base_send = r->role == ROLE_CLIENT && tp->bytes_acked ? acked + 1 : acked;
	r->base_recv = recv;
	barrier_var(recv);
	return recv == tp->rcv_nxt - (__u32)tp->bytes_received && acked == tp->snd_una - (__u32)tp->bytes_acked &&
	       r->role != ROLE_UNKNOWN;
}

/* no loop: the verifier of 6.1 refuses the shape that the compiler gives it */
static __always_inline void read_bases(struct record *r, struct tcp_sock *tp, __u8 role)
{
	if (read_bases_once(r, tp, role) || read_bases_once(r, tp, role) || read_bases_once(r, tp, role))
		return;
	read_bases_once(r, tp, role);
}

/* the 64-bit position that is nearest to `about` and has these lower 32 bits */
static __always_inline __u64 widen(__u32 low, __u64 about)
{
	return about + (__s32)(low - (__u32)about);
}

/* how far the application has read; a read that reached the FIN moved past it */
static __always_inline __u64 read_position(struct sock *sk, struct tcp_sock *tp, struct socket_state *state)
{
	__u32 next = tp->copied_seq;

	if (is_fin_received(sk) && next == tp->rcv_nxt)
		next--;
	return widen(next - state->head.base_recv, tp->bytes_received);
}

/* 1 where both are equal, without a branch: the verifier would walk every combination of them */
static __always_inline __u64 same(__u32 a, __u32 b)
{
	return ((__u64)(a ^ b) - 1) >> 63;
}

/* no port or pid has this number */
#define NOBODY 0xffffffff

/* is the rule about such sockets at all, and about this path? */
static __always_inline int is_about(const struct rule *rule, const struct record *r)
{
	__u64 found = 0, hash;

	if (r->family != AF_UNIX)
		return !rule->is_unix && same(rule->is_udp, r->is_udp);
	__builtin_memcpy(&hash, r->local, sizeof(hash));
	for (__u32 i = 0; i < MAX_RULE_PATHS; i++)
		found |= same(rule->paths[i], hash) & same(rule->paths[i] >> 32, hash >> 32);
	return rule->is_unix && (found || !rule->path_count);
}

static __always_inline int rule_holds(const struct rule *rule, const struct record *r, const char *comm)
{
	__u32 local = r->role != ROLE_CLIENT ? r->local_port : NOBODY;
	__u32 remote = r->role != ROLE_SERVER ? r->remote_port : NOBODY;
	__u64 port = 0, pid = 0, name = 1;

	/* unused entries are 0 */
	for (__u32 i = 0; i < MAX_RULE_PORTS; i++)
		port |= same(rule->ports[i], local) | same(rule->ports[i], remote);
	for (__u32 i = 0; i < MAX_RULE_PIDS; i++)
		pid |= same(rule->pids[i], r->pid);
	for (__u32 i = 0; i < COMM_BYTES; i++)
		name &= same(rule->comm[i], comm[i]);
	return is_about(rule, r) && (port || !rule->port_count) && (pid || !rule->pid_count) && (name || !rule->has_comm);
}

struct rule_search {
	const struct targets *targets;
	const struct record *record;
	char comm[COMM_BYTES];
	int wanted;
};

static long next_rule(__u64 index, struct rule_search *search)
{
	const struct targets *targets = search->targets;

	if (index >= MAX_RULES || index >= targets->rule_count)
		return 1;
	if (!rule_holds(&targets->rules[index], search->record, search->comm))
		return 0;
	if (targets->rules[index].exclude) {
		search->wanted = 0;
		return 1;
	}
	search->wanted = 1;
	return 0;
}

/* Are these endpoints wanted? Excluding rules win, so all are asked. */
static __always_inline int is_target(const struct targets *targets, const struct record *r)
{
	struct rule_search search = { .targets = targets, .record = r };

	/* the process's name, which a thread's need not be */
	__builtin_memcpy(search.comm, bpf_get_current_task_btf()->group_leader->comm, sizeof(search.comm));
	bpf_loop(MAX_RULES, next_rule, &search, 0);
	return search.wanted;
}

/* IPv4 as IPv6 has it: a server that listens on both sees IPv4 clients so, and they see it as IPv4 */
static __always_inline void put_address(__u8 *to, const __u8 *from, __u8 family)
{
	if (family != AF_INET) {
		__builtin_memcpy(to, from, 16);
		return;
	}
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, from, 4);
}

static __always_inline void server_end(struct end_key *key, const struct record *r)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->netns = is_loopback(r) ? r->netns : 0;
	if (r->role == ROLE_CLIENT) {
		key->local_port = r->remote_port;
		key->remote_port = r->local_port;
		put_address(key->local, r->remote, r->family);
		put_address(key->remote, r->local, r->family);
	} else {
		key->local_port = r->local_port;
		key->remote_port = r->remote_port;
		put_address(key->local, r->local, r->family);
		put_address(key->remote, r->remote, r->family);
	}
}

/* is the server end of this client on this node, and copied? */
static __always_inline int server_is_copied(const struct record *r)
{
	struct end_key key;

	server_end(&key, r);
	return bpf_map_lookup_elem(&server_ends, &key) != NULL;
}

static __always_inline void add_server_end(const struct record *r)
{
	struct end_key key;
	__u8 one = 1;

	server_end(&key, r);
	/* it may say by now that this end tells plaintext too */
	bpf_map_update_elem(&server_ends, &key, &one, BPF_NOEXIST);
}

/* From now on packets bring what passes in these directions; calls told of what was sent before `told`. */
static __always_inline void want_wire(struct socket_state *state, struct tcp_sock *tp, __u8 directions, __u8 cause,
				      __u64 told)
{
	if (!wire_is_attached || (directions & ~state->wire) == 0 || (state->head.flags & FLAG_POSITION_LOCAL))
		return;
	if ((state->tracked & BIT_OF(DIRECTION_SEND)) && state->wire_next < told)
		state->wire_next = told;
	/* first the mark, then the positions: a packet in between comes twice rather than not at all */
	state->wire_cause = cause;
	state->wire |= directions;
	barrier();
	state->wire_from[DIRECTION_SEND] = widen(tp->snd_nxt - state->head.base_send, tp->bytes_acked);
	state->wire_from[DIRECTION_RECV] = widen(tp->rcv_nxt - state->head.base_recv, tp->bytes_received);
}

/* Are the bytes of this end wanted? */
static __always_inline __u8 verdict_of(const struct record *r, const struct targets *targets)
{
	if (r->pid == settings.own_pid || !is_target(targets, r))
		return VERDICT_IGNORE;
	if (settings.vantage == VANTAGE_SERVER && r->role == ROLE_CLIENT)
		return VERDICT_IDENTITY;
	if (settings.vantage == VANTAGE_CLIENT && r->role == ROLE_SERVER)
		return VERDICT_IDENTITY;
	if (settings.vantage == VANTAGE_AUTO && r->role == ROLE_CLIENT && server_is_copied(r))
		return VERDICT_IDENTITY;
	return VERDICT_COPY;
}

static __always_inline void decide(struct socket_state *state, struct tcp_sock *tp, struct targets *targets)
{
	struct record *r = &state->head;
	__u8 verdict = verdict_of(r, targets);
	struct bufferless_use use;
	struct counters *c;

	/* what passed while nobody wanted it is not missing */
	if (state->generation && state->verdict != VERDICT_COPY) {
		state->tracked = 0;
		r->flags |= FLAG_LATE;
	}
	state->generation = targets->generation;
	if (verdict == VERDICT_COPY && !state->was_copied && is_left_out(r)) {
		verdict = VERDICT_SAMPLED;
		state->advice_epoch = economy.epoch;
		c = counters();
		if (c)
			c->sampled_connections++;
	}
	if (verdict == VERDICT_COPY && r->role == ROLE_SERVER)
		add_server_end(r);
	if (verdict == VERDICT_COPY && settings.wire == WIRE_ALWAYS)
		want_wire(state, tp, BOTH_DIRECTIONS, CAUSE_NONE, state->next[DIRECTION_SEND]);
	if (verdict == VERDICT_COPY && settings.wire == WIRE_AUTO) {
		use = bufferless_use(r);
		if (use.directions)
			want_wire(state, tp, use.directions, use.cause, state->next[DIRECTION_SEND]);
	}
	state->verdict = verdict;
}

static __always_inline struct targets *current_targets(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&targets_map, &zero);
}

/* tells user space who this end is, once, where its bytes are not copied */
static __always_inline void announce(struct socket_state *state)
{
	struct record *r;

	if (state->announced)
		return;
	/* in the order of the other end's bytes; where it finds no room, the next call tries again */
	r = bpf_ringbuf_reserve(&data_ring, sizeof(*r), 0);
	if (!r)
		return;
	state->announced = 1;
	__builtin_memcpy(r, &state->head, sizeof(*r));
	r->time_ns = bpf_ktime_get_ns();
	r->kind = RECORD_OPEN;
	bpf_ringbuf_submit(r, WAKE);
}

#endif

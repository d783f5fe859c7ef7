/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* A socket's first sight: who it is, where its streams begin, and whether anybody wants its bytes. */
#ifndef POLYTAP_SOCKET_H
#define POLYTAP_SOCKET_H

#include "maps.h"

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

/*
 * The sequence numbers of offset 0. What was received less what the kernel counted gives the one, what was acknowledged less
 * its count the other; the connecting side counts its SYN as acknowledged, and that is how it is recognised: the bytes it
 * sent, which never count a SYN, then give a base that is one higher. Softirqs move these numbers meanwhile, so a reading
 * counts only if it comes out the same twice.
 */
static __always_inline void read_bases(struct record *r, struct tcp_sock *tp, __u8 role)
{
	for (int i = 0; i < 4; i++) {
		__u32 recv = tp->rcv_nxt - (__u32)tp->bytes_received;
		__u32 acked = tp->snd_una - (__u32)tp->bytes_acked;
		__u32 sent = tp->snd_nxt - (__u32)(tp->bytes_sent - tp->bytes_retrans);

		if (role == ROLE_UNKNOWN && sent == acked + 1)
			r->role = ROLE_CLIENT;
		else if (role == ROLE_UNKNOWN && sent == acked)
			r->role = ROLE_SERVER;
		else
			r->role = role;
		r->base_send = r->role == ROLE_CLIENT ? acked + 1 : acked;
		r->base_recv = recv;
		barrier_var(recv);
		if (recv == tp->rcv_nxt - (__u32)tp->bytes_received && acked == tp->snd_una - (__u32)tp->bytes_acked &&
		    r->role != ROLE_UNKNOWN)
			return;
	}
}

/* the 64-bit position that is nearest to `about` and has these lower 32 bits */
static __always_inline __u64 widen(__u32 low, __u64 about)
{
	return about + (__s32)(low - (__u32)about);
}

static __always_inline int rule_holds(const struct rule *rule, const struct record *r, const char *comm)
{
	int found;

	if (rule->port_count) {
		found = 0;
		for (__u32 i = 0; i < MAX_RULE_PORTS; i++) {
			if (i >= rule->port_count)
				break;
			if ((r->role != ROLE_CLIENT && rule->ports[i] == r->local_port) ||
			    (r->role != ROLE_SERVER && rule->ports[i] == r->remote_port))
				found = 1;
		}
		if (!found)
			return 0;
	}
	if (rule->pid_count) {
		found = 0;
		for (__u32 i = 0; i < MAX_RULE_PIDS; i++) {
			if (i >= rule->pid_count)
				break;
			if (rule->pids[i] == r->pid)
				found = 1;
		}
		if (!found)
			return 0;
	}
	if (rule->has_comm) {
		for (__u32 i = 0; i < COMM_BYTES; i++) {
			if (rule->comm[i] != comm[i])
				return 0;
			if (!comm[i])
				break;
		}
	}
	return 1;
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

	bpf_get_current_comm(search.comm, sizeof(search.comm));
	bpf_loop(MAX_RULES, next_rule, &search, 0);
	return search.wanted;
}

static __always_inline void server_end(struct end_key *key, const struct record *r)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->netns = is_loopback(r) ? r->netns : 0;
	if (r->role == ROLE_CLIENT) {
		key->local_port = r->remote_port;
		key->remote_port = r->local_port;
		__builtin_memcpy(key->local, r->remote, 16);
		__builtin_memcpy(key->remote, r->local, 16);
	} else {
		key->local_port = r->local_port;
		key->remote_port = r->remote_port;
		__builtin_memcpy(key->local, r->local, 16);
		__builtin_memcpy(key->remote, r->remote, 16);
	}
}

/* is the server end of this client on this node, and copied? */
static __always_inline int server_is_copied(const struct record *r)
{
	struct end_key key;

	server_end(&key, r);
	return bpf_map_lookup_elem(&server_ends, &key) != NULL;
}

static __always_inline int is_same_host(const struct record *r)
{
	const __u64 *local = (const __u64 *)r->local;
	const __u64 *remote = (const __u64 *)r->remote;

	return is_loopback(r) || (local[0] == remote[0] && local[1] == remote[1]);
}

static __always_inline void add_server_end(const struct record *r)
{
	struct end_key key;
	__u8 one = 1;

	server_end(&key, r);
	bpf_map_update_elem(&server_ends, &key, &one, BPF_ANY);
}

static __always_inline void decide(struct socket_state *state, struct targets *targets)
{
	struct record *r = &state->head;
	__u8 verdict = VERDICT_IGNORE;

	state->generation = targets->generation;
	if (r->pid != settings.own_pid && is_target(targets, r)) {
		verdict = VERDICT_COPY;
		if (settings.vantage == VANTAGE_SERVER && r->role == ROLE_CLIENT)
			verdict = VERDICT_IDENTITY;
		if (settings.vantage == VANTAGE_CLIENT && r->role == ROLE_SERVER)
			verdict = VERDICT_IDENTITY;
		if (settings.vantage == VANTAGE_AUTO && r->role == ROLE_CLIENT &&
		    (server_is_copied(r) || (targets->ports_only && is_same_host(r))))
			verdict = VERDICT_IDENTITY;
	}
	if (verdict == VERDICT_COPY && r->role == ROLE_SERVER)
		add_server_end(r);
	if (verdict == VERDICT_COPY && settings.wire == WIRE_ALWAYS)
		state->wire = 1;
	if (verdict == VERDICT_COPY && settings.wire == WIRE_AUTO && bpf_map_lookup_elem(&bufferless, &r->pid))
		state->wire = 1;
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
	r = bpf_ringbuf_reserve(&control_ring, sizeof(*r), 0);
	if (!r)
		return;
	state->announced = 1;
	__builtin_memcpy(r, &state->head, sizeof(*r));
	r->time_ns = bpf_ktime_get_ns();
	r->kind = RECORD_OPEN;
	bpf_ringbuf_submit(r, 0);
}

#endif

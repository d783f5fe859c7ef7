/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Who moves bytes without a user buffer that we could read: from then on packets bring them, for the socket and for the
 * next ones. A process is known by its id; the connections of a server also by its port, because what a client sends may
 * come before any call has said which process has the socket.
 */
#ifndef POLYTAP_BUFFERLESS_H
#define POLYTAP_BUFFERLESS_H

#include "maps.h"

struct bufferless_use {
	__u8 directions;        /* a bit for each */
	__u8 cause;             /* how it was last seen */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct bufferless_use);
} bufferless SEC(".maps");

struct port_key {
	__u32 netns;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct port_key);
	__type(value, struct bufferless_use);
} bufferless_ports SEC(".maps");

static __always_inline struct bufferless_use bufferless_use(const struct record *r)
{
	struct port_key port = { .netns = r->netns, .port = r->local_port };
	struct bufferless_use use = {};
	struct bufferless_use *known;

	known = r->pid ? bpf_map_lookup_elem(&bufferless, &r->pid) : NULL;
	if (known)
		use = *known;
	known = r->role == ROLE_SERVER ? bpf_map_lookup_elem(&bufferless_ports, &port) : NULL;
	if (known) {
		use.directions |= known->directions;
		use.cause = known->cause;
	}
	return use;
}

static __always_inline void remember_bufferless(const struct record *r, __u8 directions, __u8 cause)
{
	struct port_key port = { .netns = r->netns, .port = r->local_port };
	struct bufferless_use use = bufferless_use(r);

	use.directions |= directions;
	use.cause = cause;
	if (r->pid)
		bpf_map_update_elem(&bufferless, &r->pid, &use, BPF_ANY);
	if (r->role == ROLE_SERVER)
		bpf_map_update_elem(&bufferless_ports, &port, &use, BPF_ANY);
}

#endif

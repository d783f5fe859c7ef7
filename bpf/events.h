/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What goes from the kernel to user space: the only definition of it. The offsets that TypeScript uses are generated from
 * this file (make layout). Every record explains itself, so that the loss of one never makes another unreadable.
 */
#ifndef POLYTAP_EVENTS_H
#define POLYTAP_EVENTS_H

enum record_kind {
	RECORD_DATA = 1,     /* payload follows the header */
	RECORD_GAP = 2,      /* `length` bytes passed, none follow, see cause */
	RECORD_WIRE = 3,     /* payload of a packet */
	RECORD_OPEN = 4,     /* an end that is not copied, for its identity; of a Unix socket struct unix_open, before its bytes */
	RECORD_CLOSE = 5,    /* struct close_record, in the control ring as a rule */
	RECORD_END = 6,      /* of a Unix socket: nothing more comes in this direction after `offset` */
	RECORD_DATAGRAM = 7, /* of UDP: one datagram, without positions; whose it is says an OPEN where `pid` is 0 */
};

enum record_direction {
	DIRECTION_SEND = 0,
	DIRECTION_RECV = 1,
};

enum record_role {
	ROLE_UNKNOWN = 0,
	ROLE_CLIENT = 1,
	ROLE_SERVER = 2,
};

enum record_cause {
	CAUSE_NONE = 0,
	CAUSE_SENDFILE = 1,
	CAUSE_SPLICE = 2,
	CAUSE_IO_URING = 3,
	CAUSE_NOT_READABLE = 4,
	CAUSE_POSITION_CONFLICT = 5,   /* several threads moved bytes at once: which went where, nobody can tell */
	CAUSE_LIMIT = 6,               /* beyond what is kept of a message */
	CAUSE_SAMPLED = 7,             /* spared while the CPU budget is exceeded */
	CAUSE_COVERED = 8,             /* somebody else tells the plaintext of this */
};

/* The library that encrypted it, in `library`. */
enum tls_library {
	TLS_NONE = 0,
	TLS_OPENSSL = 1,           /* and what has its interface */
	TLS_GNUTLS = 2,
	TLS_GO = 3,
};

/* What a probed function does, in the cookie of its probes. */
enum tls_function {
	TLS_READ = 1,
	TLS_READ_EX = 2,           /* the fourth argument says where the count goes */
	TLS_WRITE = 3,
	TLS_WRITE_EX = 4,
	TLS_PROTOCOL = 5,          /* moves bytes of the protocol only */
	TLS_SENDFILE = 6,
	TLS_FREE = 7,
	TLS_GO_READ = 8,
	TLS_GO_WRITE = 9,
	TLS_GO_PROTOCOL = 10,
	TLS_GO_RETURN = 11,        /* an instruction that returns from one of the first two */
	TLS_GO_PROTOCOL_RETURN = 12,
};

/* Why user space is told of a process. */
enum process_reason {
	PROCESS_EXEC = 0,
	PROCESS_TLS = 1,           /* it received TLS records that no watched library has taken yet */
};

enum record_flags {
	FLAG_POSITION_LOCAL = 1,   /* an upper-layer protocol: positions are this socket's own count */
	FLAG_RESET = 2,            /* close: by reset */
	FLAG_IDENTITY_ONLY = 8,    /* close: an end that was not copied */
	FLAG_LATE = 4,             /* bytes had passed before this socket was first looked at */
	FLAG_PLAINTEXT = 16,       /* above TLS: positions count what the application wrote and read */
	FLAG_JOINED = 32,          /* close: what passed in it encrypted was told as plaintext */
};

/* Header of every record, 96 bytes. Times are CLOCK_MONOTONIC. */
struct record {
	__u64 cookie;
	__u64 time_ns;
	__u64 offset;        /* position of the first byte in its direction's stream; close: position in the payload ring */
	__u32 length;        /* payload bytes that follow; close: bytes at the end that were written and never sent */
	__u32 lost;          /* bytes right before `offset` that found no room in the ring */
	__u32 pid;
	__u32 netns;
	__u32 base_send;     /* sequence number of offset 0 */
	__u32 base_recv;
	__u16 local_port;
	__u16 remote_port;
	__u8 family;
	__u8 kind;
	__u8 role;
	__u8 direction;
	__u8 cause;
	__u8 flags;
	__u8 library;
	__u8 is_udp;
	__u32 lost_other;    /* bytes of the other direction that found no room since its last record */
	__u8 local[16];      /* IPv4: the first four bytes */
	__u8 remote[16];
};

struct close_record {
	struct record head;
	__u64 final_send;    /* positions after the last byte that the application's calls moved */
	__u64 final_recv;
	__u32 lost_send;     /* bytes right before the end that found no room in the ring */
	__u32 lost_recv;
};

#define UNIX_PATH_BYTES 108

/*
 * `local` begins with a hash of the server's path, `remote` with the cookie of the other end, `offset` is the inode, `length`
 * that of the path.
 */
struct unix_open {
	struct record head;
	__u8 path[UNIX_PATH_BYTES + 4];
};

#define MAX_RULES 16
#define MAX_RULE_PORTS 32
#define MAX_RULE_PIDS 16
#define MAX_RULE_PATHS 8
#define COMM_BYTES 16

/* One rule of `targets`: what is given must hold. */
struct rule {
	__u32 port_count;
	__u32 pid_count;
	__u32 has_comm;
	__u32 exclude;
	__u16 ports[MAX_RULE_PORTS];
	__u32 pids[MAX_RULE_PIDS];
	char comm[COMM_BYTES];
	__u32 is_unix;             /* it is about Unix sockets, and about nothing else */
	__u32 path_count;          /* 0: whatever has a path */
	__u64 paths[MAX_RULE_PATHS];
	__u32 is_udp;              /* it is about UDP, and about nothing else */
	__u32 reserved;
};

/* of `unix_rules`: what is used meanwhile counts as joined late */
#define UNIX_WALKING 0xffff

/* Changeable at run time; a higher generation makes every socket ask again. */
struct targets {
	__u32 generation;
	__u32 rule_count;
	__u32 ports_only;          /* no rule asks for a process: both ends of a connection get the same answer */
	__u32 unix_rules;          /* rules that are about Unix sockets */
	__u32 udp_rules;
	__u32 reserved;
	struct rule rules[MAX_RULES];
};

enum vantage_mode {
	VANTAGE_AUTO = 0,
	VANTAGE_SERVER = 1,
	VANTAGE_CLIENT = 2,
	VANTAGE_BOTH = 3,
};

enum wire_mode {
	WIRE_AUTO = 0,
	WIRE_ALWAYS = 1,
	WIRE_NEVER = 2,
};

/* What user space says of a connection. */
enum advice_kind {
	ADVICE_NONE = 0,
	ADVICE_CUTTABLE = 1,   /* payload may be missing: whoever reads it knows where the next message begins */
	ADVICE_IGNORE = 2,     /* nobody wants its records */
	ADVICE_COVERED = 3,    /* somebody else tells the plaintext: only where bytes are, and when they passed */
};

struct advice {
	__u64 skip_to[2];      /* by direction: before this position nothing need be copied */
	__u32 kind;
	__u32 reserved;
};

/* Changeable at run time. */
struct economy {
	__u32 is_on;           /* advice is given */
	__u32 epoch;           /* advice of another one is void */
	__u32 turn_bytes;      /* of cuttable connections so much is copied until the other end speaks; 0: all */
	__u32 keep_one_in;     /* of new connections; 0 and 1: all */
};

/* Fixed when the object is loaded. */
struct settings {
	__u64 pid_ns_dev;
	__u64 pid_ns_ino;
	__u32 own_pid;
	__u32 vantage;
	__u32 wire;
	__u32 fault_drop_one_in;   /* tests only: 0 is off */
	__u32 fault_drop_role;
	__u32 reserved;
};

/* Counted for the whole source. */
struct counters {
	__u64 ring_full_records;
	__u64 ring_full_bytes;
	__u64 control_full_records;
	__u64 gap_bytes;
	__u64 wire_records;
	__u64 wire_bytes;
	__u64 faults;
	__u64 tls_joined;          /* TLS sessions whose socket was found */
	__u64 tls_unjoined_bytes;  /* plaintext that passed in sessions whose socket was not found */
	__u64 tls_bytes;           /* plaintext of joined sessions that was told */
	__u64 tls_hidden_bytes;    /* what they moved encrypted, which was not */
	__u64 tls_calls_missed;    /* calls of a library for which there was no memory */
	__u64 wire_repeated_bytes; /* payload of packets that had passed before */
	__u64 ignored_bytes;       /* of connections that no route wants */
	__u64 limited_bytes;       /* beyond what is kept of messages */
	__u64 sampled_bytes;       /* spared for the CPU budget */
	__u64 sampled_connections;
	__u64 closes_lost;         /* ends that nobody was told of */
	__u64 covered_bytes;       /* encrypted, and told as plaintext by somebody else */
	__u64 tls_refuted;         /* sockets that order or lengths suggested for a session, and that were not its own */
	__u64 memory_refused;      /* times that there was no memory to remember a socket, a session or a close */
	__u64 memory_refused_bytes;   /* sent or received by wanted sockets that could not be remembered */
	__u64 states_missed;       /* changes of sockets that were noticed at their end only */
	__u64 datagrams;
	__u64 datagram_bytes;
};

#endif

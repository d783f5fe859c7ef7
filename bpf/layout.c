// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* Prints the layout of events.h as assembly comments, for `make layout`. Never linked, never loaded. */
#include <linux/types.h>
#include "events.h"

#define VALUE(NAME, EXPRESSION) asm volatile("/*->" #NAME " %0*/" ::"i"(EXPRESSION))
#define FIELD(STRUCT, NAME) VALUE(STRUCT##_##NAME, __builtin_offsetof(struct STRUCT, NAME))

void layout(void)
{
	VALUE(record_SIZE, sizeof(struct record));
	FIELD(record, cookie);
	FIELD(record, time_ns);
	FIELD(record, offset);
	FIELD(record, length);
	FIELD(record, lost);
	FIELD(record, lost_other);
	FIELD(record, pid);
	FIELD(record, netns);
	FIELD(record, base_send);
	FIELD(record, base_recv);
	FIELD(record, local_port);
	FIELD(record, remote_port);
	FIELD(record, family);
	FIELD(record, kind);
	FIELD(record, role);
	FIELD(record, direction);
	FIELD(record, cause);
	FIELD(record, flags);
	FIELD(record, library);
	FIELD(record, local);
	FIELD(record, remote);
	VALUE(close_record_SIZE, sizeof(struct close_record));
	FIELD(close_record, final_send);
	FIELD(close_record, final_recv);
	FIELD(close_record, lost_send);
	FIELD(close_record, lost_recv);
	VALUE(rule_SIZE, sizeof(struct rule));
	FIELD(rule, port_count);
	FIELD(rule, pid_count);
	FIELD(rule, has_comm);
	FIELD(rule, exclude);
	FIELD(rule, ports);
	FIELD(rule, pids);
	FIELD(rule, comm);
	VALUE(targets_SIZE, sizeof(struct targets));
	FIELD(targets, generation);
	FIELD(targets, rule_count);
	FIELD(targets, ports_only);
	FIELD(targets, rules);
	VALUE(settings_SIZE, sizeof(struct settings));
	FIELD(settings, pid_ns_dev);
	FIELD(settings, pid_ns_ino);
	FIELD(settings, own_pid);
	FIELD(settings, vantage);
	FIELD(settings, wire);
	FIELD(settings, fault_drop_one_in);
	FIELD(settings, fault_drop_role);
	VALUE(counters_SIZE, sizeof(struct counters));
	VALUE(advice_SIZE, sizeof(struct advice));
	FIELD(advice, skip_to);
	FIELD(advice, kind);
	VALUE(economy_SIZE, sizeof(struct economy));
	FIELD(economy, is_on);
	FIELD(economy, epoch);
	FIELD(economy, turn_bytes);
	FIELD(economy, keep_one_in);
	VALUE(ADVICE_NONE, ADVICE_NONE);
	VALUE(ADVICE_CUTTABLE, ADVICE_CUTTABLE);
	VALUE(ADVICE_IGNORE, ADVICE_IGNORE);
	VALUE(MAX_RULES, MAX_RULES);
	VALUE(MAX_RULE_PORTS, MAX_RULE_PORTS);
	VALUE(MAX_RULE_PIDS, MAX_RULE_PIDS);
	VALUE(RECORD_DATA, RECORD_DATA);
	VALUE(RECORD_GAP, RECORD_GAP);
	VALUE(RECORD_WIRE, RECORD_WIRE);
	VALUE(RECORD_OPEN, RECORD_OPEN);
	VALUE(RECORD_CLOSE, RECORD_CLOSE);
	VALUE(CAUSE_NONE, CAUSE_NONE);
	VALUE(CAUSE_SENDFILE, CAUSE_SENDFILE);
	VALUE(CAUSE_SPLICE, CAUSE_SPLICE);
	VALUE(CAUSE_IO_URING, CAUSE_IO_URING);
	VALUE(CAUSE_NOT_READABLE, CAUSE_NOT_READABLE);
	VALUE(CAUSE_POSITION_CONFLICT, CAUSE_POSITION_CONFLICT);
	VALUE(CAUSE_LIMIT, CAUSE_LIMIT);
	VALUE(CAUSE_SAMPLED, CAUSE_SAMPLED);
	VALUE(ROLE_UNKNOWN, ROLE_UNKNOWN);
	VALUE(ROLE_CLIENT, ROLE_CLIENT);
	VALUE(ROLE_SERVER, ROLE_SERVER);
	VALUE(FLAG_POSITION_LOCAL, FLAG_POSITION_LOCAL);
	VALUE(FLAG_RESET, FLAG_RESET);
	VALUE(FLAG_IDENTITY_ONLY, FLAG_IDENTITY_ONLY);
	VALUE(FLAG_LATE, FLAG_LATE);
	VALUE(FLAG_PLAINTEXT, FLAG_PLAINTEXT);
	VALUE(FLAG_JOINED, FLAG_JOINED);
	VALUE(TLS_OPENSSL, TLS_OPENSSL);
	VALUE(TLS_GNUTLS, TLS_GNUTLS);
	VALUE(TLS_GO, TLS_GO);
	VALUE(TLS_READ, TLS_READ);
	VALUE(TLS_READ_EX, TLS_READ_EX);
	VALUE(TLS_WRITE, TLS_WRITE);
	VALUE(TLS_WRITE_EX, TLS_WRITE_EX);
	VALUE(TLS_PROTOCOL, TLS_PROTOCOL);
	VALUE(TLS_SENDFILE, TLS_SENDFILE);
	VALUE(TLS_FREE, TLS_FREE);
	VALUE(TLS_GO_READ, TLS_GO_READ);
	VALUE(TLS_GO_WRITE, TLS_GO_WRITE);
	VALUE(TLS_GO_PROTOCOL, TLS_GO_PROTOCOL);
	VALUE(TLS_GO_RETURN, TLS_GO_RETURN);
	VALUE(TLS_GO_PROTOCOL_RETURN, TLS_GO_PROTOCOL_RETURN);
	VALUE(PROCESS_EXEC, PROCESS_EXEC);
	VALUE(PROCESS_TLS, PROCESS_TLS);
}

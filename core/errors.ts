/**
 * The one registry of coded problems. Every error or warning that a person may read is named here; `docs/errors.md` lists
 * the same names and a test keeps both equal. Bad traffic is never an Error. Only `core/app/cli.ts` exits.
 */

/** 1 failed at run time, 2 bad usage or config, 3 the machine cannot do it, 4 a check that was asked for did not hold. */
export type ExitCode = 1 | 2 | 3 | 4;

interface ErrorSpec {
	readonly exit: ExitCode;
	/** What it means, one sentence, for the reference page. */
	readonly meaning: string;
}

export const ERRORS = {
	USAGE: { exit: 2, meaning: "The command line does not make sense as given." },
	CONFIG_INVALID: { exit: 2, meaning: "The config file was read but at least one value in it is not acceptable." },
	CONFIG_UNREADABLE: { exit: 2, meaning: "The config file could not be read." },
	PLUGIN_IMPORT_FAILED: { exit: 2, meaning: "A module of `plugins` could not be found, or its import failed or hung." },
	PLUGIN_INVALID: { exit: 2, meaning: "What a module of `plugins` exports is no plugin." },
	PLUGIN_API_MISMATCH: { exit: 2, meaning: "A plugin is made for another version of the plugin API." },
	PLUGIN_DUPLICATE: { exit: 2, meaning: "Two plugins of one kind have the same name; the first one counts." },
	NO_TARGET: { exit: 2, meaning: "`polytap run` was started without anything to capture." },
	INTERNAL: { exit: 1, meaning: "A bug in polytap or in a plugin: an exception that no contract allows." },
	SOURCE_FAILED: { exit: 1, meaning: "A source stopped with an error; the others go on." },
	SINK_FAILED: { exit: 1, meaning: "A sink could not be opened or failed for good; the others go on." },
	SINK_QUEUE_FULL: {
		exit: 1,
		meaning: "A sink is slower than the traffic; the oldest exchanges in its queue were dropped and counted.",
	},
	SINK_WRITE_FAILED: {
		exit: 1,
		meaning: "A sink refused a batch for good, or did not take it in time; it was counted.",
	},
	RECORDING_FAILED: { exit: 1, meaning: "The file of a recording that the config asks for could not be opened." },
	RECORDING_INCOMPLETE: {
		exit: 1,
		meaning: "A recording lacks something: what a replay gives may differ from what was captured.",
	},
	RECORDING_MISMATCH: {
		exit: 1,
		meaning:
			"A recording was made by another version or with other parsers, or its replay gave another count of exchanges.",
	},
	SPOOL_LOCKED: {
		exit: 1,
		meaning: "A spool is in use: by another process, or by a sink that is still being drained.",
	},
	SPOOL_UNUSABLE: { exit: 1, meaning: "The folder of a spool cannot be made, read or written." },
	SPOOL_FULL: {
		exit: 1,
		meaning:
			"A spool reached its bound, or its disk has no room: what it cannot take is dropped by policy and counted.",
	},
	SPOOL_FAILED: { exit: 1, meaning: "The system refused to read or write a spool; what is in memory is tried again." },
	SPOOL_DAMAGED: { exit: 1, meaning: "A part of a spool cannot be read; the rest of it is delivered." },
	REDACTION_OFF: {
		exit: 1,
		meaning: "The config switches the built-in redaction off: credentials in headers and URLs reach the sinks.",
	},
	REDACTION_FAILED: {
		exit: 1,
		meaning:
			"Redaction or a filter threw, which is a bug; the exchange was dropped, because nobody knows what is in it.",
	},
	PARSER_FAILED: { exit: 1, meaning: "A parser threw or broke its contract; its connection goes on as opaque." },
	WORKER_HUNG: { exit: 1, meaning: "A worker thread did not answer its heartbeat and was started again." },
	PARSER_DISABLED: {
		exit: 1,
		meaning: "A parser hung the worker too often and is switched off for the rest of the run.",
	},
	PLUGIN_LEFT_OUT: {
		exit: 1,
		meaning:
			"A source or sink hung or ended the worker too often, or as soon as it was made; the rest goes on without.",
	},
	RELOAD_FAILED: { exit: 1, meaning: "A new config was not applied, on SIGHUP; the one before goes on unchanged." },
	METRICS_FAILED: { exit: 1, meaning: "The endpoint for metrics and health could not be opened, or failed." },
	KUBERNETES_UNREACHABLE: {
		exit: 1,
		meaning: "Who `kubernetes` says to ask for the pods of this node could not be reached, or gave no sensible answer.",
	},
	KUBERNETES_REFUSED: { exit: 1, meaning: "The cluster does not let polytap read the pods of this node." },
	WORKER_DIED: { exit: 1, meaning: "A worker thread ended unexpectedly and was started again." },
	BPF_NOT_PERMITTED: { exit: 3, meaning: "The kernel refuses BPF to this user." },
	BPF_UNSUPPORTED: { exit: 3, meaning: "This kernel lacks something that the eBPF source needs." },
	TLS_NOT_PROBED: { exit: 1, meaning: "A TLS library was found and could not be probed." },
	CPU_BUDGET_EXCEEDED: { exit: 1, meaning: "The CPU budget was exceeded; less is captured from here on." },
	CPU_BUDGET_KEPT: { exit: 1, meaning: "The CPU budget has room again; more is captured from here on." },
	BPF_LOAD_FAILED: { exit: 3, meaning: "The BPF object could not be loaded or attached." },
	BPF_OBJECT_MISSING: { exit: 3, meaning: "The compiled BPF object is not where the package should have it." },
	LIBBPF_MISSING: { exit: 3, meaning: "libbpf.so.1 is not installed." },
	JAVA_LISTEN_FAILED: {
		exit: 1,
		meaning: "The socket for Java agents could not be opened, or its folder is not safe.",
	},
	JAVA_PEER_REFUSED: {
		exit: 1,
		meaning: "What connected as a Java agent may not, or broke the protocol; its session was ended.",
	},
	JAVA_HOOK_ERRORS: {
		exit: 1,
		meaning: "A Java agent's own code failed inside an application, which it hides from it; something is not captured.",
	},
	JAVA_ATTACH_REFUSED: {
		exit: 3,
		meaning: "A process is no JVM that an agent can be put into without harm; nothing was done to it.",
	},
	JAVA_ATTACH_FAILED: { exit: 1, meaning: "A JVM did not take the agent, or did not answer." },
	JAVA_AGENT_MISSING: { exit: 3, meaning: "The Java agent's jar is not where the package should have it." },
	SIDECAR_LISTEN_FAILED: {
		exit: 1,
		meaning: "The legacy sidecar could not listen, or a file that its TLS needs could not be read.",
	},
	SIDECAR_RELAY_DIED: {
		exit: 1,
		meaning: "The thread of the legacy sidecar's relay ended unexpectedly and was started again.",
	},
	SIDECAR_RULES_FAILED: {
		exit: 3,
		meaning: "The kernel's redirection to the legacy sidecar could not be installed or removed.",
	},
	CAPTURE_UNREADABLE: {
		exit: 1,
		meaning: "A packet capture, recording or file of exchanges could not be opened or is not one.",
	},
	CAPTURE_DAMAGED: {
		exit: 1,
		meaning: "A packet capture, recording or file of exchanges is truncated or damaged; everything before was read.",
	},
	CAPTURE_UNSUPPORTED: { exit: 1, meaning: "A packet capture holds something that polytap does not decode." },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

export class PolytapError extends Error {
	override readonly name = "PolytapError";
	readonly code: ErrorCode;
	readonly hint: string | null;

	constructor(code: ErrorCode, message: string, hint: string | null = null, cause?: unknown) {
		super(message, cause === undefined ? undefined : { cause });
		this.code = code;
		this.hint = hint;
	}

	get exitCode(): ExitCode {
		return ERRORS[this.code].exit;
	}
}

/** A sink could not write now; the whole batch may be offered again. */
export class Retryable extends Error {
	override readonly name = "Retryable";
}

/** A sink will never take this batch. */
export class Permanent extends Error {
	override readonly name = "Permanent";
}

/** A sink wrote some of a batch. `failed` are the indexes in the batch that were not written; `retryable` tells whether to try them again. */
export class Partial extends Error {
	override readonly name = "Partial";
	readonly failed: readonly number[];
	readonly retryable: boolean;

	constructor(message: string, failed: readonly number[], retryable: boolean) {
		super(message);
		this.failed = failed;
		this.retryable = retryable;
	}
}

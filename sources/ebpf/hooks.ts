/** Where sends and receives of sockets are seen: the first of these that the kernel has. */
import { libbpf, type Pointer } from "./libbpf.js";

export type Hooks = "tracepoints" | "functions";

const BPF_TRACE_RAW_TP = 23;
const BPF_TRACE_FEXIT = 25;

interface Hook {
	readonly program: string;
	/** What it is attached to. */
	readonly at: string;
	/** Its absence is no matter: kernels without IPv6 or Unix sockets, or without a way of their own for `sendfile`. */
	readonly isOptional?: true;
}

const HOOKS: Readonly<Record<Hooks, readonly Hook[]>> = {
	tracepoints: [
		{ program: "on_send", at: "sock_send_length" },
		{ program: "on_recv", at: "sock_recv_length" },
	],
	functions: [
		{ program: "on_inet_sendmsg", at: "inet_sendmsg" },
		{ program: "on_inet6_sendmsg", at: "inet6_sendmsg", isOptional: true },
		{ program: "on_inet_sendpage", at: "inet_sendpage", isOptional: true },
		{ program: "on_inet_recvmsg", at: "inet_recvmsg" },
		{ program: "on_inet6_recvmsg", at: "inet6_recvmsg", isOptional: true },
		{ program: "on_unix_sendmsg", at: "unix_stream_sendmsg", isOptional: true },
		{ program: "on_unix_sendpage", at: "unix_stream_sendpage", isOptional: true },
		{ program: "on_unix_recvmsg", at: "unix_stream_recvmsg", isOptional: true },
	],
};

/** What this kernel has. `wanted` other than `auto`: that, whatever it has. */
export function chooseHooks(wanted: Hooks | "auto"): Hooks {
	if (wanted !== "auto") return wanted;
	return HOOKS.tracepoints.every((hook) => exists(hook, "tracepoints")) ? "tracepoints" : "functions";
}

/** The programs of these hooks; those that this kernel has no place for are left out. */
export function programsOf(hooks: Hooks): readonly string[] {
	return HOOKS[hooks].filter((hook) => hook.isOptional !== true || exists(hook, hooks)).map(({ program }) => program);
}

/** All others are not loaded: the verifier would ask for what the kernel does not have. */
export function loadOnly(programs: readonly string[], find: (name: string) => Pointer): void {
	for (const { program } of [...HOOKS.tracepoints, ...HOOKS.functions])
		libbpf().setAutoload(find(program), programs.includes(program));
}

/** By place: each look reads the kernel's type information. */
const known = new Map<string, boolean>();

function exists({ at }: Hook, hooks: Hooks): boolean {
	const type = hooks === "tracepoints" ? BPF_TRACE_RAW_TP : BPF_TRACE_FEXIT;
	const found = known.get(at) ?? libbpf().vmlinuxId(at, type) > 0;
	known.set(at, found);
	return found;
}

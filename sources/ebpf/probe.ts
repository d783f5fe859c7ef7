import { accessSync, constants, readFileSync } from "node:fs";
import { release } from "node:os";
import { PolytapError } from "../../core/index.js";
import type { Hooks } from "./hooks.js";
import { cgroup2Mount, EbpfHost, objectPath, WIRE_PROGRAMS } from "./host.js";
import { libbpf } from "./libbpf.js";
import { ebpfOptions } from "./options.js";
import { pathInOwnRoot } from "./tls/mapped-files.js";

/** One thing that live capture needs, or is better with. */
export interface EbpfCheck {
	readonly name: string;
	readonly ok: boolean;
	/** What was found. */
	readonly detail: string;
	/** What to do where it is not ok; null where nothing is. */
	readonly fix: string | null;
}

export interface EbpfReport {
	/** How the programs are attached; null: not at all. */
	readonly mode: "socket-tracepoints" | "function-exits" | null;
	/** Why that mode, or why none. */
	readonly reason: string;
	/** How sends without a user buffer are captured. */
	readonly wire: "cgroup-skb" | null;
	/** How plaintext above TLS is captured. */
	readonly tls: "uprobe-multi" | "perf-uprobes" | null;
	readonly checks: readonly EbpfCheck[];
}

/** Capabilities by bit, as in `CapEff` of /proc/self/status. */
const CAPABILITIES: readonly (readonly [bit: bigint, name: string, why: string])[] = [
	[39n, "CAP_BPF", "load BPF programs"],
	[38n, "CAP_PERFMON", "attach to tracepoints and read user memory"],
	[12n, "CAP_NET_ADMIN", "attach to the cgroup hooks"],
	[19n, "CAP_SYS_PTRACE", "name the executables of other users' processes"],
];
const CAP_SYS_ADMIN = 21n;

/** What this kernel and this user can do. Loads and attaches everything once, to nobody's cost, and takes it away again. */
export async function probe(): Promise<EbpfReport> {
	const checks: EbpfCheck[] = [kernel(), btf(), ...capabilities(), lockdown(), library(), object(), cgroup(), pids()];
	const warnings: string[] = [];
	const { error: attempt, tls, hooks, programs } = await tryAttach(warnings);
	checks.push({
		name: "load and attach",
		ok: attempt === null,
		detail: attempt === null ? `attached and detached again: ${programs.join(", ")}` : attempt.message,
		fix: attempt?.hint ?? null,
	});
	if (attempt === null) checks.push(libraries(tls));
	return {
		mode: attempt === null ? MODES[hooks].mode : null,
		reason: attempt === null ? MODES[hooks].reason : attempt.message,
		wire: attempt === null && warnings.length === 0 ? "cgroup-skb" : null,
		tls: tls === null || tls.watched.length === 0 ? null : tls.form,
		checks,
	};
}

const MODES = {
	tracepoints: {
		mode: "socket-tracepoints",
		reason: "sock_send_length and sock_recv_length are there (kernel 6.3 or later) and this user may attach to them",
	},
	functions: {
		mode: "function-exits",
		reason:
			"the socket tracepoints are not there (kernel 6.3), so the ends of inet_sendmsg and inet_recvmsg (fexit) do it",
	},
} as const;

interface Attempt {
	readonly hooks: Hooks;
	readonly programs: readonly string[];
	readonly error: PolytapError | null;
	readonly tls: EbpfHost["tls"];
}

async function tryAttach(warnings: string[]): Promise<Attempt> {
	const rings = { ring_bytes: 4096, control_ring_bytes: 4096 };
	const options = ebpfOptions.parse({ targets: [{ ports: [1] }], wire: "always", tls: "auto", ...rings });
	const host = new EbpfHost(options, {
		name: "doctor",
		diagnostics: { warn: (code, message) => code !== "TLS_NOT_PROBED" && warnings.push(message), info: () => {} },
	});
	try {
		await host.open();
		const programs = [...host.programs, ...WIRE_PROGRAMS];
		return { error: null, tls: host.tls, hooks: host.hooks, programs };
	} catch (error) {
		const known = error instanceof PolytapError ? error : new PolytapError("BPF_LOAD_FAILED", String(error));
		return { error: known, tls: null, hooks: host.hooks, programs: [] };
	} finally {
		await host.close();
	}
}

function libraries(tls: EbpfHost["tls"]): EbpfCheck {
	const name = "TLS libraries";
	if (tls === null || tls.watched.length + tls.refused === 0)
		return { name, ok: true, detail: "none is installed or loaded: nothing to probe", fix: null };
	const shown = tls.watched.map(({ path, library }) => `${pathInOwnRoot(path)} (${library})`);
	const ok = tls.refused === 0;
	return {
		name,
		ok,
		detail: `${shown.join(", ") || "none"}${ok ? "" : `; ${tls.refused} refused`}, by ${tls.form}`,
		fix: ok ? null : "run as root, or with CAP_PERFMON and CAP_SYS_PTRACE; a kernel with CONFIG_UPROBES=y is needed",
	};
}

function kernel(): EbpfCheck {
	const version = release();
	const [major = 0, minor = 0] = version.split(".").map(Number);
	const ok = major > 6 || (major === 6 && minor >= 1);
	return { name: "kernel", ok, detail: version, fix: ok ? null : "use a kernel from 6.1 on" };
}

function btf(): EbpfCheck {
	const ok = canRead("/sys/kernel/btf/vmlinux");
	return {
		name: "BTF",
		ok,
		detail: ok ? "/sys/kernel/btf/vmlinux" : "no /sys/kernel/btf/vmlinux",
		fix: ok ? null : "use a kernel built with CONFIG_DEBUG_INFO_BTF=y (Debian's are)",
	};
}

function capabilities(): EbpfCheck[] {
	const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
	const effective = BigInt(`0x${hex}`);
	const has = (bit: bigint): boolean => ((effective >> bit) & 1n) === 1n;
	return CAPABILITIES.map(([bit, name, why]) => {
		const ok = has(bit) || has(CAP_SYS_ADMIN);
		return { name, ok, detail: ok ? `there, to ${why}` : `missing, needed to ${why}`, fix: ok ? null : "run as root" };
	});
}

function lockdown(): EbpfCheck {
	const path = "/sys/kernel/security/lockdown";
	const detail = canRead(path)
		? (/\[(.*)\]/.exec(readFileSync(path, "utf8"))?.[1] ?? "unknown")
		: "not readable here; the capture works under every level";
	return { name: "lockdown", ok: true, detail, fix: null };
}

function library(): EbpfCheck {
	try {
		const { majorVersion, minorVersion } = libbpf();
		const [major, minor] = [majorVersion(), minorVersion()];
		const ok = major >= 1;
		return { name: "libbpf", ok, detail: `${major}.${minor}`, fix: ok ? null : "libbpf 1.0 or later is needed" };
	} catch (error) {
		const fix = error instanceof PolytapError ? error.hint : null;
		return { name: "libbpf", ok: false, detail: "libbpf.so.1 is not installed", fix };
	}
}

function object(): EbpfCheck {
	try {
		return { name: "BPF object", ok: true, detail: objectPath(), fix: null };
	} catch (error) {
		const fix = error instanceof PolytapError ? error.hint : null;
		return { name: "BPF object", ok: false, detail: `none for ${process.arch}`, fix };
	}
}

function cgroup(): EbpfCheck {
	const mount = cgroup2Mount();
	return {
		name: "cgroup v2",
		ok: mount !== null,
		detail: mount ?? "not mounted: what is sent by sendfile or splice will be a named gap",
		fix: mount === null ? "mount -t cgroup2 none /sys/fs/cgroup/unified" : null,
	};
}

function pids(): EbpfCheck {
	// the first process of the initial pid namespace has no other parent above it that we could see
	const nested = /^NSpid:\s*\d+\s+\d+/m.test(readFileSync("/proc/self/status", "utf8"));
	return {
		name: "pid namespace",
		ok: !nested,
		detail: nested ? "not the host's: processes outside have no names here" : "the host's",
		fix: nested ? "run in the host's pid namespace (hostPID: true, --pid=host)" : null,
	};
}

function canRead(path: string): boolean {
	try {
		accessSync(path, constants.R_OK);
		return true;
	} catch {
		return false;
	}
}

import { errno, libbpf, libc, type Pointer, withMemory } from "../libbpf.js";

/** A place in a file and the cookie that its program gets. */
export interface Probe {
	readonly offset: number;
	readonly cookie: bigint;
}

/** Attaches the two programs of TLS to a file, for all processes that run it, now and later. */
export interface ProbeLinks {
	/** 0, or the error number with which the kernel refused; then nothing stays attached. */
	attach(path: string, entries: readonly Probe[], returns: readonly Probe[]): number;
	/** Idempotent. */
	close(): void;
}

/** `enum bpf_attach_type` and its neighbours in linux/bpf.h. */
export const BPF_TRACE_UPROBE_MULTI = 48;
const BPF_LINK_CREATE = 28;
const BPF_F_UPROBE_MULTI_RETURN = 1;
const BPF_PROG_TYPE_KPROBE = 2;
const BPF_SYSCALL = process.arch === "arm64" ? 280 : 321;
const ATTRIBUTES_BYTES = 64;
const EBADF = 9;
/** `struct bpf_prog_load_opts`: size, attempts, expected attach type. */
const LOAD_OPTIONS_BYTES = 16;
/** `r0 = 0; exit` */
const RETURN_ZERO = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

/**
 * Can one link hold all probes of a file (kernel 6.6)? One of them takes as long to close as a single probe of the old kind,
 * of which a library needs dozens. Asks the kernel with a link that it must refuse for its path, once it knows the kind.
 */
export function hasUprobeMulti(): boolean {
	const options = new Uint8Array(new Uint32Array([LOAD_OPTIONS_BYTES, 0, 1, BPF_TRACE_UPROBE_MULTI]).buffer);
	const fd = libbpf().loadProgram(BPF_PROG_TYPE_KPROBE, "probe", "GPL", RETURN_ZERO, 2, options);
	if (fd < 0) return false;
	const link = createLink(fd, "/", [{ offset: 1, cookie: 0n }], 0);
	const error = errno();
	libc().close(fd);
	if (link >= 0) libc().close(link);
	return link < 0 && error === EBADF;
}

/** `fd` of the new link, or negative: see `errno`. */
function createLink(programFd: number, path: string, probes: readonly Probe[], flags: number): number {
	const offsets = new Uint8Array(BigUint64Array.from(probes, ({ offset }) => BigInt(offset)).buffer);
	const cookies = new Uint8Array(BigUint64Array.from(probes, ({ cookie }) => cookie).buffer);
	return withMemory(Buffer.from(`${path}\0`), (pathAt) =>
		withMemory(offsets, (offsetsAt) =>
			withMemory(cookies, (cookiesAt) => {
				const attributes = new DataView(new ArrayBuffer(ATTRIBUTES_BYTES));
				attributes.setUint32(0, programFd, true);
				attributes.setUint32(8, BPF_TRACE_UPROBE_MULTI, true);
				attributes.setBigUint64(16, pathAt, true);
				attributes.setBigUint64(24, offsetsAt, true);
				attributes.setBigUint64(40, cookiesAt, true);
				attributes.setUint32(48, probes.length, true);
				attributes.setUint32(52, flags, true);
				return libc().bpf(BPF_SYSCALL, BPF_LINK_CREATE, new Uint8Array(attributes.buffer), ATTRIBUTES_BYTES);
			}),
		),
	);
}

/** One link for the entries of a file and one for its returns. */
export class MultiUprobes implements ProbeLinks {
	readonly #entry: number;
	readonly #exit: number;
	readonly #links: number[] = [];

	constructor(entry: Pointer, exit: Pointer) {
		this.#entry = libbpf().programFd(entry);
		this.#exit = libbpf().programFd(exit);
	}

	attach(path: string, entries: readonly Probe[], returns: readonly Probe[]): number {
		const links: number[] = [];
		// the returns first: a call that is begun must be ended
		for (const [program, probes, flags] of [
			[this.#exit, returns, BPF_F_UPROBE_MULTI_RETURN],
			[this.#entry, entries, 0],
		] as const) {
			if (probes.length === 0) continue;
			const link = createLink(program, path, probes, flags);
			if (link < 0) {
				const error = errno();
				for (const each of links) libc().close(each);
				return error;
			}
			links.push(link);
		}
		this.#links.push(...links);
		return 0;
	}

	close(): void {
		for (const link of this.#links.splice(0)) libc().close(link);
	}
}

/** `struct bpf_uprobe_opts` of libbpf 1.0: size, reference counter, cookie, is it a return, name of the function. */
const UPROBE_OPTIONS_BYTES = 40;
const ALL_PROCESSES = -1;

/** For kernels before 6.6: a perf event for each place. */
export class PerfUprobes implements ProbeLinks {
	readonly #entry: Pointer;
	readonly #exit: Pointer;
	readonly #links: Pointer[] = [];

	constructor(entry: Pointer, exit: Pointer) {
		this.#entry = entry;
		this.#exit = exit;
	}

	attach(path: string, entries: readonly Probe[], returns: readonly Probe[]): number {
		const links: Pointer[] = [];
		for (const [program, probes, isReturn] of [
			[this.#exit, returns, 1],
			[this.#entry, entries, 0],
		] as const)
			for (const { offset, cookie } of probes) {
				const options = new DataView(new ArrayBuffer(UPROBE_OPTIONS_BYTES));
				options.setUint32(0, UPROBE_OPTIONS_BYTES, true);
				options.setBigUint64(16, cookie, true);
				options.setUint8(24, isReturn);
				const bytes = new Uint8Array(options.buffer);
				const link = libbpf().attachUprobe(program, ALL_PROCESSES, path, offset, bytes);
				if (link === null) {
					const error = errno();
					for (const each of links) libbpf().destroyLink(each);
					return error;
				}
				links.push(link);
			}
		this.#links.push(...links);
		return 0;
	}

	close(): void {
		for (const link of this.#links.splice(0)) libbpf().destroyLink(link);
	}
}

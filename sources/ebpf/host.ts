import { closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type HostContext, PolytapError, type SourceHost } from "../../core/index.js";
import { attachAlive } from "./alive.js";
import { walkFiles } from "./file-walk.js";
import { chooseHooks, type Hooks, loadOnly, programsOf } from "./hooks.js";
import { kernelCounters } from "./kernel-counters.js";
import { errno, libbpf, type Pointer, view } from "./libbpf.js";
import type { EbpfOptions } from "./options.js";
import { PINS_BYTES, Pins } from "./pins.js";
import { ProcessRing } from "./process-ring.js";
import { ProgramStats } from "./program-stats.js";
import * as layout from "./record-layout.js";
import { type EbpfHostState, PROGRESS_BYTES, Progress } from "./shared.js";
import { targetsBytes } from "./targets.js";
import { BPF_TRACE_UPROBE_MULTI, hasUprobeMulti, MultiUprobes, PerfUprobes } from "./tls/probe-links.js";
import { TlsWatcher, type WatchedFile } from "./tls/watcher.js";

const EPERM = 1;
const EAGAIN = 11;
const LOAD_ATTEMPTS = 5;
/** Of the ring for closes: where it is full so many more are kept. */
const BYTES_PER_KEPT_CLOSE = 16;
const VANTAGES = ["auto", "server", "client", "both"] as const;
const WIRES = ["auto", "always", "never"] as const;
/** Attached before those that see sends and receives: nothing is sent or received before its end can be seen. */
export const LIFECYCLE_PROGRAMS = ["on_destroy", "on_destroy_again", "on_state"] as const;
/** Attached once, where TLS libraries are watched. */
export const TLS_PROGRAMS = ["on_exec"] as const;
/** Attached to every TLS library: where its functions begin, and where they return. */
const TLS_PROBES = ["on_tls_entry", "on_tls_return"] as const;
/** Walks over files, where Unix sockets are wanted. */
const UNIX_WALK = "on_file";
/** Walks over the sockets that have state, now and then. */
const ALIVE_WALK = "on_alive";
/** On packets, where they are needed. */
export const WIRE_PROGRAMS = ["on_egress", "on_ingress"] as const;

/** The main-thread half: loads and attaches the BPF programs and keeps them, whatever becomes of workers. */
export class EbpfHost implements SourceHost {
	readonly #options: EbpfOptions;
	readonly #context: HostContext;
	#object: Pointer = null;
	#countersFd = -1;
	#targetsFd = -1;
	#generation = 1;
	readonly #pinMemory = new SharedArrayBuffer(PINS_BYTES);
	readonly #pins = new Pins(this.#pinMemory);
	#tls: TlsWatcher | null = null;
	#processes: ProcessRing | null = null;
	#usesMulti = false;
	#hooks: Hooks = "tracepoints";
	#hasUnixRules = false;
	#watchesPackets = false;
	readonly #links: Pointer[] = [];
	readonly #stats = new ProgramStats();

	constructor(options: EbpfOptions, context: HostContext) {
		this.#options = options;
		this.#context = context;
	}

	async open(): Promise<EbpfHostState> {
		const { ring_bytes, control_ring_bytes } = this.#options;
		const bpf = libbpf();
		bpf.silence(null);
		for (let attempt = 1; !this.#load(); attempt++) {
			// a signal that came while the verifier was at work: nothing is wrong
			if (errno() !== EAGAIN || attempt === LOAD_ATTEMPTS) throw loadError("the kernel did not take the BPF object");
			bpf.closeObject(this.#object);
		}
		this.#countersFd = bpf.mapFd(this.#map("counters_map"));
		this.#targetsFd = bpf.mapFd(this.#map("targets_map"));
		// before anything is attached, so that no socket is asked in vain
		this.#writeTargets(this.#options.targets, true);
		this.#pins.write(this.#options.targets);
		const progress = new SharedArrayBuffer(PROGRESS_BYTES);
		if (this.#options.wire === "always" || hasUdp(this.#options)) this.#attachWire();
		if (this.#options.tls === "auto") this.#watchTls();
		for (const name of this.programs) this.#attach(name);
		if (this.#options.targets.some(({ unix }) => unix !== undefined)) this.setTargets(this.#options);
		if (this.#options.wire === "auto") void new Progress(progress).packetsAreNeeded().then(() => this.#attachWire());
		return {
			dataFd: bpf.mapFd(this.#map("data_ring")),
			dataBytes: ring_bytes,
			controlFd: bpf.mapFd(this.#map("control_ring")),
			controlBytes: control_ring_bytes,
			countersFd: this.#countersFd,
			keptClosesFd: bpf.mapFd(this.#map("kept_closes")),
			alive: { linkFd: this.#attachAlive(), partFd: bpf.mapFd(this.#map(".data.alive")) },
			advicesFd: bpf.mapFd(this.#map("advices")),
			economyFd: bpf.mapFd(this.#map(".data.economy")),
			wakeupsFd: bpf.mapFd(this.#map(".data.wakeups")),
			copiesOnce: this.#options.vantage !== "both",
			pins: this.#pinMemory,
			progress,
		};
	}

	/** Replaces the rules; every socket is asked again at its next call. */
	setTargets({ targets }: Pick<EbpfOptions, "targets">): void {
		const hasUnixRules = targets.some(({ unix }) => unix !== undefined);
		if (hasUnixRules && !this.#hasUnixRules) {
			this.#writeTargets(targets, true);
			if (!walkFiles(this.#program(UNIX_WALK)))
				this.#context.diagnostics.warn(
					"BPF_UNSUPPORTED",
					"files of processes cannot be walked over: Unix connections that are open already may be read from their middle",
				);
		}
		this.#hasUnixRules = hasUnixRules;
		if (hasUdp({ targets })) this.#attachWire();
		this.#writeTargets(targets, false);
		this.#pins.write(targets);
	}

	/** `isWalking`: Unix sockets that are used now, or were there before, count as joined late. */
	#writeTargets(targets: EbpfOptions["targets"], isWalking: boolean): void {
		const value = targetsBytes(targets, this.#generation++, isWalking);
		if (libbpf().update(this.#targetsFd, new Uint8Array(4), value, 0) !== 0)
			throw loadError("the targets could not be written");
	}

	/** The rules alone: all else is fixed when the programs are loaded. */
	reconfigure(config: unknown): readonly string[] {
		const wanted = config as EbpfOptions;
		this.setTargets(wanted);
		return Object.keys(wanted).filter((key) => key !== "targets");
	}

	async close(): Promise<void> {
		const bpf = this.#object === null ? null : libbpf();
		this.#tls?.close();
		this.#stats.close();
		await this.#processes?.close();
		this.#processes = null;
		for (const link of this.#links.splice(0)) bpf?.destroyLink(link);
		if (this.#object !== null) bpf?.closeObject(this.#object);
		this.#object = null;
		this.#countersFd = -1;
	}

	/** How sends and receives are seen. Known once it is open. */
	get hooks(): Hooks {
		return this.#hooks;
	}

	/** In the order in which they are attached. */
	get programs(): readonly string[] {
		return [...LIFECYCLE_PROGRAMS, ...programsOf(this.#hooks)];
	}

	/** How TLS libraries are probed, and which; null: not at all. */
	get tls(): {
		readonly form: "uprobe-multi" | "perf-uprobes";
		readonly watched: readonly WatchedFile[];
		readonly refused: number;
	} | null {
		if (this.#tls === null) return null;
		const { watched, refused } = this.#tls;
		const form = this.#usesMulti ? "uprobe-multi" : "perf-uprobes";
		return { form, watched: [...watched], refused: refused.limit + refused.kernel };
	}

	counters(): Readonly<Record<string, number>> {
		if (this.#countersFd < 0) return {};
		const counters = { ...kernelCounters(this.#countersFd), ...this.#stats.counters() };
		counters.wire_attached = this.#watchesPackets ? 1 : 0;
		if (this.#tls !== null) {
			const { watched, refused } = this.#tls;
			counters.tls_files_watched = watched.length;
			counters.tls_files_refused_limit = refused.limit;
			counters.tls_files_refused_kernel = refused.kernel;
			counters.tls_probes = watched.reduce((sum, { probes }) => sum + probes, 0);
		}
		return counters;
	}

	#load(): boolean {
		const { ring_bytes, control_ring_bytes } = this.#options;
		const bpf = libbpf();
		const path = objectPath();
		this.#object = bpf.openFile(path, null);
		if (this.#object === null) throw loadError(`${path} could not be read`);
		this.#writeSettings();
		// what is not used need not be to the kernel's liking
		if (!this.#options.targets.some(({ unix }) => unix !== undefined)) bpf.setAutoload(this.#program(UNIX_WALK), false);
		bpf.setMaxEntries(this.#map("data_ring"), ring_bytes);
		bpf.setMaxEntries(this.#map("control_ring"), control_ring_bytes);
		bpf.setMaxEntries(this.#map("kept_closes"), Math.ceil(control_ring_bytes / BYTES_PER_KEPT_CLOSE));
		this.#hooks = chooseHooks(this.#options.hooks);
		loadOnly(programsOf(this.#hooks), (name) => this.#program(name));
		this.#usesMulti = this.#options.tls === "auto" && hasUprobeMulti();
		if (this.#usesMulti)
			for (const name of TLS_PROBES) bpf.setExpectedAttachType(this.#program(name), BPF_TRACE_UPROBE_MULTI);
		return bpf.load(this.#object) === 0;
	}

	#map(name: string): Pointer {
		const map = libbpf().findMap(this.#object, name);
		if (map === null) throw loadError(`the BPF object has no map ${name}`);
		return map;
	}

	#attach(name: string): void {
		const bpf = libbpf();
		const program = this.#program(name);
		const link = bpf.attach(program);
		if (link === null) throw loadError(`${name} could not be attached`);
		this.#links.push(link);
		this.#stats.add(name, program);
	}

	/** The link's descriptor, or -1: then ends that are lost are not found again. */
	#attachAlive(): number {
		const link = attachAlive(this.#program(ALIVE_WALK), libbpf().mapFd(this.#map("sockets")));
		if (link === null) {
			this.#context.diagnostics.warn(
				"BPF_UNSUPPORTED",
				`sockets cannot be walked over (errno ${errno()}): connections whose end is lost stay known`,
			);
			return -1;
		}
		this.#links.push(link);
		return libbpf().linkFd(link);
	}

	/** Libraries first, then the sockets: what a session does before its socket is seen would be lost. */
	#watchTls(): void {
		const watchFd = libbpf().mapFd(this.#map(".data.tls"));
		const programs = TLS_PROBES.map((name) => this.#program(name)) as [Pointer, Pointer];
		let hasGo = 0;
		const watcher = new TlsWatcher(
			this.#usesMulti ? new MultiUprobes(...programs) : new PerfUprobes(...programs),
			(epoch, library) => {
				if (library === layout.TLS_GO) hasGo = 1;
				libbpf().update(watchFd, new Uint8Array(4), new Uint8Array(Uint32Array.of(epoch, hasGo).buffer), 0);
			},
			(path, library, why, error) =>
				this.#context.diagnostics.warn(
					"TLS_NOT_PROBED",
					why === "limit"
						? `${path} (${library}): too many TLS libraries are watched already`
						: `${path} (${library}): the kernel refused the probes (errno ${error})`,
					"connections of processes that use it stay one record each, without plaintext",
				),
		);
		this.#tls = watcher;
		this.#processes = new ProcessRing(libbpf().mapFd(this.#map("process_ring")), (pid, reason) => {
			if (reason === layout.PROCESS_TLS) watcher.onTls(pid);
			else watcher.onExec(pid);
		});
		for (const name of TLS_PROGRAMS) this.#attach(name);
		watcher.scan();
	}

	/**
	 * Watching packets costs every packet of the node some 0.1 µs on each side, so it begins with the first need. Without a
	 * cgroup v2 hierarchy what has no user buffer stays a named gap.
	 */
	#attachWire(): void {
		if (this.#object === null || this.#watchesPackets) return;
		const root = cgroup2Mount();
		if (root === null) {
			this.#context.diagnostics.warn(
				"BPF_UNSUPPORTED",
				"no cgroup2 mount: sendfile and splice will be gaps, and UDP is not seen",
			);
			return;
		}
		const fd = openSync(root, "r");
		let isWhole = true;
		for (const name of WIRE_PROGRAMS) {
			const program = this.#program(name);
			const link = libbpf().attachCgroup(program, fd);
			if (link === null) {
				isWhole = false;
				this.#context.diagnostics.warn(
					"BPF_UNSUPPORTED",
					`${name}: packets are out of reach: sendfile and splice will be gaps, and UDP is not seen`,
				);
				continue;
			}
			this.#links.push(link);
			this.#stats.add(name, program);
		}
		closeSync(fd);
		// sockets must not count on packets that nobody brings
		if (!isWhole) return;
		const flag = libbpf().mapFd(this.#map(".data.wire"));
		libbpf().update(flag, new Uint8Array(4), new Uint8Array([1, 0, 0, 0]), 0);
		this.#watchesPackets = true;
	}

	#program(name: string): Pointer {
		const program = libbpf().findProgram(this.#object, name);
		if (program === null) throw loadError(`the BPF object has no program ${name}`);
		return program;
	}

	#writeSettings(): void {
		const { vantage, wire, test_fault_drop_one_in, test_fault_drop_end } = this.#options;
		const pointer = libbpf().initialValue(this.#map(".rodata.settings"), [0]);
		const settings = new DataView(view(pointer, layout.SETTINGS_BYTES));
		const namespace = statSync("/proc/self/ns/pid", { bigint: true });
		settings.setBigUint64(layout.SETTINGS_PID_NS_DEV, kernelDevice(namespace.dev), true);
		settings.setBigUint64(layout.SETTINGS_PID_NS_INO, namespace.ino, true);
		settings.setUint32(layout.SETTINGS_OWN_PID, process.pid, true);
		settings.setUint32(layout.SETTINGS_VANTAGE, VANTAGES.indexOf(vantage), true);
		settings.setUint32(layout.SETTINGS_WIRE, WIRES.indexOf(wire), true);
		settings.setUint32(layout.SETTINGS_FAULT_DROP_ONE_IN, test_fault_drop_one_in, true);
		const end = test_fault_drop_end === "client" ? layout.ROLE_CLIENT : layout.ROLE_SERVER;
		settings.setUint32(layout.SETTINGS_FAULT_DROP_ROLE, end, true);
	}
}

/** Where the build puts the compiled object, beside the compiled sources. Throws BPF_OBJECT_MISSING. */
export function objectPath(): string {
	const path = fileURLToPath(new URL(`../../bpf/polytap.${process.arch}.bpf.o`, import.meta.url));
	if (!existsSync(path))
		throw new PolytapError(
			"BPF_OBJECT_MISSING",
			`there is no compiled BPF object for ${process.arch} at ${path}`,
			"build it: npm run build:bpf (needs clang, llvm and libbpf-dev)",
		);
	return path;
}

/** The mount point of the cgroup v2 hierarchy, also beside version 1; null where there is none. */
export function cgroup2Mount(): string | null {
	const line = readFileSync("/proc/self/mounts", "utf8")
		.split("\n")
		.find((each) => each.split(" ")[2] === "cgroup2");
	return line?.split(" ")[1] ?? null;
}

function hasUdp({ targets }: Pick<EbpfOptions, "targets">): boolean {
	return targets.some(({ udp, exclude }) => udp !== undefined && !exclude);
}

/** The kernel's own form of a device number: 12 bits major, 20 bits minor. */
function kernelDevice(dev: bigint): bigint {
	const major = (dev >> 8n) & 0xfffn;
	const minor = (dev & 0xffn) | ((dev >> 12n) & 0xfff00n);
	return (major << 20n) | minor;
}

function loadError(what: string): PolytapError {
	const code = errno();
	if (code === EPERM)
		return new PolytapError(
			"BPF_NOT_PERMITTED",
			`${what}: not permitted`,
			"run as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; polytap doctor tells more",
		);
	return new PolytapError("BPF_LOAD_FAILED", `${what} (errno ${code})`, "polytap doctor tells what this kernel can do");
}

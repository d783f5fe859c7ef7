import { chmodSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { type Diagnostics, KernelClock, PolytapError, Processes } from "../../core/index.js";
import { BridgeCounters } from "./counters.js";
import { Jvm } from "./jvm.js";
import { type JavaOptions, type ListenAddress, parseListen } from "./options.js";
import { Outbox } from "./outbox.js";
import { netnsOf, type Peer, tcpPeer, unixPeer } from "./peer.js";
import type { RpcProblem } from "./protocol.js";
import { Session } from "./session.js";

const LOOK_EVERY_MS = 1_000;
/** Sockets of agents that have not said who they are. */
const MAX_STRANGERS = 64;
/** JVMs that have counters of their own; all are in the sums. */
const MAX_JVMS_TOLD = 64;
/** Of its agent's own counters, those that are summed over all JVMs. */
const AGENT_COUNTERS = ["hook_errors", "dropped_events", "dropped_bytes", "hook_calls"] as const;

/** Listens, knows all JVMs, and holds what they said until the engine takes it. */
export class Bridge {
	readonly options: JavaOptions;
	readonly counters = new BridgeCounters();
	readonly outbox = new Outbox();
	readonly clock = new KernelClock();
	readonly #diagnostics: Diagnostics;
	readonly #processes = new Processes();
	readonly #address: ListenAddress;
	readonly #sessions = new Map<Session, Socket>();
	readonly #jvms = new Map<string, Jvm>();
	/** Of JVMs that are gone. */
	readonly #past = new Map<string, number>();
	#server: Server | null = null;
	#timer: NodeJS.Timeout | null = null;
	#nextConn = 1;
	#isPaused = false;

	constructor(options: JavaOptions, diagnostics: Diagnostics) {
		this.options = options;
		this.#diagnostics = diagnostics;
		const address = parseListen(options.listen);
		if (address === null) throw new RangeError(`listen is ${options.listen}`);
		this.#address = address;
	}

	/** Resolves when agents can connect. Rejects with JAVA_LISTEN_FAILED. */
	async open(): Promise<void> {
		const address = this.#address;
		const server = createServer((socket) => this.#accept(socket));
		try {
			if (address.kind === "unix") {
				this.#makeFolder(dirname(address.path));
				await removeStale(address.path);
			}
			await new Promise<void>((resolve, reject) => {
				server.once("error", reject);
				const listening = () => {
					server.off("error", reject);
					resolve();
				};
				if (address.kind === "unix") server.listen(address.path, listening);
				else server.listen(address.port, address.host, listening);
			});
			if (address.kind === "unix") chmodSync(address.path, this.options.users.length > 0 ? 0o666 : 0o600);
		} catch (error) {
			server.close();
			if (error instanceof PolytapError) throw error;
			throw new PolytapError(
				"JAVA_LISTEN_FAILED",
				`agents cannot be listened for at ${this.options.listen}: ${error instanceof Error ? error.message : String(error)}`,
				"another polytap may have it, or the folder cannot be written",
				error,
			);
		}
		server.on("error", () => undefined);
		this.#server = server;
		this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
		this.#diagnostics.info(`Java agents connect to ${this.listening}`);
	}

	/** As an agent's argument says it. */
	get listening(): string {
		if (this.#address.kind === "unix") return `unix:${this.#address.path}`;
		const bound = this.#server?.address();
		const port = typeof bound === "object" && bound !== null ? bound.port : this.#address.port;
		return `tcp:${this.#address.host}:${port}`;
	}

	close(): void {
		if (this.#timer !== null) clearInterval(this.#timer);
		this.#timer = null;
		for (const session of this.#sessions.keys()) session.end();
		this.#sessions.clear();
		this.#server?.close();
		this.#server = null;
		this.outbox.wake();
	}

	/** Reads no more; what agents still send stays with them. */
	stopReading(): void {
		for (const socket of this.#sessions.values()) socket.pause();
	}

	/** Reads on where there is room again. Called when the engine has worked something off. */
	refill(): void {
		if (!this.#isPaused || this.outbox.heldBytes > this.options.max_held_bytes >> 1) return;
		this.#isPaused = false;
		for (const socket of this.#sessions.values()) socket.resume();
	}

	get hasRoom(): boolean {
		return this.outbox.heldBytes < this.options.max_held_bytes >> 1;
	}

	nowMs(): number {
		return performance.now();
	}

	nowUs(): number {
		return Date.now() * 1000;
	}

	capture(): { semantics: boolean; plain: boolean; values: boolean; traces: boolean } {
		const { semantics, plain, values, traces } = this.options;
		return { semantics, plain, values, traces };
	}

	/** The JVM of a session that said who it is, or why it is refused. */
	admit(session: Session, instance: string, claimedPid: number, peer: Peer, socket: Socket): Jvm | string {
		const { pid } = this.#address.kind === "unix" ? peer : tcpPeer(socket, claimedPid);
		const known = this.#jvms.get(instance);
		if (known !== undefined) {
			if (known.pid !== pid) return "another process has this instance";
			for (const other of this.#sessions.keys()) if (other !== session && other.jvm === known) this.#drop(other);
			this.counters.sessionsResumed++;
			known.sessionBegins();
			this.counters.sessions++;
			return known;
		}
		if (this.#jvms.size >= this.options.max_jvms && !this.#forgetOneAway()) return "too many JVMs";
		const netns = netnsOf(pid);
		const facts = { process: this.#processes.of(pid), netns, hasNeighbours: () => this.#hasSeveral(netns) };
		const jvm = new Jvm(instance, pid, facts, this.counters, () => this.#nextConn++);
		this.#jvms.set(instance, jvm);
		this.counters.sessions++;
		return jvm;
	}

	refusedSession(problem: RpcProblem, detail: string, peer: Peer): void {
		const who = peer.pid > 0 ? `process ${peer.pid}` : "a process";
		this.#diagnostics.warn("JAVA_PEER_REFUSED", `${who} was refused (${problem}): ${detail}`);
	}

	stats(jvm: Jvm, counters: Readonly<Record<string, number>>, lastError: string | null): void {
		const before = jvm.stats.hook_errors ?? 0;
		jvm.stats = counters;
		if ((counters.hook_errors ?? 0) <= before) return;
		const name = `${jvm.facts.process?.name ?? "a JVM"} (process ${jvm.pid})`;
		this.#diagnostics.warn(
			"JAVA_HOOK_ERRORS",
			`in ${name} the agent's hooks failed ${counters.hook_errors} times: ${lastError ?? "no reason told"}`,
		);
	}

	flatCounters(): Record<string, number> {
		let connections = 0;
		let connected = 0;
		const agents = new Map(this.#past);
		for (const jvm of this.#jvms.values()) {
			connections += jvm.openConnections;
			if (jvm.awaySinceMs === null) connected++;
			for (const name of AGENT_COUNTERS) agents.set(name, (agents.get(name) ?? 0) + (jvm.stats[name] ?? 0));
		}
		const flat = this.counters.flat();
		flat.jvms_connected = connected;
		flat.connections_open = connections;
		flat.bytes_held = this.outbox.heldBytes;
		for (const name of AGENT_COUNTERS) flat[`agent_${name}`] = agents.get(name) ?? 0;
		let told = 0;
		for (const jvm of this.#jvms.values()) if (jvm.awaySinceMs === null && told++ < MAX_JVMS_TOLD) jvm.count(flat);
		return flat;
	}

	// ---------------------------------------------------------------------------------------------------- inside

	#accept(socket: Socket): void {
		socket.on("error", () => undefined);
		const isUnix = this.#address.kind === "unix";
		const peer = isUnix ? unixPeer(socket) : { pid: 0, uid: null };
		const session = new Session(socket, peer, this);
		let strangers = 0;
		for (const each of this.#sessions.keys()) if (each.jvm === null) strangers++;
		this.#sessions.set(session, socket);
		socket.on("close", () => this.#gone(session));
		if (isUnix && !this.#mayConnect(peer)) {
			session.onProblem("refused", `user ${peer.uid ?? "unknown"} may not connect`);
			return;
		}
		if (strangers >= MAX_STRANGERS) {
			session.onProblem("limit", "too many connections that do not say who they are");
			return;
		}
		socket.on("data", (chunk: Buffer) => {
			session.push(chunk);
			if (this.outbox.heldBytes > this.options.max_held_bytes) this.#pause();
		});
		if (this.#isPaused) socket.pause();
	}

	#mayConnect({ uid }: Peer): boolean {
		return uid !== null && (uid === 0 || uid === process.getuid?.() || this.options.users.includes(uid));
	}

	/** Nothing is read until the engine is done with some of it. */
	#pause(): void {
		if (this.#isPaused) return;
		this.#isPaused = true;
		for (const socket of this.#sessions.values()) socket.pause();
	}

	#gone(session: Session): void {
		this.#sessions.delete(session);
		const { jvm } = session;
		if (jvm === null) return;
		for (const other of this.#sessions.keys()) if (other.jvm === jvm) return;
		jvm.awaySinceMs = this.nowMs();
	}

	#drop(session: Session): void {
		this.#sessions.delete(session);
		session.end();
	}

	#look(): void {
		const nowMs = this.nowMs();
		this.clock.follow();
		for (const session of this.#sessions.keys()) session.age(nowMs);
		for (const jvm of this.#jvms.values())
			if (jvm.awaySinceMs !== null && nowMs - jvm.awaySinceMs >= this.options.reconnect_grace_ms) this.#forget(jvm);
	}

	#forget(jvm: Jvm): void {
		this.#jvms.delete(jvm.instance);
		for (const name of AGENT_COUNTERS) this.#past.set(name, (this.#past.get(name) ?? 0) + (jvm.stats[name] ?? 0));
		const out: Parameters<Jvm["end"]>[1] = [];
		jvm.end(this.nowUs(), out);
		this.outbox.push(out, 0, () => {});
	}

	#hasSeveral(netns: number | null): boolean {
		let count = 0;
		for (const { facts, awaySinceMs } of this.#jvms.values())
			if (netns !== null && facts.netns === netns && awaySinceMs === null && ++count > 1) return true;
		return false;
	}

	#forgetOneAway(): boolean {
		for (const jvm of this.#jvms.values()) {
			if (jvm.awaySinceMs === null) continue;
			this.#forget(jvm);
			return true;
		}
		return false;
	}

	/** Only its owner may put something where the socket is; whoever may connect is asked by the kernel's word. */
	#makeFolder(folder: string): void {
		const open = this.options.users.length > 0;
		mkdirSync(folder, { recursive: true, mode: open ? 0o711 : 0o700 });
		const { uid, mode } = lstatSync(folder);
		const mine = process.getuid?.() ?? 0;
		if ((uid !== mine && uid !== 0) || (mode & 0o022) !== 0)
			throw new PolytapError(
				"JAVA_LISTEN_FAILED",
				`${folder} can be written by others`,
				"take a folder of polytap's own, or let polytap make one",
			);
		if (open && (mode & 0o001) === 0 && uid === mine) chmodSync(folder, (mode & 0o777) | 0o011);
	}
}

/** A socket that nobody listens to any more is in the way. */
async function removeStale(path: string): Promise<void> {
	let isSocket: boolean;
	try {
		isSocket = lstatSync(path).isSocket();
	} catch {
		return;
	}
	if (!isSocket) throw new PolytapError("JAVA_LISTEN_FAILED", `${path} exists and is no socket`);
	const isAlive = await new Promise<boolean>((resolve) => {
		const probe = connect(path);
		probe.once("connect", () => {
			probe.destroy();
			resolve(true);
		});
		probe.once("error", () => resolve(false));
	});
	if (isAlive)
		throw new PolytapError("JAVA_LISTEN_FAILED", `${path} is in use`, "stop the other polytap, or choose another path");
	unlinkSync(path);
}

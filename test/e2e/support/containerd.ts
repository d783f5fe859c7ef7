/** A containerd of a test's own, below one folder, and containers in it through `ctr`. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Program, pause, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

const PATIENCE_MS = 120_000;
/** What containerd gives a container unless it is told otherwise: containerd, oci/spec.go, `defaultUnixCaps`. */
const DEFAULT_CAPABILITIES = [
	...["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP"],
	...["NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"],
];

export interface ContainerOptions {
	/** 64 hexadecimal digits, as runtimes that Kubernetes asks make them. */
	readonly id: string;
	/** Name of an imported image, or a folder that is the root file system. */
	readonly image: string | { readonly rootfs: string };
	readonly cgroup: string;
	/** Without `CAP_`; these and no others. */
	readonly capabilities: readonly string[];
	readonly mounts: readonly { readonly from: string; readonly to: string; readonly readOnly: boolean }[];
	readonly readOnly?: boolean;
	readonly hostPid?: boolean;
	readonly args?: readonly string[];
}

/** On the host's network. */
export class Container {
	readonly pid: number;
	readonly #containerd: Containerd;
	readonly #id: string;
	readonly #log: string;

	constructor(containerd: Containerd, id: string, pid: number, log: string) {
		this.#containerd = containerd;
		this.#id = id;
		this.pid = pid;
		this.#log = log;
	}

	/** All that it has written. */
	said(): Promise<string> {
		return readFile(this.#log, "utf8").catch(() => "");
	}

	async isRunning(): Promise<boolean> {
		const list = await this.#containerd.ctr("tasks", "ls");
		return new RegExp(`^${this.#id}\\s.*RUNNING`, "m").test(list);
	}

	/** Its exit code after SIGTERM; null: it had to be killed. */
	async stop(): Promise<number | null> {
		if (await this.isRunning()) await this.#containerd.ctr("tasks", "kill", "-s", "SIGTERM", this.#id);
		for (let tries = 0; tries < 600 && (await this.isRunning()); tries++) await pause(100);
		if (await this.isRunning()) return null;
		// it ends with the code of what it removes
		const removed = await this.#containerd.ctl(["tasks", "delete", this.#id]);
		return removed;
	}

	/** Whatever state it is in. */
	async remove(): Promise<void> {
		await this.#containerd.ctl(["tasks", "delete", "--force", this.#id]);
		await this.#containerd.ctl(["containers", "delete", this.#id]);
	}
}

export class Containerd {
	readonly #folder: string;
	readonly #socket: string;

	private constructor(folder: string) {
		this.#folder = folder;
		this.#socket = join(folder, "c.sock");
	}

	static async start(scope: Scope): Promise<Containerd> {
		const containerd = new Containerd(await scope.folder());
		const folder = containerd.#folder;
		const config = join(folder, "config.toml");
		await writeFile(
			config,
			`version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "${containerd.#socket}"
`,
		);
		const daemon = new Program("containerd", ["--config", config]);
		scope.defer(() => daemon.stop("SIGTERM", 60_000));
		await daemon.until(async () => (await containerd.ctl(["version"])) === 0, 60_000);
		return containerd;
	}

	/** The exit code, whatever it is. */
	async ctl(args: readonly string[]): Promise<number | null> {
		const program = new Program("ctr", ["-a", this.#socket, ...args]);
		const timer = setTimeout(() => program.kill("SIGKILL"), PATIENCE_MS);
		const { code } = await program.exited;
		clearTimeout(timer);
		return code;
	}

	/** What it prints; rejects unless it succeeds. */
	async ctr(...args: readonly string[]): Promise<string> {
		return (await runProgram("ctr", ["-a", this.#socket, ...args], PATIENCE_MS)).stdout;
	}

	async run(scope: Scope, options: ContainerOptions): Promise<Container> {
		const { id, image, capabilities } = options;
		const [log, pidFile] = [join(this.#folder, `${id}.log`), join(this.#folder, `${id}.pid`)];
		const [flags, root] = typeof image === "string" ? [[], image] : [["--rootfs"], image.rootfs];
		await this.ctr(
			...["run", "--detach", "--net-host", "--log-uri", `file://${log}`, "--pid-file", pidFile],
			...["--snapshotter", "native", "--cgroup", options.cgroup],
			...DEFAULT_CAPABILITIES.filter((name) => !capabilities.includes(name)).flatMap((name) => drop(name)),
			...capabilities.filter((name) => !DEFAULT_CAPABILITIES.includes(name)).flatMap((name) => add(name)),
			...options.mounts.flatMap(({ from, to, readOnly }) => [
				"--mount",
				`type=bind,src=${from},dst=${to},options=rbind:${readOnly ? "ro" : "rw"}`,
			]),
			...(options.hostPid === true ? ["--with-ns", `pid:/proc/${process.pid}/ns/pid`] : []),
			...(options.readOnly === true ? ["--read-only"] : []),
			...flags,
			root,
			id,
			...(options.args ?? []),
		);
		const container = new Container(this, id, Number(await readFile(pidFile, "utf8")), log);
		scope.defer(() => container.remove());
		return container;
	}
}

const add = (name: string) => ["--cap-add", `CAP_${name}`];
const drop = (name: string) => ["--cap-drop", `CAP_${name}`];

/**
 * A Kubernetes of a test's own on this machine: etcd, API server, controller manager, scheduler, and one kubelet over a containerd,
 * all of them the real programs, below one folder. Pods are on the host's network: there is no other.
 */
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { nginxRoot } from "./nginx-root.js";
import { freePort } from "./port.js";
import { Program, pause, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

const PATIENCE_MS = 180_000;
/** Where scripts/test-kubernetes.sh puts what it builds. */
export const BINARIES = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "polytap/kubernetes/bin");
const ADMIN = "admin-of-the-test";
const CONTROLLERS = [
	...["deployment", "replicaset", "daemonset", "serviceaccount", "root-ca-certificate-publisher"],
	// takes away the taint that each node begins with
	"node-lifecycle",
];
/** busybox, which is also what holds a pod's namespaces, and nginx. */
export const IMAGE = "polytap.test/pod:1";

/** Why there can be none, or null. */
export async function missingBinaries(): Promise<string | null> {
	for (const name of ["kube-apiserver", "kubelet", "kube-controller-manager", "kube-scheduler"])
		if ((await stat(join(BINARIES, name)).catch(() => null)) === null)
			return `${name} is not built: npm run test:kubernetes`;
	return null;
}

export interface KubernetesObject {
	readonly kind: string;
	readonly metadata: {
		readonly name: string;
		readonly uid: string;
		readonly labels?: Readonly<Record<string, string>>;
	};
	readonly status?: Readonly<Record<string, unknown>>;
}

export class Cluster {
	readonly node = hostname().toLowerCase();
	readonly folder: string;
	readonly port: number;
	readonly kubeletPort: number;
	/** In the image. */
	nginx = "";
	readonly #programs = new Map<string, Program>();

	private constructor(folder: string, port: number, kubeletPort: number) {
		this.folder = folder;
		this.port = port;
		this.kubeletPort = kubeletPort;
	}

	static async start(scope: Scope): Promise<Cluster> {
		const cluster = new Cluster(await scope.folder(), await freePort(), await freePort());
		scope.defer(() => cluster.#cleanUp());
		await cluster.#startServer(scope);
		await cluster.#startNode(scope);
		return cluster;
	}

	/** Of the API server, and of whoever it signed. */
	get caFile(): string {
		return join(this.folder, "apiserver/apiserver.crt");
	}

	get kubeletCaFile(): string {
		return join(this.folder, "kubelet-certificates/kubelet.crt");
	}

	get kubeconfig(): string {
		return join(this.folder, "kubeconfig");
	}

	/** A request of the administrator's to the API server; the answer. Rejects where it was refused. */
	async ask(method: string, path: string, body?: unknown): Promise<unknown> {
		const text = body === undefined ? [] : ["-H", "Content-Type: application/json", "-d", JSON.stringify(body)];
		const args = ["-sS", "--fail-with-body", "--max-time", "20", "--cacert", this.caFile, "-X", method];
		const url = `https://127.0.0.1:${this.port}${path}`;
		const { stdout } = await runProgram(
			"curl",
			[...args, "-H", `Authorization: Bearer ${ADMIN}`, ...text, url],
			30_000,
		);
		return stdout === "" ? null : JSON.parse(stdout);
	}

	/** A token of a service account, as a pod with it gets. */
	async token(name: string): Promise<string> {
		const path = `/api/v1/namespaces/default/serviceaccounts/${name}/token`;
		const answer = await this.ask("POST", path, {
			apiVersion: "authentication.k8s.io/v1",
			kind: "TokenRequest",
			spec: {},
		});
		return (answer as { status: { token: string } }).status.token;
	}

	/** Pods with a label, of the default namespace. */
	async pods(selector: string): Promise<readonly KubernetesObject[]> {
		const path = `/api/v1/namespaces/default/pods?labelSelector=${encodeURIComponent(selector)}`;
		return ((await this.ask("GET", path)) as { items: readonly KubernetesObject[] }).items;
	}

	/** An archive of an image, for pods. */
	async importImage(archive: string): Promise<void> {
		const socket = join(this.folder, "c.sock");
		const args = ["-a", socket, "-n", "k8s.io", "images", "import", "--snapshotter", "native", archive];
		await runProgram("ctr", args, PATIENCE_MS);
	}

	async until(holds: () => Promise<boolean>, what: string): Promise<void> {
		for (const deadline = Date.now() + PATIENCE_MS; ; await pause(250)) {
			if (await holds().catch(() => false)) return;
			if (Date.now() > deadline)
				throw new Error(`not in ${PATIENCE_MS} ms: ${what}\n${await this.#events()}\n${this.#said()}`);
		}
	}

	/** What Kubernetes has to say of its pods. */
	async #events(): Promise<string> {
		const answer = await this.ask("GET", "/api/v1/namespaces/default/events").catch(() => ({ items: [] }));
		const { items } = answer as { items: readonly { reason: string; message: string }[] };
		return items.map(({ reason, message }) => `${reason}: ${message}`).join("\n");
	}

	/** The last lines of everybody. */
	#said(): string {
		return [...this.#programs].map(([name, { stderr }]) => `--- ${name}\n${stderr.slice(-3000)}`).join("\n");
	}

	#run(scope: Scope, name: string, command: string, args: readonly string[]): Program {
		const program = new Program(command, args);
		this.#programs.set(name, program);
		scope.defer(() => program.stop("SIGTERM", 20_000));
		return program;
	}

	async #startServer(scope: Scope): Promise<void> {
		const { folder, port } = this;
		const [etcdPort, peerPort] = [await freePort(), await freePort()];
		const [etcd, peer] = [`http://127.0.0.1:${etcdPort}`, `http://127.0.0.1:${peerPort}`];
		this.#run(scope, "etcd", "etcd", [
			...["--data-dir", join(folder, "etcd")],
			...["--listen-client-urls", etcd, "--advertise-client-urls", etcd],
			...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`],
		]);
		const key = join(folder, "accounts.key");
		await runProgram("openssl", ["genrsa", "-out", key, "2048"], 30_000);
		const tokens = join(folder, "tokens.csv");
		await writeFile(tokens, `${ADMIN},admin,1,"system:masters"\n`, { mode: 0o600 });
		this.#run(scope, "kube-apiserver", join(BINARIES, "kube-apiserver"), [
			...["--etcd-servers", etcd, "--secure-port", String(port), "--bind-address=127.0.0.1"],
			...["--advertise-address=127.0.0.1", "--cert-dir", join(folder, "apiserver")],
			...["--token-auth-file", tokens, "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24"],
			...["--service-account-issuer=https://polytap.test", "--service-account-key-file", key],
			...["--service-account-signing-key-file", key, "--anonymous-auth=false"],
			"--allow-privileged=true",
		]);
		await this.#writeKubeconfig();
		await this.until(async () => (await this.ask("GET", "/api/v1/namespaces/default")) !== null, "the API server");
		const common = ["--kubeconfig", this.kubeconfig, "--leader-elect=false"];
		this.#run(scope, "kube-controller-manager", join(BINARIES, "kube-controller-manager"), [
			...[...common, "--secure-port=0", "--use-service-account-credentials=false"],
			...["--root-ca-file", this.caFile],
			`--controllers=${CONTROLLERS.map((name) => `${name}-controller`).join(",")}`,
		]);
		this.#run(scope, "kube-scheduler", join(BINARIES, "kube-scheduler"), [...common, "--secure-port=0"]);
	}

	async #writeKubeconfig(): Promise<void> {
		const cluster = { server: `https://127.0.0.1:${this.port}`, "certificate-authority": this.caFile };
		await writeFile(
			this.kubeconfig,
			stringify({
				apiVersion: "v1",
				kind: "Config",
				clusters: [{ name: "test", cluster }],
				users: [{ name: "admin", user: { token: ADMIN } }],
				contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
				"current-context": "test",
			}),
			{ mode: 0o600 },
		);
	}

	async #startNode(scope: Scope): Promise<void> {
		const { folder, node, kubeletPort } = this;
		const socket = join(folder, "c.sock");
		const containerd = join(folder, "containerd.toml");
		// the node is not ready without a network, and no pod here has one of its own
		const networks = join(folder, "networks");
		await mkdir(networks);
		const none = { cniVersion: "0.4.0", name: "none", plugins: [{ type: "none" }] };
		await writeFile(join(networks, "none.conflist"), JSON.stringify(none));
		await writeFile(
			containerd,
			`version = 2
root = "${folder}/containerd"
state = "${folder}/containerd-state"
[grpc]
address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${IMAGE}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = "${networks}"
`,
		);
		const daemon = this.#run(scope, "containerd", "containerd", ["--config", containerd]);
		const ctr = (...args: readonly string[]) => runProgram("ctr", ["-a", socket, "-n", "k8s.io", ...args], PATIENCE_MS);
		await daemon.until(
			() =>
				ctr("version").then(
					() => true,
					() => false,
				),
			60_000,
		);
		await ctr("images", "import", "--snapshotter", "native", await this.#image());
		scope.defer(() => this.#removeContainers(ctr));
		const config = join(folder, "kubelet.yaml");
		await writeFile(
			config,
			stringify({
				apiVersion: "kubelet.config.k8s.io/v1beta1",
				kind: "KubeletConfiguration",
				address: "127.0.0.1",
				port: kubeletPort,
				healthzPort: 0,
				authentication: { anonymous: { enabled: false }, webhook: { enabled: true, cacheTTL: "1s" } },
				authorization: { mode: "Webhook", webhook: { cacheAuthorizedTTL: "1s", cacheUnauthorizedTTL: "1s" } },
				cgroupDriver: "cgroupfs",
				cgroupRoot: "/",
				cgroupsPerQOS: true,
				makeIPTablesUtilChains: false,
				podLogsDir: join(folder, "pod-logs"),
				enforceNodeAllocatable: [],
				failSwapOn: false,
				containerRuntimeEndpoint: `unix://${socket}`,
				resolvConf: "",
				localStorageCapacityIsolation: false,
				evictionHard: { "memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%" },
			}),
		);
		this.#run(scope, "kubelet", join(BINARIES, "kubelet"), [
			...["--config", config, "--kubeconfig", this.kubeconfig, "--hostname-override", node],
			...["--root-dir", join(folder, "kubelet"), "--cert-dir", join(folder, "kubelet-certificates")],
		]);
		await this.until(async () => {
			const found = (await this.ask("GET", `/api/v1/nodes/${node}`)) as KubernetesObject;
			const conditions = (found.status?.conditions ?? []) as readonly { type: string; status: string }[];
			return conditions.some(({ type, status }) => type === "Ready" && status === "True");
		}, "the node to be ready");
		const accounts = "/api/v1/namespaces/default";
		await this.until(async () => {
			await this.ask("GET", `${accounts}/serviceaccounts/default`);
			return (await this.ask("GET", `${accounts}/configmaps/kube-root-ca.crt`)) !== null;
		}, "the default service account");
	}

	/** What pods left behind would outlive the test. */
	async #removeContainers(ctr: (...args: readonly string[]) => Promise<Program>): Promise<void> {
		const list = async (what: string) => (await ctr(what, "ls", "-q")).stdout.split("\n").filter((id) => id !== "");
		await this.#programs.get("kubelet")?.stop("SIGTERM", 20_000);
		for (const id of await list("tasks")) await ctr("tasks", "delete", "--force", id).catch(() => null);
		for (const id of await list("containers")) await ctr("containers", "delete", id).catch(() => null);
	}

	/** What the kubelet and containerd mounted, the innermost first, and cgroups that nothing is in. */
	async #cleanUp(): Promise<void> {
		const empty = ["/sys/fs/cgroup", "-depth", "-type", "d", "-path", "*/kubepods*", "-exec", "rmdir", "{}", ";"];
		await runProgram("find", empty, 30_000).catch(() => null);
		const places = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
		for (const place of places.filter((one) => one.startsWith(`${this.folder}/`)).reverse())
			await runProgram("umount", ["-l", place], 30_000).catch(() => null);
	}

	/** An archive in the layout of the Open Container Initiative, of one layer. */
	async #image(): Promise<string> {
		const work = join(this.folder, "image");
		const [root, blobs] = [join(work, "root"), join(work, "layout/blobs/sha256")];
		await mkdir(join(root, "bin"), { recursive: true });
		await mkdir(blobs, { recursive: true });
		await copyFile("/bin/busybox", join(root, "bin/busybox"));
		await chmod(join(root, "bin/busybox"), 0o755);
		await symlink("busybox", join(root, "bin/sh"));
		this.nginx = await nginxRoot(root);
		const layer = join(work, "layer.tar");
		await runProgram("tar", ["-C", root, "--owner=0", "--group=0", "-cf", layer, "."], 60_000);
		const blob = async (mediaType: string, from: string | Buffer) => {
			const bytes = typeof from === "string" ? await readFile(from) : from;
			const digest = createHash("sha256").update(bytes).digest("hex");
			await writeFile(join(blobs, digest), bytes);
			return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
		};
		const json = (value: unknown) => Buffer.from(JSON.stringify(value));
		const type = "application/vnd.oci.image";
		const layerBlob = await blob(`${type}.layer.v1.tar`, layer);
		const configBlob = await blob(
			`${type}.config.v1+json`,
			json({
				architecture: process.arch === "x64" ? "amd64" : process.arch,
				os: "linux",
				config: { Entrypoint: ["/bin/busybox", "sleep", "1000000"] },
				rootfs: { type: "layers", diff_ids: [layerBlob.digest] },
			}),
		);
		const manifest = await blob(
			`${type}.manifest.v1+json`,
			json({ schemaVersion: 2, config: configBlob, layers: [layerBlob] }),
		);
		const named = { ...manifest, annotations: { "io.containerd.image.name": IMAGE } };
		const layout = join(work, "layout");
		await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
		await writeFile(join(layout, "index.json"), json({ schemaVersion: 2, manifests: [named] }));
		await runProgram("tar", ["-C", layout, "-cf", `${work}.part`, "."], 60_000);
		await rename(`${work}.part`, `${work}.tar`);
		return `${work}.tar`;
	}
}

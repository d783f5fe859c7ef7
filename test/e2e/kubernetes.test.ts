/**
 * A real API server, controller manager, scheduler and kubelet; a Deployment's pod answers, and records say whose it is. It needs
 * programs that are built for it, so it runs only with POLYTAP_KUBERNETES=1 (npm run test:kubernetes).
 */
import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { Exchange } from "../../core/index.js";
import { Cluster, IMAGE, missingBinaries } from "./support/cluster.js";
import { missing } from "./support/needs.js";
import { METRICS, REPOSITORY, startPolytap } from "./support/polytap.js";
import { freePort, isListening } from "./support/port.js";
import { runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const REQUESTS = 50;
const why =
	process.env.POLYTAP_KUBERNETES === "1"
		? (missing("bpf", "etcd", "containerd", "ctr", "runc", "busybox", "nginx", "curl", "openssl") ??
			(await missingBinaries()))
		: "POLYTAP_KUBERNETES=1 is not set";
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED kubernetes: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

/** linux/capability.h */
const CAP_SYS_RESOURCE = 24n;
const bounding = BigInt(`0x${/^CapBnd:\s+(\S+)$/m.exec(await readFile("/proc/self/status", "latin1"))?.[1] ?? "0"}`);

const LABELS = { app: "web", "app.kubernetes.io/part-of": "shop" };

const nginxConf = (port: number) => `user root; daemon off; pid /tmp/pid; error_log stderr;
events {}
http { access_log off; server { listen 127.0.0.1:${port}; location / { return 200 "an answer out of a pod"; } } }`;

const deployment = (name: string, nginx: string, port: number) => ({
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name },
	spec: {
		replicas: 1,
		selector: { matchLabels: { app: LABELS.app, port: String(port) } },
		template: {
			metadata: { labels: { ...LABELS, port: String(port) } },
			spec: {
				hostNetwork: true,
				tolerations: [{ operator: "Exists" }],
				terminationGracePeriodSeconds: 0,
				containers: [
					{
						name: "nginx",
						image: IMAGE,
						imagePullPolicy: "Never",
						command: ["/bin/sh", "-c", `echo '${nginxConf(port)}' >/etc/nginx.conf; exec ${nginx} -c /etc/nginx.conf`],
					},
				],
			},
		},
	},
});

async function deploy(cluster: Cluster, name: string, port: number): Promise<void> {
	await cluster.ask("POST", "/apis/apps/v1/namespaces/default/deployments", deployment(name, cluster.nginx, port));
}

const answering = (cluster: Cluster, port: number) =>
	cluster.until(async () => isListening(process.pid, port), "the pod's server");

interface Manifest {
	readonly kind: string;
	readonly data?: Record<string, string>;
	readonly spec?: { readonly template: { readonly spec: PodSpec } };
}

interface PodSpec {
	readonly containers: readonly [
		{
			readonly image: string;
			readonly env: object[];
			readonly securityContext: { readonly capabilities: { add: string[] } };
			readonly livenessProbe: { readonly httpGet: { port: number } };
			readonly readinessProbe: { readonly httpGet: { port: number } };
		},
	];
	readonly volumes: { readonly name: string; hostPath?: { path: string } }[];
}

/** deploy/kubernetes/daemonset.yaml */
async function manifest(): Promise<Manifest[]> {
	const text = await readFile(join(REPOSITORY, "deploy/kubernetes/daemonset.yaml"), "utf8");
	return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

/** The account and the role of the manifest, and nothing else. */
async function grant(cluster: Cluster): Promise<void> {
	const paths: Readonly<Record<string, string>> = {
		ServiceAccount: "/api/v1/namespaces/default/serviceaccounts",
		ClusterRole: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
		ClusterRoleBinding: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
	};
	for (const one of await manifest()) {
		const path = paths[one.kind];
		if (path !== undefined) await cluster.ask("POST", path, one);
	}
}

/** Captures the ports, and gives the records of what `use` asked for. */
async function captured(
	scope: Scope,
	ports: readonly number[],
	kubernetes: Readonly<Record<string, unknown>>,
	env: Readonly<Record<string, string>>,
	use: () => Promise<void>,
) {
	const path = join(await scope.folder(), "records.jsonl");
	const polytap = await startPolytap(scope, {
		env,
		config: {
			metrics: METRICS,
			kubernetes,
			sources: { node: { type: "ebpf", targets: [{ ports }], vantage: "server" } },
			sinks: { file: { type: "jsonl", path } },
		},
	});
	await use();
	await polytap.settled();
	const end = await polytap.stop();
	const lines = (await readFile(path, "utf8")).split("\n").slice(0, -1);
	return { ...end, records: lines.map((line) => JSON.parse(line) as Exchange) };
}

async function request(port: number): Promise<void> {
	const response = await fetch(`http://127.0.0.1:${port}/`);
	if ((await response.text()) !== "an answer out of a pod") throw new Error(`${response.status}`);
}

live("records of a Deployment's pod have its names, by the API server and by the kubelet", (t) =>
	withScope(async (scope) => {
		t.timeout(900_000);
		const cluster = await Cluster.start(scope);
		await grant(cluster);
		const tokenFile = join(await scope.folder(), "token");
		await writeFile(tokenFile, await cluster.token("polytap"), { mode: 0o600 });
		const before = await freePort();
		await deploy(cluster, "web", before);
		await answering(cluster, before);

		const modes = {
			"api-server": {
				kubernetes: { source: "api-server", token_file: tokenFile, ca_file: cluster.caFile, node_name: cluster.node },
				env: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(cluster.port) },
			},
			kubelet: {
				kubernetes: {
					source: "kubelet",
					token_file: tokenFile,
					ca_file: cluster.kubeletCaFile,
					kubelet_url: `https://${cluster.node}:${cluster.kubeletPort}`,
					refresh_secs: 60,
				},
				env: { NODE_NAME: cluster.node },
			},
		} as const;
		for (const [mode, { kubernetes, env }] of Object.entries(modes)) {
			const during = await freePort();
			const [pod] = await cluster.pods(`port=${before}`);
			const { records, totals, stderr } = await captured(scope, [before, during], kubernetes, env, async () => {
				for (let number = 0; number < REQUESTS; number++) await request(before);
				// one that nobody has heard of when it begins
				await deploy(cluster, `late-${mode}`, during);
				await answering(cluster, during);
				for (let number = 0; number < REQUESTS; number++) {
					await request(during);
				}
			});
			t.notRegex(stderr, /KUBERNETES/, stderr);
			const of = (port: number) => records.filter(({ connection }) => connection.server.port === port);
			t.is(of(before).length, REQUESTS);
			for (const { connection } of of(before))
				t.like(connection.server.process, {
					pod: pod!.metadata.uid,
					kubernetes: {
						"k8s.pod.name": pod!.metadata.name,
						"k8s.pod.uid": pod!.metadata.uid,
						"k8s.namespace.name": "default",
						"k8s.node.name": cluster.node,
						"k8s.workload.kind": "Deployment",
						"k8s.workload.name": "web",
						"k8s.deployment.name": "web",
						"k8s.container.name": "nginx",
						"k8s.pod.label.app": "web",
						"k8s.pod.label.app.kubernetes.io/part-of": "shop",
					},
				});
			t.is(of(during).length, REQUESTS);
			t.is(of(during).at(-1)!.connection.server.process?.kubernetes?.["k8s.deployment.name"], `late-${mode}`);
			const named = of(during).filter(({ connection }) => connection.server.process?.kubernetes !== undefined);
			t.log(
				mode,
				`late pod: ${named.length} of ${REQUESTS} with names`,
				JSON.stringify(of(before)[0]!.connection.server.process),
			);
			t.log(
				Object.entries(totals.engine)
					.filter(([name]) => name.startsWith("kubernetes_"))
					.map((pair) => pair.join(" "))
					.join(", "),
			);
		}
	}),
);

/** As it is, but for what a test cannot have: the ports, where files go, and a proxy that makes the API server's address work. */
async function daemonSet(cluster: Cluster, logs: string, port: number, metricsPort: number): Promise<Manifest[]> {
	const manifests = await manifest();
	const data = manifests.find(({ kind }) => kind === "ConfigMap")!.data!;
	const config = parse(data["polytap.yaml"]!);
	config.metrics.listen = `127.0.0.1:${metricsPort}`;
	config.sources.node.targets = [{ ports: [port] }];
	data["polytap.yaml"] = stringify(config);
	const { containers, volumes } = manifests.find(({ kind }) => kind === "DaemonSet")!.spec!.template.spec;
	const [container] = containers;
	container.env.push(
		{ name: "KUBERNETES_SERVICE_HOST", value: "127.0.0.1" },
		{ name: "KUBERNETES_SERVICE_PORT", value: String(cluster.port) },
	);
	// what this machine itself lacks nobody can grant
	const { capabilities } = container.securityContext;
	if ((bounding & (1n << CAP_SYS_RESOURCE)) === 0n)
		capabilities.add = capabilities.add.filter((name) => name !== "SYS_RESOURCE");
	container.livenessProbe.httpGet.port = metricsPort;
	container.readinessProbe.httpGet.port = metricsPort;
	volumes.find(({ name }) => name === "logs")!.hostPath!.path = logs;
	return manifests;
}

live("the DaemonSet itself, in its pod and with its service account, names pods", (t) =>
	withScope(async (scope) => {
		t.timeout(900_000);
		const cluster = await Cluster.start(scope);
		const folder = await scope.folder();
		const logs = join(folder, "logs");
		await mkdir(logs);
		const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
		await runProgram("npm", pack, 120_000, { cwd: REPOSITORY });
		const tarball = join(folder, (await readdir(folder)).find((name) => name.endsWith(".tgz"))!);
		const archive = join(folder, "image.tar");
		const [port, metricsPort] = [await freePort(), await freePort()];
		const manifests = await daemonSet(cluster, logs, port, metricsPort);
		const { image } = manifests.find(({ kind }) => kind === "DaemonSet")!.spec!.template.spec.containers[0];
		await runProgram("sh", [join(REPOSITORY, "deploy/image.sh"), tarball, image, archive], 300_000);
		await cluster.importImage(archive);
		await grant(cluster);
		await cluster.ask(
			"POST",
			"/api/v1/namespaces/default/configmaps",
			manifests.find(({ kind }) => kind === "ConfigMap"),
		);
		await cluster.ask(
			"POST",
			"/apis/apps/v1/namespaces/default/daemonsets",
			manifests.find(({ kind }) => kind === "DaemonSet"),
		);
		await cluster.until(
			async () => (await fetch(`http://127.0.0.1:${metricsPort}/readyz`)).status === 200,
			"polytap's pod to be ready",
		);
		await deploy(cluster, "web", port);
		await answering(cluster, port);
		for (let number = 0; number < REQUESTS; number++) await request(port);
		const records = async () => {
			const lines = (await readFile(join(logs, "exchanges.jsonl"), "utf8")).split("\n").slice(0, -1);
			return lines.map((line) => JSON.parse(line) as Exchange);
		};
		await cluster.until(async () => (await records()).length >= REQUESTS, "the records");
		for (const { connection } of await records())
			t.like(connection.server.process?.kubernetes, {
				"k8s.namespace.name": "default",
				"k8s.node.name": cluster.node,
				"k8s.deployment.name": "web",
				"k8s.pod.label.app": "web",
			});
		const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
		t.regex(metrics, /^polytap_engine_kubernetes_failures_total 0$/m);
		t.log(`${(await records()).length} of ${REQUESTS}`, metrics.match(/^polytap_engine_kubernetes.*$/gm)?.join(", "));
	}),
);

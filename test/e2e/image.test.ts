/**
 * The image, run by containerd as deploy/kubernetes/daemonset.yaml says, captures an nginx in another pod's container. It packs and
 * installs, so it runs only with POLYTAP_IMAGE=1.
 */
import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { Exchange } from "../../core/index.js";
import { Containerd } from "./support/containerd.js";
import { missing } from "./support/needs.js";
import { nginxRoot } from "./support/nginx-root.js";
import { REPOSITORY } from "./support/polytap.js";
import { freePort, isListening } from "./support/port.js";
import { pause, runProgram } from "./support/program.js";
import { withScope } from "./support/scope.js";

const REQUESTS = 200;
const PATIENCE_MS = 120_000;
const why =
	process.env.POLYTAP_IMAGE === "1"
		? missing("bpf", "containerd", "ctr", "runc", "nginx", "npm")
		: "POLYTAP_IMAGE=1 is not set";
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED image: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

interface Probe {
	readonly httpGet: { readonly path: string };
}

interface ContainerSpec {
	readonly image: string;
	readonly securityContext: {
		readonly readOnlyRootFilesystem: boolean;
		readonly allowPrivilegeEscalation: boolean;
		readonly seccompProfile: { readonly type: string };
		readonly capabilities: { readonly drop: readonly string[]; readonly add: readonly string[] };
	};
	readonly livenessProbe: Probe;
	readonly readinessProbe: Probe;
	readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

interface Manifest {
	readonly kind: string;
	readonly data: Readonly<Record<string, string>>;
	readonly spec: {
		readonly template: {
			readonly spec: {
				readonly hostPID: boolean;
				readonly hostNetwork: boolean;
				readonly containers: readonly [ContainerSpec];
			};
		};
	};
}

const NGINX_ID = "a1".repeat(32);
const POLYTAP_ID = "a2".repeat(32);
const NGINX_POD = "0c6a4a5e-8a2b-4d4a-9c3d-000000000001";
const POLYTAP_POD = "0c6a4a5e-8a2b-4d4a-9c3d-000000000002";

/** linux/capability.h */
const NUMBERS: Readonly<Record<string, bigint>> = {
	NET_ADMIN: 12n,
	SYS_PTRACE: 19n,
	SYS_RESOURCE: 24n,
	PERFMON: 38n,
	BPF: 39n,
};

/** What this machine itself lacks nobody can grant. */
function isHad(name: string): boolean {
	return (BOUNDING & (1n << NUMBERS[name]!)) !== 0n;
}

function maskOf(status: string, set: string): bigint {
	return BigInt(`0x${new RegExp(`^${set}:\\s+([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
}
const BOUNDING = maskOf(await readFile("/proc/self/status", "latin1"), "CapBnd");

const nginxConf = (port: number) => `user root; daemon off; pid /tmp/pid; error_log stderr;
events {}
http { access_log off; server { listen 127.0.0.1:${port}; location / { return 200 "answer to $request_uri"; } } }`;

live("the image captures another pod's nginx with what the DaemonSet grants, every request", (t) =>
	withScope(async (scope) => {
		t.timeout(540_000);
		const folder = await scope.folder();
		const manifests = parseAllDocuments(
			await readFile(join(REPOSITORY, "deploy/kubernetes/daemonset.yaml"), "utf8"),
		).map((document) => document.toJS() as Manifest);
		const pod = manifests.find(({ kind }) => kind === "DaemonSet")!.spec.template.spec;
		const [spec] = pod.containers;
		const config = parse(manifests.find(({ kind }) => kind === "ConfigMap")!.data["polytap.yaml"]!);
		const [port, metricsPort] = [await freePort(), await freePort()];
		config.metrics.listen = `127.0.0.1:${metricsPort}`;
		config.sources.node.targets = [{ ports: [port] }];

		const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder];
		await runProgram("npm", pack, PATIENCE_MS, { cwd: REPOSITORY });
		const tarball = (await readdir(folder)).find((name) => name.endsWith(".tgz"))!;
		const archive = join(folder, "image.tar");
		const script = join(REPOSITORY, "deploy/image.sh");
		await runProgram("sh", [script, join(folder, tarball), spec.image, archive], PATIENCE_MS);
		const containerd = await Containerd.start(scope);
		await containerd.ctr("images", "import", "--snapshotter", "native", archive);

		const folders: Readonly<Record<string, string>> = {
			config: join(folder, "config"),
			logs: join(folder, "logs"),
			tracing: "/sys/kernel/tracing",
			cgroup: "/sys/fs/cgroup",
		};
		for (const name of ["config", "logs"]) await mkdir(folders[name]!);
		await writeFile(join(folders.config!, "polytap.yaml"), stringify(config));
		const rootfs = join(folder, "nginx");
		const nginxPath = await nginxRoot(rootfs);
		await writeFile(join(rootfs, "etc/nginx.conf"), nginxConf(port));
		const pods = `/polytap-test-${process.pid}/kubepods/besteffort`;
		await containerd.run(scope, {
			id: NGINX_ID,
			image: { rootfs },
			cgroup: `${pods}/pod${NGINX_POD}/${NGINX_ID}`,
			capabilities: ["SETUID", "SETGID", "DAC_OVERRIDE", "CHOWN"],
			mounts: [],
			args: [nginxPath, "-c", "/etc/nginx.conf"],
		});

		const { capabilities, seccompProfile, readOnlyRootFilesystem, allowPrivilegeEscalation } = spec.securityContext;
		// what `run` does below: the host's network, no profile, no new privileges
		t.true(pod.hostPID && pod.hostNetwork && !allowPrivilegeEscalation);
		t.is(seccompProfile.type, "Unconfined");
		t.deepEqual(capabilities.drop, ["ALL"]);
		const granted = capabilities.add.filter((name) => isHad(name));
		const polytap = await containerd.run(scope, {
			id: POLYTAP_ID,
			image: `docker.io/library/${spec.image}`,
			cgroup: `${pods}/pod${POLYTAP_POD}/${POLYTAP_ID}`,
			capabilities: granted,
			mounts: spec.volumeMounts.map(({ name, mountPath, readOnly }) => ({
				from: folders[name]!,
				to: mountPath,
				readOnly: readOnly === true,
			})),
			readOnly: readOnlyRootFilesystem,
			hostPid: pod.hostPID,
		});
		const answer = async (path: string) =>
			(await fetch(`http://127.0.0.1:${metricsPort}${path}`).catch(() => null))?.status ?? 0;
		for (let tries = 0; tries < 600 && (await answer(spec.readinessProbe.httpGet.path)) !== 200; tries++)
			await pause(100);
		t.is(await answer(spec.readinessProbe.httpGet.path), 200, await polytap.said());
		t.is(await answer(spec.livenessProbe.httpGet.path), 200);
		const status = await readFile(`/proc/${polytap.pid}/status`, "latin1");
		t.is(
			maskOf(status, "CapEff"),
			granted.reduce((mask, name) => mask | (1n << NUMBERS[name]!), 0n),
		);
		t.regex(status, /^NoNewPrivs:\s+1$/m);
		for (let tries = 0; tries < 600 && !isListening(process.pid, port); tries++) await pause(100);

		for (let number = 0; number < REQUESTS; number++) {
			const response = await fetch(`http://127.0.0.1:${port}/asked/${number}`);
			t.is(await response.text(), `answer to /asked/${number}`);
		}
		t.is(await polytap.stop(), 0, await polytap.said());
		const records = (await readFile(join(folders.logs!, "exchanges.jsonl"), "utf8"))
			.split("\n")
			.slice(0, -1)
			.map((line) => JSON.parse(line) as Exchange)
			.filter(({ summary }) => summary.operation.startsWith("GET /asked/"));
		t.is(records.length, REQUESTS, await polytap.said());
		for (const [number, { summary, response, connection }] of records.entries()) {
			t.is(summary.operation, `GET /asked/${number}`);
			t.is(response!.body.data, `answer to /asked/${number}`);
			t.is(response!.body.completeness, "complete");
			t.like(connection.server.process, { name: "nginx", container: NGINX_ID, pod: NGINX_POD });
		}
		t.log(`${records.length} of ${REQUESTS}, capabilities ${granted.join(" ")}`);
	}),
);

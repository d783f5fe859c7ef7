/**
 * Services in real Docker containers, each with network, mount and process namespaces of its own and a copy of OpenSSL of its
 * own: captured, also above TLS, and named by their container. Two of them have the same addresses and ports.
 */
import { createWriteStream } from "node:fs";
import { cp, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import anyTest, { type TestFn } from "ava";
import { makeCertificate } from "./support/certificate.js";
import { captureLive } from "./support/live-records.js";
import { missing } from "./support/needs.js";
import { REPOSITORY } from "./support/polytap.js";
import { Program, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";
import { tlsPeer } from "./support/tls-peer.js";

const why = missing("bpf", "cc", "docker", "dockerd", "openssl", "tar");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED containers: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const PORT = 8080;
const TLS_PORT = 8443;
const CLIENT_PORT = 31_000;
const COUNT = Number(process.env.POLYTAP_CONTAINERS_COUNT ?? 20);
/** Of each container; ids of the second begin where its load says. */
const TLS_COUNT = COUNT;
const BODY_BYTES = 20_000;
const HOLDER_PORT = 8444;
const IMAGE = "polytap-test";
const WAIT_MS = 120_000;

type Docker = (...args: readonly string[]) => Promise<string>;

/** A daemon of its own, without bridges and rules. */
async function startDocker(scope: Scope): Promise<Docker> {
	const folder = await scope.folder();
	const socket = `unix://${folder}/d.sock`;
	const roots = [
		"--data-root",
		join(folder, "data"),
		"--exec-root",
		join(folder, "exec"),
		"--pidfile",
		join(folder, "pid"),
	];
	const daemon = new Program("dockerd", [
		...roots,
		"--iptables=false",
		"--ip6tables=false",
		"--bridge=none",
		"-H",
		socket,
	]);
	scope.defer(() => daemon.stop("SIGTERM"));
	await daemon.until(() => daemon.stderr.includes("API listen on"), WAIT_MS);
	return async (...args) => (await runProgram("docker", ["-H", socket, ...args], WAIT_MS)).stdout.trim();
}

/** The image: a server that needs nothing, and OpenSSL with the libraries that it needs. */
async function makeImage(scope: Scope, docker: Docker): Promise<void> {
	const root = await scope.folder();
	const source = join(REPOSITORY, "test/e2e/support/namespace-peer.c");
	await runProgram("cc", ["-O2", "-static", "-o", join(root, "peer"), source], WAIT_MS);
	const openssl = (await runProgram("sh", ["-c", "command -v openssl"], WAIT_MS)).stdout.trim();
	const { stdout } = await runProgram("ldd", [openssl], WAIT_MS);
	const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
	for (const path of libraries) {
		await mkdir(join(root, dirname(path)), { recursive: true });
		await cp(path, join(root, path), { dereference: true });
	}
	await cp(openssl, join(root, "openssl"), { dereference: true });
	await cp(await tlsPeer(), join(root, "tls-peer"));
	const { certificate, key } = await makeCertificate(scope);
	await cp(certificate, join(root, "cert.pem"));
	await cp(key, join(root, "key.pem"));
	const tar = join(await scope.folder(), "image.tar");
	await runProgram("tar", ["-C", root, "-cf", tar, "."], WAIT_MS);
	await docker("import", tar, IMAGE);
}

/** A server in a container of that name, and a process that has its OpenSSL loaded. Resolves to the container's id. */
async function startContainer(scope: Scope, docker: Docker, name: string): Promise<string> {
	const id = await docker(
		"run",
		"-d",
		"--network",
		"none",
		"--name",
		name,
		IMAGE,
		"/peer",
		"serve",
		String(PORT),
		name,
	);
	scope.defer(async () => void (await docker("rm", "-f", name)));
	const served = ["-accept", `127.0.0.1:${HOLDER_PORT}`, "-cert", "/cert.pem", "-key", "/key.pem"];
	await docker("exec", "-d", name, "/openssl", "s_server", ...served);
	await docker("exec", name, "/peer", "await", String(HOLDER_PORT));
	return id;
}

live("two containers with one 4-tuple: each exchange is its own, above TLS too, and says its container", (t) =>
	withScope(async (scope) => {
		const docker = await startDocker(scope);
		await makeImage(scope, docker);
		const ids = new Map<string, string>();
		for (const name of ["one", "two"]) ids.set(name, await startContainer(scope, docker, name));
		const stop = await captureLive(scope, [PORT, TLS_PORT], {}, { tls: "auto" });
		const fetch = ["/peer", "fetch", ...[PORT, CLIENT_PORT, COUNT].map(String)];
		const right = await Promise.all([...ids.keys()].map((name) => docker("exec", name, ...fetch, name)));
		t.deepEqual(right.map(Number), [COUNT, COUNT], "the peers themselves were mixed");
		const talk = ["/tls-peer", String(TLS_PORT), "/cert.pem", "/key.pem", "plain"];
		const asked = (load: number): string[] => [load, TLS_COUNT, BODY_BYTES].map(String);
		await Promise.all([...ids.keys()].map((name, load) => docker("exec", name, ...talk, ...asked(load))));
		const exchanges = (await stop()).filter(({ kind }) => kind === "exchange");
		const [tls, plain] = [true, false].map((isTls) =>
			exchanges.filter(({ connection }) => (connection.tls !== null) === isTls),
		);
		const containerOf = new Map<string, string>();
		t.is(plain?.length, 2 * COUNT);
		t.is(tls?.length, 2 * TLS_COUNT);
		for (const { connection, request, response, outcome } of exchanges) {
			const path = String(request?.attributes["url.path"]);
			t.is(outcome, "ok");
			const { process } = connection.server;
			t.is(process?.runtime, "docker");
			if (connection.tls === null) {
				const name = String(response?.body.data);
				t.true(path.startsWith(`/${name}/`));
				t.is(process?.container, ids.get(name));
				continue;
			}
			t.is(connection.tls.library, "openssl");
			t.is(response?.body.data, request?.body.data);
			t.is(response?.body.bytes, BODY_BYTES);
			// both clients have ids of their own
			containerOf.set(path, process?.container ?? "");
		}
		t.is(containerOf.size, 2 * TLS_COUNT);
		for (const id of ids.values()) t.is([...containerOf.values()].filter((each) => each === id).length, TLS_COUNT);
	}),
);

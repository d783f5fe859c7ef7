/**
 * Shows the main job: a small real Node.js server, an nginx before it if there is one, a client, and polytap that watches
 * both from the kernel. Ends by itself. Where BPF is not permitted it says why, and shows the same from a packet capture.
 *
 *   npm run demo              live
 *   npm run demo -- --offline from the packet capture, without asking the kernel
 *   npm run demo -- --record  make that packet capture again, with tcpdump
 */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const CLI = fileURLToPath(new URL("../dist/core/app/cli.js", import.meta.url));
const RECORDED = fileURLToPath(new URL("../test/fixtures/demo.pcap.gz", import.meta.url));
const LIVE_MS = 5_000;
const READY_MS = 15_000;
const PAUSE_MS = 250;

const say = (text) => process.stdout.write(`${text}\n`);

if (process.argv.includes("--record")) {
	await record();
} else if (process.argv.includes("--offline")) {
	process.exitCode = offline("asked for with --offline");
} else {
	const reason = whyNotLive();
	process.exitCode = reason === null ? await live() : offline(reason);
}

/** Null where this machine can capture live. */
function whyNotLive() {
	const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, "doctor"], { encoding: "utf8" });
	return status === 0 ? null : `${stdout}${stderr}`.trim();
}

function offline(reason) {
	say(`Live capture is not possible here:\n\n${reason.replace(/^/gm, "  ")}\n`);
	say("So this is the same traffic from a packet capture, as `polytap read` shows it:\n");
	const read = spawnSync(process.execPath, [CLI, "read", RECORDED, "--format", "console"], { stdio: "inherit" });
	say("\nAnd one exchange whole, as `polytap read` writes it for programs:\n");
	const { stdout } = spawnSync(process.execPath, [CLI, "read", RECORDED], { encoding: "utf8" });
	const line = stdout.split("\n").find((one) => one.includes("POST"));
	if (line !== undefined) say(JSON.stringify(JSON.parse(line), null, 2));
	return read.status ?? 1;
}

async function record() {
	const { folder, nginx, ports, stop } = await startServers();
	const file = join(folder, "demo.pcap");
	const filter = ports.map((port) => `tcp port ${port}`).join(" or ");
	const tap = spawn("tcpdump", ["-i", "lo", "-U", "-s", "0", "-Z", "root", "-w", file, filter], { stdio: "ignore" });
	const ended = new Promise((resolve) => tap.once("exit", resolve));
	await delay(1_000);
	await clients(nginx?.port ?? ports[0]);
	await delay(500);
	tap.kill("SIGINT");
	await ended;
	writeFileSync(RECORDED, gzipSync(readFileSync(file), { level: 9 }));
	stop();
}

async function startServers() {
	const folder = mkdtempSync(join(tmpdir(), "polytap-demo-"));
	chmodSync(folder, 0o711);
	const server = await startServer();
	const nginx = await startNginx(folder, server.port);
	const ports = nginx === null ? [server.port] : [nginx.port, server.port];
	const stop = () => {
		server.close();
		nginx?.stop();
		rmSync(folder, { recursive: true, force: true });
	};
	return { folder, server, nginx, ports, stop };
}

async function live() {
	const { server, nginx, ports, stop } = await startServers();
	say(
		nginx === null
			? `A Node.js server listens on 127.0.0.1:${server.port} (nginx is not installed).`
			: `nginx listens on 127.0.0.1:${nginx.port}, before a Node.js server on 127.0.0.1:${server.port}.`,
	);
	say(`polytap run ${ports.map((port) => `--port ${port}`).join(" ")}\n`);
	const tap = spawn(process.execPath, [CLI, "run", "--port", ports.join(",")], {
		stdio: ["ignore", "inherit", "pipe"],
	});
	const ended = new Promise((resolve) => tap.once("exit", (code) => resolve(code ?? 1)));
	try {
		if (!(await ready(tap))) return (await Promise.race([ended, delay(1_000)])) || 1;
		const sent = await clients(nginx?.port ?? server.port);
		await delay(500);
		say(
			`\nThe client got ${sent} responses.${nginx === null ? "" : " Each passed two servers: nginx, and Node.js behind it."}`,
		);
		tap.kill("SIGINT");
		return await ended;
	} finally {
		tap.kill("SIGKILL");
		stop();
	}
}

/** Copies what polytap says, and resolves with true when it captures. */
function ready(tap) {
	return new Promise((resolve) => {
		let said = "";
		const timer = setTimeout(() => resolve(false), READY_MS);
		const done = (isReady) => {
			clearTimeout(timer);
			resolve(isReady);
		};
		tap.stderr.on("data", (bytes) => {
			process.stderr.write(bytes);
			said = (said + bytes).slice(-4096);
			if (/^ready: /m.test(said)) done(true);
		});
		tap.once("exit", () => done(false));
	});
}

async function startServer() {
	const big = JSON.stringify(Array.from({ length: 1_000 }, (_, id) => ({ id, item: `item ${id}`, price: id / 4 })));
	const server = createServer((incoming, response) => {
		const { pathname } = new URL(incoming.url ?? "/", "http://demo.test");
		if (pathname === "/catalogue") {
			response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
			response.end(gzipSync(big));
		} else if (pathname === "/events") {
			response.writeHead(200, { "content-type": "text/plain" });
			let count = 0;
			const timer = setInterval(() => {
				response.write(`event ${++count}\n`);
				if (count === 3) {
					clearInterval(timer);
					response.end();
				}
			}, 20);
		} else if (pathname.startsWith("/orders")) {
			const parts = [];
			incoming.on("data", (part) => parts.push(part));
			incoming.on("end", () => {
				const body = JSON.stringify({ order: pathname.split("/")[2] ?? null, got: Buffer.concat(parts).toString() });
				response.writeHead(incoming.method === "POST" ? 201 : 200, { "content-type": "application/json" });
				response.end(body);
			});
		} else {
			response.writeHead(404, { "content-type": "text/plain" }).end("there is no such thing\n");
		}
	});
	const port = await listen(server);
	return {
		port,
		close: () => {
			server.closeAllConnections();
			server.close();
		},
	};
}

function listen(server) {
	return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

/** Null where there is no nginx, or it does not start. */
async function startNginx(folder, upstream) {
	const binary = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"].find((path) => existsSync(path));
	if (binary === undefined) return null;
	const probe = createServer();
	const port = await listen(probe);
	await new Promise((resolve) => probe.close(resolve));
	const file = join(folder, "nginx.conf");
	writeFileSync(
		file,
		`daemon off; pid ${folder}/nginx.pid; error_log stderr crit; worker_processes 1;
events {}
http {
	access_log off;
	client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
	uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
	upstream node { server 127.0.0.1:${upstream}; keepalive 4; }
	server {
		listen 127.0.0.1:${port};
		location / { proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection ""; }
	}
}
`,
	);
	const child = spawn(binary, ["-c", file, "-p", folder, "-e", "stderr"], { stdio: "ignore" });
	const gone = new Promise((resolve) => child.once("exit", resolve).once("error", resolve));
	for (let attempt = 0; attempt < 40; attempt++) {
		if (await Promise.race([gone.then(() => true), delay(50)])) return null;
		if (await get({ port, path: "/orders/0" }).catch(() => null)) return { port, stop: () => child.kill("SIGTERM") };
	}
	child.kill("SIGKILL");
	return null;
}

/** Returns how many responses came. */
async function clients(port) {
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	const until = Date.now() + LIVE_MS;
	let got = 0;
	for (let number = 1; Date.now() < until; number++) {
		const shapes = [
			{ path: `/orders/${number}` },
			{ method: "POST", path: "/orders", body: JSON.stringify({ item: "coffee", count: number }) },
			{ path: "/catalogue" },
			{ path: "/events" },
			{ path: "/nothing-here" },
		];
		await get({ port, agent, ...shapes[number % shapes.length] });
		got++;
		await delay(PAUSE_MS);
	}
	agent.destroy();
	return got;
}

function get({ body, ...options }) {
	return new Promise((resolve, reject) => {
		const headers =
			body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
		const outgoing = request({ host: "127.0.0.1", headers, timeout: 2_000, ...options }, (response) => {
			response.resume();
			response.once("end", () => resolve(true));
			response.once("error", reject);
		});
		outgoing.once("timeout", () => outgoing.destroy(new Error("no answer")));
		outgoing.once("error", reject);
		outgoing.end(body);
	});
}

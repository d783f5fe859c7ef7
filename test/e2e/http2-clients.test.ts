/** HTTP/2 of clients and servers by several authors: counts, bodies, trailers, pushes, resets as they have them. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import http2 from "node:http2";
import { join } from "node:path";
import anyTest, { type TestFn } from "ava";
import type { Body, Exchange } from "../../core/index.js";
import { listen } from "./support/listen.js";
import { captureLive } from "./support/live-records.js";
import { missing } from "./support/needs.js";
import { freePort, isListening } from "./support/port.js";
import { Program, runProgram } from "./support/program.js";
import { type Scope, withScope } from "./support/scope.js";

const why = missing("bpf", "nghttp", "nghttpd", "nghttpx", "curl");
if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED http2-clients: ${why}\n`);
const test: TestFn = anyTest;
const live = why === null ? test.serial : test.serial.skip;

const CLIENT_MS = 60_000;
const CURL_HTTP2_ERROR = 16;
const MOST_ATTEMPTS = 200;
const CAPTURE = { capture: { max_body_bytes: 8 << 20 } };
/** A busy machine comes to its reader late. */
const ROOM = { ring_bytes: 64 << 20 };
const SIZES = [0, 1, 1000, 16_384, 16_385, 65_535, 300_000, 3_000_000];

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const bytesOf = ({ encoding, data }: Body): Buffer =>
	Buffer.from(String(data), encoding === "base64" ? "base64" : "utf8");
const pathOf = ({ request, response }: Exchange): string =>
	String(request?.attributes["url.path"] ?? response?.attributes["url.path"]);
const exchanges = (all: readonly Exchange[]): Exchange[] => all.filter(({ kind }) => kind === "exchange");
/** Path, status and what the response's body was. */
const shown = (x: Exchange): string =>
	`${x.outcome} ${x.summary.operation} ${x.summary.result} ${x.response === null ? "" : sha(bytesOf(x.response.body))}`;

/** A folder with a file of each size, by path. */
async function documents(scope: Scope): Promise<{ folder: string; files: Map<string, Buffer> }> {
	const folder = await scope.folder();
	const files = new Map<string, Buffer>();
	for (const size of SIZES) files.set(`/${size}.bin`, randomBytes(size));
	for (const name of ["/index.html", "/style.css"]) files.set(name, Buffer.from(`this is ${name}`));
	for (const [path, bytes] of files) await writeFile(join(folder, path), bytes);
	return { folder, files };
}

async function listening(scope: Scope, program: Program, port: number): Promise<number> {
	scope.defer(() => program.stop("SIGKILL"));
	await program.until(() => isListening(program.pid, port), 60_000);
	return port;
}

live("nghttpd: nghttp, curl and Node.js get the same bytes as the record; trailers and pushes", (t) =>
	withScope(async (scope) => {
		const { folder, files } = await documents(scope);
		const port = await freePort();
		const args = [
			"--no-tls",
			"-a",
			"127.0.0.1",
			"-d",
			folder,
			"--trailer",
			"x-sum: abc",
			"--push=/index.html=/style.css",
		];
		await listening(scope, new Program("nghttpd", [...args, String(port)]), port);
		const stop = await captureLive(scope, [port], CAPTURE, ROOM);
		const url = `http://127.0.0.1:${port}`;
		const expected: string[] = [];
		const expect = (path: string, method = "GET"): void => {
			expected.push(`ok ${method} ${path} 200 ${sha(files.get(path)!)}`);
		};
		// all at once on one connection
		const paths = [...files.keys()].filter((path) => path.endsWith(".bin"));
		await runProgram("nghttp", ["-n", ...paths.map((path) => url + path)], CLIENT_MS);
		for (const path of paths) expect(path);
		for (const path of paths) {
			const file = join(folder, "got");
			await runProgram("curl", ["-s", "--http2-prior-knowledge", "-o", file, url + path], CLIENT_MS);
			t.is(sha(await readFile(file)), sha(files.get(path)!));
			expect(path);
		}
		const client = http2.connect(url);
		const pushed: string[] = [];
		client.on("stream", (stream, headers) => {
			pushed.push(String(headers[":path"]));
			stream.resume();
		});
		const page = client.request({ ":path": "/index.html" });
		const trailers = new Promise<http2.IncomingHttpHeaders>((resolve) => {
			page.once("trailers", resolve);
		});
		page.resume();
		t.is((await trailers)["x-sum"], "abc");
		await once(page, "close");
		const missed = client.request({ ":path": "/nothing" });
		missed.resume();
		await once(missed, "close");
		await new Promise<void>((resolve) => {
			client.close(resolve);
		});
		expect("/index.html");
		const all = await stop();
		const told = exchanges(all);
		t.deepEqual(
			told
				.filter((x) => pathOf(x) !== "/nothing")
				.map(shown)
				.sort(),
			expected.sort(),
		);
		t.is(told.filter((x) => pathOf(x) === "/nothing")[0]?.summary.result, "404");
		t.true(told.filter(({ summary }) => summary.result === "200").every((x) => x.flags.length === 0));
		for (const x of told)
			if (x.response!.body.bytes > 0) t.deepEqual(x.response!.trailers, [["x-sum", "abc"]], pathOf(x));
		const style = all.filter(({ kind }) => kind === "message");
		t.deepEqual(style.map(pathOf), pushed);
		t.is(style[0]!.parentId, told.find((x) => pathOf(x) === "/index.html")!.id);
		t.is(sha(bytesOf(style[0]!.response!.body)), sha(files.get("/style.css")!));
	}),
);

live("Node.js with itself and with nghttp: uploads, trailers of both, interim answers, pushes, resets", (t) =>
	withScope(async (scope) => {
		const uploads = new Map<string, string>();
		const server = http2.createServer({ maxSessionMemory: 100 });
		server.on("sessionError", () => {});
		server.on("stream", (stream, headers) => {
			const path = String(headers[":path"]);
			stream.on("error", () => {});
			if (path.startsWith("/refuse")) {
				stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
				return;
			}
			if (path.startsWith("/endless")) {
				stream.respond({ ":status": 200 });
				stream.write("begun");
				return;
			}
			const hash = createHash("sha256");
			let sum = "";
			stream.on("trailers", (fields) => {
				sum = String(fields["x-client"]);
			});
			stream.on("data", (data: Buffer) => hash.update(data));
			stream.on("end", () => {
				const digest = hash.digest("hex");
				uploads.set(path, digest);
				stream.additionalHeaders({ ":status": 103, link: "</a>" });
				if (path === "/push" && stream.pushAllowed)
					stream.pushStream({ ":path": "/pushed" }, (_error, other) => {
						other.respond({ ":status": 200 });
						other.end("pushed body");
					});
				stream.respond({ ":status": 200 }, { waitForTrailers: true });
				stream.on("wantTrailers", () => stream.sendTrailers({ "x-server": `${sum}!` }));
				stream.end(digest);
			});
		});
		const port = await listen(scope, server);
		const stop = await captureLive(scope, [port], CAPTURE, ROOM);
		const url = `http://127.0.0.1:${port}`;
		const client = http2.connect(url);
		client.on("stream", (stream) => stream.resume());
		const sent = new Map<string, Buffer>();
		const send = async (path: string, body: Buffer): Promise<void> => {
			const stream = client.request({ ":method": "POST", ":path": path }, { waitForTrailers: true, endStream: false });
			stream.on("wantTrailers", () => stream.sendTrailers({ "x-client": path }));
			stream.resume();
			stream.end(body);
			sent.set(path, body);
			await once(stream, "close");
		};
		await Promise.all(SIZES.map((size) => send(`/up/${size}`, randomBytes(size))));
		await send("/push", Buffer.from("x"));
		for (const path of ["/refuse/1", "/endless/1"]) {
			const stream = client.request({ ":path": path });
			stream.on("error", () => {});
			stream.once("data", () => stream.close(http2.constants.NGHTTP2_CANCEL));
			await new Promise((resolve) => {
				stream.once("close", resolve);
			});
		}
		await new Promise<void>((resolve) => {
			client.close(resolve);
		});
		const file = join(await scope.folder(), "body");
		const body = randomBytes(200_000);
		await writeFile(file, body);
		await runProgram("nghttp", ["-n", "-d", file, "--trailer", "x-client: nghttp", `${url}/up/nghttp`], CLIENT_MS);
		sent.set("/up/nghttp", body);
		const all = await stop();
		const told = exchanges(all);
		t.is(told.length, SIZES.length + 1 + 2 + 1);
		for (const [path, bytes] of sent) {
			const x = told.find((each) => pathOf(each) === path)!;
			t.is(uploads.get(path), sha(bytes));
			t.is(sha(bytesOf(x.request!.body)), sha(bytes), path);
			t.is(x.response!.body.data, sha(bytes));
			const sum = path === "/up/nghttp" ? "nghttp" : path;
			t.deepEqual(x.request!.trailers, [["x-client", sum]]);
			t.deepEqual(x.response!.trailers, [["x-server", `${sum}!`]]);
			t.deepEqual(x.response!.interim[0]!.headers, [["link", "</a>"]]);
			t.deepEqual(x.flags, []);
		}
		const [pushed] = all.filter(({ kind }) => kind === "message");
		t.is(pushed!.response!.body.data, "pushed body");
		t.is(pushed!.parentId, told.find((x) => pathOf(x) === "/push")!.id);
		const refused = told.find((x) => pathOf(x) === "/refuse/1")!;
		t.is(refused.outcome, "aborted");
		t.like(refused.annotations, { "http2.reset.error_code": "REFUSED_STREAM", "http2.reset.by": "server" });
		const endless = told.find((x) => pathOf(x) === "/endless/1")!;
		t.is(endless.outcome, "aborted");
		t.is(endless.response!.body.data, "begun");
		t.like(endless.annotations, { "http2.reset.error_code": "CANCEL", "http2.reset.by": "client" });
	}),
);

live("nghttpx: curl and nghttp ask in HTTP/1.1 to go on in HTTP/2", (t) =>
	withScope(async (scope) => {
		const bodies = new Map(SIZES.map((size) => [`/${size}`, randomBytes(size)]));
		const origin = createServer((request, response) => response.end(bodies.get(request.url ?? "") ?? "other"));
		const backend = await listen(scope, origin);
		const port = await freePort();
		const conf = join(await scope.folder(), "nghttpx.conf");
		await writeFile(conf, "");
		const args = [`--conf=${conf}`, `-b127.0.0.1,${backend}`, `-f127.0.0.1,${port};no-tls`, "--workers=1"];
		await listening(scope, new Program("nghttpx", args), port);
		const stop = await captureLive(scope, [port], CAPTURE, ROOM);
		const url = `http://127.0.0.1:${port}`;
		const file = join(await scope.folder(), "got");
		let attempts = 0;
		for (const [path, bytes] of bodies) {
			const args = ["-s", "--http2", "-o", file, "-w", "%{http_version}", url + path];
			let curl: Program;
			do {
				curl = new Program("curl", args);
				attempts++;
				// curl 7.88 loses its way where the 101 and the frames behind it come in one piece
			} while ((await curl.exited).code === CURL_HTTP2_ERROR && attempts < MOST_ATTEMPTS);
			t.is(curl.stdout, "2");
			t.is(sha(await readFile(file)), sha(bytes));
		}
		await runProgram("nghttp", ["-n", "-u", `${url}/1000`, `${url}/300000`], CLIENT_MS);
		const all = await stop();
		const upgrades = exchanges(all).filter(({ protocol }) => protocol === "http/1.1");
		// what HTTP/1.1 asked for is answered on stream 1
		const first = all.filter(({ kind }) => kind === "message");
		t.is(upgrades.length, attempts + 1);
		t.true(upgrades.every(({ summary }) => summary.result === "101"));
		t.is(first.length, upgrades.length);
		const whole = first.filter(({ outcome }) => outcome === "ok");
		t.true(whole.length >= SIZES.length + 1 && attempts - SIZES.length >= first.length - whole.length);
		for (const x of whole) {
			const upgrade = upgrades.find(({ id }) => id === x.parentId)!;
			const path = pathOf(upgrade);
			t.is(sha(bytesOf(x.response!.body)), sha(bodies.get(path)!), path);
		}
		const later = exchanges(all).filter(({ protocol }) => protocol === "http/2");
		t.deepEqual(
			later.map((x) => [pathOf(x), sha(bytesOf(x.response!.body))]),
			[["/300000", sha(bodies.get("/300000")!)]],
		);
	}),
);

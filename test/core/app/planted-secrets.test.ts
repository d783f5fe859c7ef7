/** Secrets planted in every place of real traffic, through the whole program: none of them in any byte that it writes. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import test from "ava";
import { stringify } from "yaml";
import { pcap } from "../../sources/pcap/files.js";
import { Talk } from "../../sources/pcap/talk.js";
import { leaks, planted as plantedAt, SECRETS } from "./secrets.js";

const CLI = fileURLToPath(new URL("../../../core/app/cli.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "polytap-secrets-"));
test.after.always(() => rmSync(folder, { recursive: true }));

const planted: string[] = [];
function secret(place: string): string {
	const text = plantedAt(place);
	planted.push(text);
	return text;
}

function message(start: string, headers: readonly string[], body: string | Uint8Array = ""): Buffer {
	const bytes = Buffer.from(body as string);
	return Buffer.concat([
		Buffer.from(`${[start, ...headers, `Content-Length: ${bytes.length}`].join("\r\n")}\r\n\r\n`),
		bytes,
	]);
}

const traffic: [Buffer, Buffer][] = [
	[
		message(`GET /a/${secret("path")}?q=${secret("query")} HTTP/1.1`, [
			"Host: a",
			`Authorization: Bearer ${secret("authorization")}`,
			`Cookie: s=${secret("cookie")}`,
			`Referer: http://u:${secret("userinfo")}@a/?q=${secret("referer")}`,
		]),
		message(`HTTP/1.1 200 ${secret("reason")}`, [`Set-Cookie: ${secret("set-cookie")}`, `X-Any: ${secret("header")}`]),
	],
	[
		message(
			"POST /json HTTP/1.1",
			["Host: a", "Content-Type: application/json"],
			`{"a":"${secret("json")}","\\u0050${secret("escaped").slice(1)}":1,"b":"\\u0050${secret("escaped-value").slice(1)}"}`,
		),
		message("HTTP/1.1 200 OK", ["Content-Encoding: gzip"], gzipSync(`text ${secret("gzip")} text`)),
	],
	[
		message("POST /br HTTP/1.1", ["Host: a", "Content-Encoding: br"], brotliCompressSync(secret("brotli"))),
		message("HTTP/1.1 200 OK", [], Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(secret("binary"))])),
	],
	[
		message(
			"POST /form HTTP/1.1",
			["Host: a", "Content-Type: application/x-www-form-urlencoded"],
			`a=${secret("form").replaceAll("-", "%2D")}`,
		),
		// the limit cuts it in the middle
		message("HTTP/1.1 200 OK", [], `${"x".repeat(39_990)}${secret("cut")}`),
	],
	[
		message("POST /two HTTP/1.1", ["Host: a"], `${"y".repeat(1_390)}${secret("two-packets")}`),
		Buffer.from(
			`HTTP/1.1 103 Early Hints\r\nLink: <${secret("interim")}>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n` +
				`8\r\nPLANTED-\r\ne\r\nchunked-GEHEIM\r\n0\r\nX-Trailer: ${secret("trailer")}\r\n\r\n`,
		),
	],
];
planted.push("PLANTED-chunked-GEHEIM");

function capture(): string {
	const talk = new Talk().handshake();
	for (const [request, response] of traffic) {
		for (const [from, bytes] of [
			["client", request],
			["server", response],
		] as const)
			for (let at = 0; at < bytes.length; at += 1400) talk.say(from, bytes.subarray(at, at + 1400));
	}
	const file = join(folder, "traffic.pcap");
	writeFileSync(file, pcap(talk.goodbye().packets));
	return file;
}

const file = capture();

function run(name: string, redact: unknown[]): SpawnSyncReturns<string> & { written: string } {
	const out = join(folder, `${name}.jsonl`);
	const config = join(folder, `${name}.yaml`);
	writeFileSync(
		config,
		stringify({
			version: 1,
			sources: { file: { type: "pcap", files: [file] } },
			capture: { max_body_bytes: 40_000 },
			redact,
			sinks: {
				people: { type: "console", format: "pretty", max_body_chars: 100_000 },
				file: { type: "jsonl", path: out },
				some: { type: "jsonl", path: `${out}.some`, filter: { paths: ["/a/**", "/json"] } },
			},
		}),
	);
	const totals = join(folder, `${name}.totals`);
	const done = spawnSync(process.execPath, [CLI, "run", "-c", config, "--totals", totals], {
		encoding: "utf8",
		timeout: 60_000,
	});
	const written = [out, `${out}.some`, totals].map((path) => readFileSync(path, "utf8")).join("\n");
	return { ...done, written: `${done.stdout}\n${done.stderr}\n${written}` };
}

test("without the rule the secrets are there: the traffic does carry them", (t) => {
	const { status, written, stderr } = run("bare", [{ defaults: false }]);
	t.is(status, 0, stderr);
	for (const text of planted) {
		const place = text.slice("PLANTED-".length, -"-GEHEIM".length);
		const forms = [text, text.replaceAll("-", "%2D"), `\\u0050${text.slice(1)}`, text.slice(0, 10)];
		const binary = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text)]).toString("base64");
		t.true(
			[...forms, binary].some((form) => written.includes(form)),
			place,
		);
	}
	t.regex(stderr, /warning\[REDACTION_OFF\]/);
});

test("with it, none is: not on the terminal, not in a file, not in the totals, not in a warning", (t) => {
	const { status, written, stderr } = run("redacted", [SECRETS]);
	t.is(status, 0, stderr);
	t.deepEqual(leaks(written), []);
	const lines = readFileSync(join(folder, "redacted.jsonl"), "utf8").split("\n").slice(0, -1);
	t.is(lines.length, traffic.length);
	const { response } = JSON.parse(lines[3]!);
	t.is(response.body.bytes, 39_990 + "PLANTED-cut-GEHEIM".length);
	t.is(response.body.gaps[0].cause, "redacted");
	// the filter saw the path as it was
	t.is(readFileSync(join(folder, "redacted.jsonl.some"), "utf8").split("\n").length - 1, 2);
});

/** A run whose sink never takes anything: what stays in its spool, and what the next run makes of it. */
function runIntoSpool(
	name: string,
	redact: unknown[],
): { spool: Buffer; again: SpawnSyncReturns<string>; lines: string[] } {
	const out = join(folder, `${name}-spooled.jsonl`);
	const spool = join(folder, `${name}-spool`);
	const config = join(folder, `${name}-spooled.yaml`);
	const runTo = (path: string, files: string[]) => {
		const queue = { when_full: "spool", spool: { path: spool } };
		const sinks = { away: { type: "jsonl", path, queue } };
		writeFileSync(
			config,
			stringify({
				version: 1,
				sources: { file: { type: "pcap", files } },
				capture: { max_body_bytes: 40_000 },
				redact,
				sinks,
			}),
		);
		return spawnSync(process.execPath, [CLI, "run", "-c", config], { encoding: "utf8", timeout: 60_000 });
	};
	runTo("/dev/full", [file]);
	const own = join(spool, "away");
	const bytes = Buffer.concat(readdirSync(own).map((one) => readFileSync(join(own, one))));
	const nothing = join(folder, "nothing.pcap");
	writeFileSync(nothing, pcap([]));
	const again = runTo(out, [nothing]);
	return { spool: bytes, again, lines: readFileSync(out, "utf8").split("\n").slice(0, -1) };
}

test("none is in a spool either, and what is in it is delivered by the next run", (t) => {
	const bare = runIntoSpool("bare", [{ defaults: false }]);
	t.true(planted.filter((text) => bare.spool.includes(text)).length > planted.length / 2);
	const { spool, again, lines } = runIntoSpool("redacted", [SECRETS]);
	t.is(again.status, 0, again.stderr);
	t.is(lines.length, traffic.length);
	t.true(spool.includes("polytap.exchange/v1"));
	t.deepEqual(leaks(spool), []);
	t.is(
		JSON.stringify(lines),
		JSON.stringify(readFileSync(join(folder, "redacted.jsonl"), "utf8").split("\n").slice(0, -1)),
	);
});

test("what is built in keeps credentials out of `polytap read` as well", (t) => {
	const { status, stdout } = spawnSync(process.execPath, [CLI, "read", file], { encoding: "utf8", timeout: 60_000 });
	t.is(status, 0);
	for (const place of ["authorization", "cookie", "set-cookie", "userinfo"])
		t.false(stdout.includes(`PLANTED-${place}-`), place);
	t.true(stdout.includes("PLANTED-json-"));
});

import { createHash } from "node:crypto";
import http2 from "node:http2";
import test from "ava";
import type { Exchange } from "../../../core/index.js";
import parser from "../../../parsers/http2/index.js";
import { Harness } from "../../core/engine/harness.js";
import { ask, type Chunk, talk } from "./talk.js";

function play(chunks: readonly Chunk[], size = Number.POSITIVE_INFINITY): Harness {
	const h = new Harness({ maxBodyBytes: 1 << 24 }, [parser]).open();
	const at: [number, number] = [0, 0];
	for (const { dir, bytes } of chunks)
		for (let from = 0; from < bytes.length; from += size) {
			const piece = bytes.subarray(from, from + size);
			h.bytes(dir, at[dir], piece);
			at[dir] += piece.length;
		}
	return h.close(at).pass(200_000);
}

const exchangesOf = (h: Harness): Exchange[] => h.exchanges.filter(({ kind }) => kind !== "connection");
const header = (list: readonly (readonly [string, string])[], name: string): string | undefined =>
	list.find(([each]) => each === name)?.[1];
const sha = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
const bodyOf = ({ encoding, data }: { encoding: string; data: unknown }): Buffer =>
	Buffer.from(String(data), encoding === "base64" ? "base64" : "utf8");

const LARGE = Buffer.alloc(300_000, "0123456789abcdef");
const recorded = talk(
	(stream, headers) => {
		const path = String(headers[":path"]);
		if (path === "/upload") {
			stream.resume();
			stream.on("end", () => {
				stream.respond({ ":status": 200 });
				stream.end();
			});
			return;
		}
		if (path.startsWith("/early")) stream.additionalHeaders({ ":status": 103, link: "</x.css>" });
		stream.respond(
			{ ":status": path === "/missing" ? 404 : 200, "content-type": "text/plain", "x-path": path },
			{ waitForTrailers: path === "/trailers" },
		);
		stream.on("wantTrailers", () => stream.sendTrailers({ "x-checksum": "abc", "x-more": "yes" }));
		if (headers[":method"] === "HEAD") stream.end();
		else if (path === "/large") stream.end(LARGE);
		else stream.end(`body of ${path}`);
	},
	async (client) => {
		await Promise.all(
			Array.from({ length: 20 }, (_, i) => ask(client, { ":path": `/item/${i}?page=${i}`, "x-number": String(i % 3) })),
		);
		await ask(client, { ":path": "/missing" });
		await ask(client, { ":path": "/early" });
		await ask(client, { ":path": "/trailers" });
		await ask(client, { ":path": "/large" });
		await ask(client, { ":method": "HEAD", ":path": "/head" });
		await ask(client, { ":method": "POST", ":path": "/upload", "content-type": "application/octet-stream" }, LARGE);
		await new Promise<void>((resolve) => {
			client.ping(() => resolve());
		});
	},
);

for (const size of [Number.POSITIVE_INFINITY, 1, 9, 1000]) {
	test(`everything that Node's client and server say, ${size} bytes at a time`, async (t) => {
		const h = play(await recorded, size);
		t.deepEqual(h.failures, []);
		const all = exchangesOf(h);
		t.is(all.length, 26);
		t.true(
			all.every(({ protocol, request, response }) => protocol === "http/2" && request !== null && response !== null),
		);
		for (let i = 0; i < 20; i++) {
			const x = all.find(({ request }) => request!.attributes["url.query"] === `page=${i}`)!;
			t.is(x.summary.operation, `GET /item/${i}`);
			t.is(x.response!.body.data, `body of /item/${i}?page=${i}`);
			t.is(header(x.request!.headers, "x-number"), String(i % 3));
			t.is(header(x.response!.headers, "x-path"), `/item/${i}?page=${i}`);
			t.is(x.request!.attributes["server.address"], "shop.example.test");
			t.is(x.request!.attributes["server.port"], 8080);
		}
		const of = (path: string): Exchange => all.find(({ request }) => request!.attributes["url.path"] === path)!;
		t.is(of("/missing").outcome, "error");
		t.deepEqual(of("/early").response!.interim[0]!.headers, [["link", "</x.css>"]]);
		t.deepEqual(of("/trailers").response!.trailers, [
			["x-checksum", "abc"],
			["x-more", "yes"],
		]);
		t.is(sha(bodyOf(of("/large").response!.body)), sha(LARGE));
		t.is(sha(bodyOf(of("/upload").request!.body)), sha(LARGE));
		t.is(of("/head").response!.body.bytes, 0);
		t.true(all.every(({ flags }) => flags.length === 0));
		const { annotations } = h.exchanges.at(-1)!;
		t.is(annotations["http2.streams"], 26);
		t.is(annotations["http2.pings"], 1);
		t.is(annotations["http2.ping.answered"], 1);
		t.is(annotations["http2.goaway.client.error_code"], "NO_ERROR");
		t.is(annotations["polytap.client_to_server.bytes_missing"], 0);
		// frames that belong to no stream are all that is not part of a message
		const told = all.reduce((sum, x) => sum + x.request!.bytes, 0);
		const sent = (await recorded).reduce((sum, { dir, bytes }) => sum + (dir === 0 ? bytes.length : 0), 0);
		t.true(told <= sent && told > sent - 2_000);
	});
}

test("the same head is the same object, on every connection", async (t) => {
	const chunks = await talk(
		(stream) => {
			stream.respond({ ":status": 200 }, { sendDate: false } as http2.ServerStreamResponseOptions);
			stream.end();
		},
		async (client) => {
			for (let i = 0; i < 5; i++) await ask(client, { ":path": "/same" });
		},
	);
	const h = play(chunks);
	const heads = exchangesOf(h).map((x) => x.request!.headers);
	t.is(heads.length, 5);
	t.true(heads.every((head) => head === heads[0]));
});

test("resets are aborted exchanges that say who did it and why", async (t) => {
	const chunks = await talk(
		(stream, headers) => {
			if (headers[":path"] === "/refused") stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
			else {
				stream.respond({ ":status": 200 });
				stream.write("begun");
			}
		},
		async (client) => {
			await t.throwsAsync(ask(client, { ":path": "/refused" }));
			const stream = client.request({ ":path": "/cancelled" });
			await new Promise((resolve) => {
				stream.once("data", resolve);
			});
			const closed = new Promise((resolve) => {
				stream.once("close", resolve);
			});
			stream.close(http2.constants.NGHTTP2_CANCEL);
			await closed;
		},
	);
	const h = play(chunks);
	t.deepEqual(h.lines.slice(0, 2), ["GET /refused→ aborted", "GET /cancelled→200 aborted"]);
	t.like(h.exchanges[0]!.annotations, { "http2.reset.error_code": "REFUSED_STREAM", "http2.reset.by": "server" });
	t.like(h.exchanges[1]!.annotations, { "http2.reset.error_code": "CANCEL", "http2.reset.by": "client" });
	t.is(h.exchanges[1]!.response!.body.data, "begun");
	t.is(h.exchanges.at(-1)!.annotations["http2.resets"], 2);
});

test("a pushed response belongs to the request that it was promised with", async (t) => {
	const chunks = await talk(
		(stream) => {
			stream.respond({ ":status": 200 });
			stream.pushStream({ ":path": "/style.css" }, (_error, pushed) => {
				pushed.respond({ ":status": 200 });
				pushed.end("css");
				stream.end("page");
			});
		},
		async (client) => {
			const pushed = new Promise<void>((resolve) => {
				client.on("stream", (stream) => {
					stream.resume();
					stream.on("end", resolve);
				});
			});
			await ask(client, { ":path": "/" });
			await pushed;
		},
	);
	const h = play(chunks);
	const page = h.exchanges.find(({ kind }) => kind === "exchange")!;
	const style = h.exchanges.find(({ kind }) => kind === "message")!;
	t.is(style.parentId, page.id);
	t.is(style.response!.attributes["url.path"], "/style.css");
	t.is(style.response!.body.data, "css");
	t.is(h.exchanges.at(-1)!.annotations["http2.pushes"], 1);
});

test("who waited for a window is told", async (t) => {
	const chunks = await talk(
		(stream) => {
			stream.respond({ ":status": 200 });
			stream.end(LARGE);
		},
		async (client) => {
			await ask(client, { ":path": "/slow" });
		},
	);
	const { annotations } = exchangesOf(play(chunks))[0]!;
	t.true(Number(annotations["http2.flow_control.response.stalls"]) > 0);
	t.true(Number(annotations["http2.flow_control.response.stalled_us"]) > 0);
	t.true(["stream", "connection"].includes(String(annotations["http2.flow_control.response.limited_by"])));
	const small = await talk(
		(stream) => {
			stream.respond({ ":status": 200 });
			stream.end("small");
		},
		async (client) => {
			await ask(client, { ":path": "/fast" });
		},
	);
	t.deepEqual(exchangesOf(play(small))[0]!.annotations, {});
});

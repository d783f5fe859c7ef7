import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { KubeletFeed, type KubeletOptions } from "../../../core/kubernetes/kubelet-feed.js";
import type { Trouble } from "../../../core/kubernetes/trouble.js";
import {
	type Answer,
	drop,
	endless,
	type FakeServer,
	fakeServer,
	list,
	pod,
	silence,
	status,
	TOKEN,
	text,
	until,
} from "./fake-server.js";
import { feeding } from "./feeding.js";

function started(t: ExecutionContext, server: FakeServer, more: Partial<KubeletOptions> = {}) {
	const options: KubeletOptions = {
		url: server.url,
		node: "node-1",
		tokenFile: server.tokenFile,
		caFile: server.caFile,
		isInsecure: false,
		refreshMs: 60_000,
		lookMs: 20,
		maxBytes: 1_000_000,
		...more,
	};
	return feeding(t, (isWanted, parts) => new KubeletFeed(options, isWanted, parts));
}

test("the list is fetched with the token, and again after the interval", async (t) => {
	const server = await fakeServer(t, list([pod("a")]), list([pod("b")]));
	const { names, troubles } = started(t, server, { refreshMs: 100 });
	await until(() => names().includes("b"));
	t.deepEqual(names(), ["b"]);
	t.is(server.asked[0]!.pathname, "/pods");
	t.is(server.credentials[0], `Bearer ${TOKEN}`);
	t.deepEqual(troubles, []);
});

test("what nobody knows is looked for at once, but once", async (t) => {
	const server = await fakeServer(t, list([]), list([pod("a")]));
	const one = started(t, server);
	await until(() => one.lists === 1);
	await delay(60);
	t.is(server.asked.length, 1);
	one.feed.lookFor!("uid-a");
	await until(() => one.names().length === 1);
	one.feed.lookFor!("uid-a");
	one.feed.lookFor!("uid-a");
	await delay(100);
	t.is(server.asked.length, 2);
	for (let number = 0; number < 50; number++) one.feed.lookFor!(`never-${number}`);
	await delay(100);
	t.true(server.asked.length <= 4, String(server.asked.length));
});

const faults: readonly (readonly [title: string, answer: Answer, kind: Trouble["kind"], message: RegExp])[] = [
	["401", status(401), "refused", /answered 401/],
	["403", status(403), "refused", /answered 403/],
	["500", status(500), "unreachable", /answered 500/],
	["a connection that drops", drop, "unreachable", /socket hang up|ECONNRESET/],
	["nothing at all", silence, "unreachable", /did not answer within 2000 ms/],
	["an answer without an end", endless, "unreachable", /longer than 1000000 bytes/],
	["no JSON", text('{"items": ['), "unreachable", /is not JSON/],
	["JSON of something else", text('{"items": 3}'), "unreachable", /is not a list of pods/],
];
for (const [title, answer, kind, message] of faults)
	test(`${title}: told, and tried again`, async (t) => {
		const server = await fakeServer(t, answer, answer, list([pod("a")]));
		const { names, troubles } = started(t, server);
		await until(() => names().length === 1);
		t.is(troubles.length, 2);
		t.is(troubles[0]!.kind, kind);
		t.regex(troubles[0]!.message, message);
		t.notRegex(troubles[0]!.message, new RegExp(TOKEN));
	});

test("what is known stays while nobody answers", async (t) => {
	const server = await fakeServer(t, list([pod("a")]), drop);
	const { names, troubles } = started(t, server, { refreshMs: 30 });
	await until(() => troubles.length >= 3);
	t.deepEqual(names(), ["a"]);
});

test("what is no pod is left out, and a null list is an empty one", async (t) => {
	const server = await fakeServer(t, text('{"items": null}'), list([{ metadata: {} }, 7, pod("a")]));
	const { names, troubles } = started(t, server, { refreshMs: 30 });
	await until(() => names().length === 1);
	t.deepEqual(troubles, []);
});

test("a certificate of somebody else is not believed, unless the config says so", async (t) => {
	const server = await fakeServer(t, list([pod("a")]));
	await writeFile(server.caFile, "");
	const strict = started(t, server);
	await until(() => strict.troubles.length > 0);
	t.deepEqual(server.asked, []);
	t.regex(strict.troubles[0]!.message, /certificate/);
	await strict.stop();
	const lax = started(t, server, { isInsecure: true });
	await until(() => lax.names().length === 1);
	t.pass();
});

test("the port without TLS gets no token", async (t) => {
	const seen: unknown[] = [];
	const plain = createServer((request, response) => {
		seen.push(request.headers.authorization);
		response.end(JSON.stringify({ items: [pod("a")] }));
	});
	await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
	t.teardown(() => plain.close());
	const server = await fakeServer(t, silence);
	const { names } = started(t, server, { url: `http://127.0.0.1:${(plain.address() as AddressInfo).port}` });
	await until(() => names().length === 1);
	t.deepEqual(seen, [undefined]);
});

test("a token file that is not there is told, and one that comes is taken", async (t) => {
	const server = await fakeServer(t, list([pod("a")]));
	const tokenFile = `${server.tokenFile}.later`;
	const { names, troubles } = started(t, server, { tokenFile });
	await until(() => troubles.length > 0);
	t.regex(troubles[0]!.message, /ENOENT/);
	await writeFile(tokenFile, "later");
	await until(() => names().length === 1);
	t.is(server.credentials.at(-1), "Bearer later");
});

test("stops at once, whatever it waits for", async (t) => {
	const server = await fakeServer(t, silence);
	const one = started(t, server);
	await until(() => server.asked.length === 1);
	const before = performance.now();
	await one.stop();
	t.true(performance.now() - before < 200);
	t.deepEqual(one.troubles, []);
});

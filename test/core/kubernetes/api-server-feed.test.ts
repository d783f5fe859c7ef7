import { writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { stringify } from "yaml";
import { ApiServerFeed, type ApiServerOptions } from "../../../core/kubernetes/api-server-feed.js";
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
	TIMES,
	TOKEN,
	text,
	until,
} from "./fake-server.js";
import { feeding } from "./feeding.js";

async function started(t: ExecutionContext, server: FakeServer, times = TIMES, more: Partial<ApiServerOptions> = {}) {
	const kubeconfig = `${server.caFile}.kubeconfig`;
	await writeFile(
		kubeconfig,
		stringify({
			clusters: [{ name: "c", cluster: { server: server.url, "certificate-authority": server.caFile } }],
			users: [{ name: "u", user: { token: TOKEN } }],
			contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
			"current-context": "x",
		}),
	);
	const files = { kubeconfig, tokenFile: null, caFile: null, isInsecure: false };
	const options: ApiServerOptions = { node: "node-1", ...files, maxBytes: 1_000_000, ...more };
	return feeding(t, (isWanted, parts) => new ApiServerFeed(options, isWanted, parts), times);
}

interface Watching {
	readonly answer: Answer;
	/** The latest one; null: nobody watches. */
	response: ServerResponse | null;
	tell(type: string, object: unknown): void;
}

function watching(): Watching {
	const one: Watching = {
		response: null,
		answer: (_, response) => {
			response.writeHead(200, { "content-type": "application/json" });
			response.flushHeaders();
			one.response = response;
		},
		tell: (type, object) => void one.response!.write(`${JSON.stringify({ type, object })}\n`),
	};
	return one;
}

test("the list by pages, then every change", async (t) => {
	const watch = watching();
	const server = await fakeServer(t, list([pod("a")], "", "more"), list([pod("b")], "17"), watch.answer);
	const { names, troubles } = await started(t, server);
	await until(() => watch.response !== null);
	t.deepEqual(names(), ["a", "b"]);
	watch.tell("ADDED", pod("c"));
	watch.tell("DELETED", pod("a"));
	watch.tell("MODIFIED", pod("b", { name: "b2" }));
	await until(() => names().includes("b2"));
	t.deepEqual(names(), ["b2", "c"]);
	const [first, second, third] = server.asked;
	t.is(first!.searchParams.get("fieldSelector"), "spec.nodeName=node-1");
	t.is(second!.searchParams.get("continue"), "more");
	t.is(third!.searchParams.get("watch"), "true");
	t.is(third!.searchParams.get("resourceVersion"), "17");
	t.is(third!.searchParams.get("fieldSelector"), "spec.nodeName=node-1");
	t.true(server.credentials.every((one) => one === `Bearer ${TOKEN}`));
	t.deepEqual(troubles, []);
});

test("a watch that ended in its time goes on from what it told last", async (t) => {
	const watch = watching();
	const server = await fakeServer(t, list([pod("a")], "5"), watch.answer);
	const one = await started(t, server, { ...TIMES, soundMs: 30 });
	await until(() => watch.response !== null);
	watch.tell("BOOKMARK", { metadata: { resourceVersion: "44" } });
	await delay(60);
	watch.response!.end();
	await until(() => server.asked.length === 3);
	t.is(server.asked[2]!.searchParams.get("resourceVersion"), "44");
	t.is(one.lists, 1);
	t.deepEqual(one.troubles, []);
});

const gone: readonly (readonly [title: string, (watch: Watching) => Answer[], tell: (watch: Watching) => void])[] = [
	["as a status", () => [status(410)], () => {}],
	["as an event", (watch) => [watch.answer], (watch) => watch.tell("ERROR", { kind: "Status", code: 410 })],
];
for (const [title, answers, tell] of gone)
	test(`410 Gone ${title}: the list anew`, async (t) => {
		const watch = watching();
		const server = await fakeServer(t, list([pod("a")]), ...answers(watch), list([pod("b")], "9"), watch.answer);
		const { names, troubles } = await started(t, server);
		if (title === "as an event") await until(() => watch.response !== null);
		tell(watch);
		await until(() => server.asked.length === 4);
		t.deepEqual(names(), ["b"]);
		t.deepEqual(
			troubles.map(({ kind }) => kind),
			["gone"],
		);
	});

const faults: readonly (readonly [title: string, answer: Answer, kind: Trouble["kind"], message: RegExp])[] = [
	["401", status(401), "refused", /401/],
	["403", status(403), "refused", /403/],
	["500", status(500), "unreachable", /500/],
	["a connection that drops", drop, "unreachable", /socket hang up|ECONNRESET/],
	["nothing at all", silence, "unreachable", /did not answer|timeout/],
];
for (const [title, answer, kind, message] of faults) {
	test(`of the list, ${title}: told, and tried again`, async (t) => {
		const watch = watching();
		const server = await fakeServer(t, answer, answer, list([pod("a")]), watch.answer);
		const { names, troubles } = await started(t, server);
		await until(() => names().length === 1);
		t.is(troubles[0]!.kind, kind);
		t.regex(troubles[0]!.message, message);
		t.notRegex(troubles[0]!.message, new RegExp(TOKEN));
	});
	test(`of the watch, ${title}: told, and the list anew`, async (t) => {
		const watch = watching();
		const server = await fakeServer(t, list([pod("a")]), answer, list([pod("b")]), watch.answer);
		const { names, troubles } = await started(t, server);
		await until(() => names().includes("b"));
		t.is(troubles[0]!.kind, kind);
		t.regex(troubles[0]!.message, message);
	});
}

const nonsense: readonly (readonly [title: string, answer: Answer, message: RegExp])[] = [
	["no JSON", text("{"), /is not JSON/],
	["JSON of something else", text("[]"), /is not a list of pods/],
	["an answer without an end", endless, /longer than 1000000 bytes/],
	["pages without an end", list([], "1", "more"), /without an end/],
];
for (const [title, answer, message] of nonsense)
	test(`a list that is ${title}: told`, async (t) => {
		const server = await fakeServer(t, answer);
		const { troubles } = await started(t, server);
		await until(() => troubles.length > 0);
		t.regex(troubles[0]!.message, message);
	});

test("a connection that drops in the middle of a watch: the list anew", async (t) => {
	const watch = watching();
	const server = await fakeServer(t, list([pod("a")]), watch.answer, list([pod("b")]), watch.answer);
	const { names } = await started(t, server);
	await until(() => watch.response !== null);
	watch.response!.socket!.destroy();
	await until(() => names().includes("b"));
	t.pass();
});

test("lines of a watch that are nonsense change nothing", async (t) => {
	const watch = watching();
	const server = await fakeServer(t, list([pod("a")]), watch.answer);
	const { names, troubles } = await started(t, server);
	await until(() => watch.response !== null);
	watch.response!.write('{"type": "ADDED", "obj\n\n[]\n{"type":"ADDED","object":{"metadata":{}}}\n');
	watch.tell("ADDED", pod("b"));
	await until(() => names().length === 2);
	t.deepEqual(troubles, []);
});

test("a server that ends each watch at once is not asked in a loop", async (t) => {
	const server = await fakeServer(t, (_, response, url) =>
		url.searchParams.has("watch") ? response.end() : void list([pod("a")])(_, response, url),
	);
	const { troubles } = await started(t, server, { ...TIMES, firstRetryMs: 100, longestRetryMs: 400 });
	await until(() => troubles.length > 0);
	await delay(1_000);
	t.true(server.asked.length <= 16, String(server.asked.length));
	t.regex(troubles[0]!.message, /ended a watch at once/);
});

test("outside of a pod and without a kubeconfig that is said", async (t) => {
	const server = await fakeServer(t, silence);
	const { troubles } = await started(t, server, TIMES, { kubeconfig: null });
	await until(() => troubles.length > 0);
	t.regex(troubles[0]!.message, /KUBERNETES_SERVICE_HOST/);
});

test("a kubeconfig that is not there, or not one, is said", async (t) => {
	const server = await fakeServer(t, silence);
	const absent = await started(t, server, TIMES, { kubeconfig: "/nowhere/kubeconfig" });
	await until(() => absent.troubles.length > 0);
	t.regex(absent.troubles[0]!.message, /ENOENT/);
	const nonsense = await started(t, server, TIMES, { kubeconfig: server.tokenFile });
	await until(() => nonsense.troubles.length > 0);
	t.is(nonsense.troubles[0]!.kind, "unreachable");
});

test("stops at once in the middle of a watch", async (t) => {
	const watch = watching();
	const server = await fakeServer(t, list([pod("a")]), watch.answer);
	const one = await started(t, server);
	await until(() => watch.response !== null);
	const before = performance.now();
	await one.stop();
	t.true(performance.now() - before < 200);
	t.deepEqual(one.troubles, []);
});

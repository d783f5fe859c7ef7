import test from "ava";
import type { CaptureEvent, OpenEvent, ProcessIdentity } from "../../../core/events.js";
import { nameProcesses } from "../../../core/kubernetes/naming.js";
import type { Pod } from "../../../core/kubernetes/pod.js";
import { PodNames } from "../../../core/kubernetes/pod-names.js";
import type { CaptureSource } from "../../../core/plugin.js";

const process = (pod: string | null, container: string | null = null): ProcessIdentity => ({
	pid: 7,
	name: "n",
	executable: null,
	cgroup: null,
	container,
	pod,
	runtime: null,
	unit: null,
	uid: 0,
});
const pod = (name: string, containers: Readonly<Record<string, string>> = {}): Pod => ({
	uids: [`uid-${name}`],
	attributes: { "k8s.pod.name": name },
	containers,
});
const open = (conn: number, process: ProcessIdentity | null, role: OpenEvent["role"] = "server"): OpenEvent => ({
	kind: "open",
	conn,
	tsUs: 1,
	transport: "tcp",
	client: { address: "10.0.0.1", port: 1 },
	server: { address: "10.0.0.2", port: 2 },
	role,
	roleKnown: true,
	bases: null,
	fromStart: true,
	netns: null,
	process,
	layer: "transport",
	lower: null,
});
const bytes = (conn: number): CaptureEvent => ({
	kind: "bytes",
	conn,
	dir: 0,
	offset: 0,
	tsUs: 1,
	data: new Uint8Array(1),
});
const close = (conn: number): CaptureEvent => ({ kind: "close", conn, tsUs: 2 });

/** Each batch is what `steps` gives when it is asked for. */
async function heard(names: PodNames, ...steps: (() => readonly CaptureEvent[])[]) {
	const source: CaptureSource = {
		open: async () => {},
		batches: async function* () {
			for (const step of steps) yield step();
		},
		close: async () => {},
	};
	nameProcesses(source, names);
	const batches: (readonly CaptureEvent[])[] = [];
	for await (const batch of source.batches(new AbortController().signal)) batches.push(batch);
	return batches;
}

const nameOf = (process: ProcessIdentity | null | undefined) => process?.kubernetes?.["k8s.pod.name"];
const openOf = (batch: readonly CaptureEvent[] | undefined) =>
	batch?.find((event): event is OpenEvent => event.kind === "open");

test("connections begin with what is known, and one process is one object", async (t) => {
	const names = new PodNames([pod("a", { c: "web" })], t.fail);
	const who = process("uid-a", "c");
	const given = [open(1, who), bytes(1), open(2, who)];
	const [batch] = await heard(names, () => given);
	const [first, , second] = batch as [OpenEvent, CaptureEvent, OpenEvent];
	t.deepEqual(first.process, { ...who, kubernetes: { "k8s.pod.name": "a", "k8s.container.name": "web" } });
	t.is(first.process, second.process);
	t.is(batch![1], given[1]);
	t.is(given[0], batch === given ? given[0] : given[0]);
	t.is((given[0] as OpenEvent).process, who);
	t.deepEqual(names.counters(), {
		kubernetes_unknown_pods: 0,
		kubernetes_connections_unnamed: 0,
		kubernetes_connections_named_late: 0,
	});
});

test("batches without anything to name are the source's own", async (t) => {
	const names = new PodNames([pod("a")], t.fail);
	const given = [open(1, process(null)), open(2, null), bytes(1), close(1)];
	const [batch] = await heard(names, () => given);
	t.is(batch, given);
});

test("a pod that is not known is asked for once, counted, and named before the next bytes", async (t) => {
	const asked: string[] = [];
	const names = new PodNames([], (id) => void asked.push(id));
	const who = process("uid-a");
	const batches = await heard(
		names,
		() => [open(1, who), open(2, who, "client"), open(3, who)],
		() => {
			names.change({ known: [pod("other")], gone: [] });
			return [bytes(1)];
		},
		() => [close(3)],
		() => {
			names.change({ known: [pod("a")], gone: [] });
			return [bytes(1), open(4, who)];
		},
		() => {
			names.change({ known: [pod("b")], gone: [] });
			return [bytes(1)];
		},
	);
	t.deepEqual(asked, ["uid-a"]);
	t.is(nameOf(openOf(batches[0])?.process), undefined);
	t.is(batches[1]!.length, 1);
	const [first, second, third, fourth] = batches[3]!;
	t.like(first, { kind: "identify", conn: 1, client: null, tls: null });
	t.like(second, { kind: "identify", conn: 2, server: null, tls: null });
	t.is(first?.kind === "identify" ? nameOf(first.server) : null, "a");
	t.is(second?.kind === "identify" ? nameOf(second.client) : null, "a");
	t.is(third?.kind, "bytes");
	t.is(fourth?.kind === "open" ? nameOf(fourth.process) : null, "a");
	t.is(batches[4]!.length, 1);
	t.deepEqual(names.counters(), {
		kubernetes_unknown_pods: 1,
		kubernetes_connections_unnamed: 3,
		kubernetes_connections_named_late: 2,
	});
});

test("the name of a container comes later than its pod", async (t) => {
	const asked: string[] = [];
	const names = new PodNames([pod("a")], (id) => void asked.push(id));
	const batches = await heard(
		names,
		() => [open(1, process("uid-a", "c"))],
		() => {
			names.change({ known: [pod("a", { c: "web" })], gone: [] });
			return [];
		},
		() => {
			names.change({ known: [pod("a", { c: "web", d: "x" })], gone: [] });
			return [];
		},
	);
	t.is(nameOf(openOf(batches[0])?.process), "a");
	t.deepEqual(asked, ["c"]);
	const [identify] = batches[1]!;
	t.like(identify, { kind: "identify", server: { kubernetes: { "k8s.container.name": "web" } } });
	t.deepEqual(batches[2], []);
});

test("what a source itself identifies is named as well", async (t) => {
	const names = new PodNames([pod("a")], () => {});
	const [batch] = await heard(names, () => [
		open(1, null),
		{ kind: "identify", conn: 1, client: process("uid-a"), server: process(null), tls: null },
	]);
	const [, identify] = batch!;
	t.is(identify?.kind === "identify" ? nameOf(identify.client) : null, "a");
});

test("a pod that is gone is not known any more, under none of its uids", (t) => {
	const both: Pod = { ...pod("a"), uids: ["uid-a", "hash"] };
	const names = new PodNames([both], () => {});
	t.is(nameOf(names.of(process("hash"))), "a");
	names.change({ known: [], gone: ["uid-a"] });
	t.is(nameOf(names.of(process("hash"))), undefined);
	t.is(nameOf(names.of(process("uid-a"))), undefined);
});

test("connections that wait for a name are bounded", async (t) => {
	const names = new PodNames([], () => {});
	const who = process("uid-a");
	const batches = await heard(
		names,
		() => Array.from({ length: 10_000 }, (_, conn) => open(conn, who)),
		() => {
			names.change({ known: [pod("a")], gone: [] });
			return [];
		},
	);
	t.is(batches[1]!.length, 4096);
});

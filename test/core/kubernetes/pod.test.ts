import test from "ava";
import { labelChoice, podOf } from "../../../core/kubernetes/pod.js";
import { podObject } from "../../../core/kubernetes/pod-object.js";
import { PodStore } from "../../../core/kubernetes/pod-store.js";
import { pod } from "./fake-server.js";

const owner = (kind: string, name: string, more: Readonly<Record<string, unknown>> = {}) => ({
	apiVersion: "apps/v1",
	kind,
	name,
	controller: true,
	...more,
});
const hash = { "pod-template-hash": "5d9c" };

const workloads: readonly (readonly [title: string, metadata: object, expected: Readonly<Record<string, string>>])[] = [
	["nobody's", {}, { "k8s.workload.kind": "Pod", "k8s.workload.name": "p" }],
	[
		"a Deployment's",
		{ labels: hash, ownerReferences: [owner("ReplicaSet", "web-front-5d9c")] },
		{
			"k8s.workload.kind": "Deployment",
			"k8s.workload.name": "web-front",
			"k8s.deployment.name": "web-front",
			"k8s.replicaset.name": "web-front-5d9c",
		},
	],
	[
		"a ReplicaSet's without the label",
		{ ownerReferences: [owner("ReplicaSet", "web-5d9c")] },
		{ "k8s.workload.kind": "ReplicaSet", "k8s.workload.name": "web-5d9c", "k8s.replicaset.name": "web-5d9c" },
	],
	[
		"a ReplicaSet's whose name does not end so",
		{ labels: hash, ownerReferences: [owner("ReplicaSet", "web")] },
		{ "k8s.workload.kind": "ReplicaSet", "k8s.workload.name": "web", "k8s.replicaset.name": "web" },
	],
	[
		"a ReplicaSet's that is named after the hash alone",
		{ labels: hash, ownerReferences: [owner("ReplicaSet", "-5d9c")] },
		{ "k8s.workload.kind": "ReplicaSet", "k8s.workload.name": "-5d9c", "k8s.replicaset.name": "-5d9c" },
	],
	[
		"a ReplicaSet's of another group",
		{ labels: hash, ownerReferences: [owner("ReplicaSet", "web-5d9c", { apiVersion: "own.example/v1" })] },
		{ "k8s.workload.kind": "ReplicaSet", "k8s.workload.name": "web-5d9c", "k8s.replicaset.name": "web-5d9c" },
	],
	[
		"a StatefulSet's",
		{ ownerReferences: [owner("StatefulSet", "db")] },
		{ "k8s.workload.kind": "StatefulSet", "k8s.workload.name": "db", "k8s.statefulset.name": "db" },
	],
	[
		"a DaemonSet's",
		{ ownerReferences: [owner("DaemonSet", "log")] },
		{ "k8s.workload.kind": "DaemonSet", "k8s.workload.name": "log", "k8s.daemonset.name": "log" },
	],
	[
		"a Job's, which nothing says to be of a CronJob",
		{ ownerReferences: [owner("Job", "nightly-29000000", { apiVersion: "batch/v1" })] },
		{ "k8s.workload.kind": "Job", "k8s.workload.name": "nightly-29000000", "k8s.job.name": "nightly-29000000" },
	],
	[
		"of a kind of its own",
		{ labels: hash, ownerReferences: [owner("Rollout", "web", { apiVersion: "argoproj.io/v1alpha1" })] },
		{ "k8s.workload.kind": "Rollout", "k8s.workload.name": "web" },
	],
	[
		"with an owner that does not control it",
		{ ownerReferences: [owner("Job", "x", { controller: false }), owner("StatefulSet", "db")] },
		{ "k8s.workload.kind": "StatefulSet", "k8s.workload.name": "db", "k8s.statefulset.name": "db" },
	],
	[
		"a static one, which its node owns",
		{ ownerReferences: [owner("Node", "node-1", { apiVersion: "v1" })] },
		{ "k8s.workload.kind": "Pod", "k8s.workload.name": "p" },
	],
];
for (const [title, metadata, expected] of workloads)
	test(`workload of a pod: ${title}`, (t) => {
		const object = podObject(pod("p", metadata));
		t.deepEqual(podOf(object!, "node-1", () => false).attributes, {
			"k8s.pod.name": "p",
			"k8s.pod.uid": "uid-p",
			"k8s.namespace.name": "shop",
			"k8s.node.name": "node-1",
			...expected,
		});
	});

test("labels: all, none, or those that were asked for", (t) => {
	const labels = { app: "web", "app.kubernetes.io/name": "n", "app.kubernetes.io/part-of": "shop", tier: "x" };
	const of = (wanted: true | string[]) =>
		Object.keys(podOf(pod("p", { labels }), "", labelChoice(wanted)).attributes).filter((name) =>
			name.startsWith("k8s.pod.label."),
		);
	t.is(of(true).length, 4);
	t.deepEqual(of([]), []);
	t.deepEqual(of(["app"]), ["k8s.pod.label.app"]);
	t.deepEqual(of(["app.kubernetes.io/*"]), [
		"k8s.pod.label.app.kubernetes.io/name",
		"k8s.pod.label.app.kubernetes.io/part-of",
	]);
	const many = Object.fromEntries(Array.from({ length: 500 }, (_, number) => [`l${number}`, ""]));
	const bounded = podOf(pod("p", { labels: many }), "", labelChoice(true)).attributes;
	t.is(Object.keys(bounded).filter((name) => name.startsWith("k8s.pod.label.")).length, 100);
});

test("containers of all kinds by id, those that have not started left out; a static pod by both uids", (t) => {
	const id = (digit: string) => `containerd://${digit.repeat(64)}`;
	const found = podOf(
		{
			...pod("p", { annotations: { "kubernetes.io/config.mirror": "abcd" } }),
			status: {
				containerStatuses: [
					{ name: "web", containerID: id("a") },
					{ name: "later" },
					{ name: "odd", containerID: "x" },
				],
				initContainerStatuses: [{ name: "init", containerID: `cri-o://${"b".repeat(64)}` }],
				ephemeralContainerStatuses: [{ name: "debug", containerID: id("c") }],
			},
		},
		"",
		() => false,
	);
	t.deepEqual(found.containers, { ["a".repeat(64)]: "web", ["b".repeat(64)]: "init", ["c".repeat(64)]: "debug" });
	t.deepEqual(found.uids, ["uid-p", "abcd"]);
});

test("the store tells what is news and nothing else, within its bound", (t) => {
	const told: [known: number, gone: readonly string[]][] = [];
	const store = new PodStore(({ known, gone }) => void told.push([known.length, gone]));
	const make = (name: string) => podOf(pod(name), "", () => false);
	store.replace([make("a"), make("b")]);
	store.replace([make("a"), make("b")]);
	store.put(make("a"));
	store.put({ ...make("a"), containers: { c: "x" } });
	store.delete("uid-b");
	store.delete("uid-b");
	store.replace([make("c")]);
	t.deepEqual(told, [
		[2, []],
		[1, []],
		[0, ["uid-b"]],
		[1, ["uid-a"]],
	]);
	store.replace(Array.from({ length: 5000 }, (_, number) => make(`p${number}`)));
	t.is(store.size, 4096);
	t.is(store.leftOut, 904);
});

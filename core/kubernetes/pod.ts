/** A pod as workers are told of it. */
import { globMatches } from "../routing/glob.js";
import type { PodObject } from "./pod-object.js";
import type { KubernetesOptions } from "./schema.js";
import { ownersOf, workloadAttributes } from "./workload.js";

/** Plain data: it crosses into worker threads. */
export interface Pod {
	/** By which cgroup paths name it: its uid, and of a static pod the hash of its file. */
	readonly uids: readonly string[];
	/** By the names that OpenTelemetry gave. */
	readonly attributes: Readonly<Record<string, string>>;
	/** Names by the id that the runtime gave, of those that have started. */
	readonly containers: Readonly<Record<string, string>>;
}

/** Of a static pod, which the API server knows by another uid than the kubelet: what the kubelet calls it. */
const STATIC_UID = "kubernetes.io/config.mirror";
/** A pod can have labels without end. */
const MOST_LABELS = 100;
const MOST_CONTAINERS = 250;

/** True: records have the label of this name. */
export type LabelChoice = (name: string) => boolean;

export function labelChoice(labels: KubernetesOptions["labels"]): LabelChoice {
	if (labels === true) return () => true;
	return (name) => labels.some((pattern) => globMatches(pattern, name));
}

/** `node`: where it runs, unless it says so itself. */
export function podOf(object: PodObject, node: string, isWanted: LabelChoice): Pod {
	const { metadata, spec } = object;
	const attributes: Record<string, string> = {
		"k8s.pod.name": metadata.name,
		"k8s.pod.uid": metadata.uid,
		"k8s.namespace.name": metadata.namespace,
		"k8s.node.name": spec?.nodeName ?? node,
		...workloadAttributes(ownersOf(object)),
	};
	const labels = Object.entries(metadata.labels ?? {}).filter(([name]) => isWanted(name));
	for (const [name, value] of labels.slice(0, MOST_LABELS)) attributes[`k8s.pod.label.${name}`] = value;
	const mirrored = metadata.annotations?.[STATIC_UID];
	return {
		uids: mirrored === undefined || mirrored === metadata.uid ? [metadata.uid] : [metadata.uid, mirrored],
		attributes,
		containers: containersOf(object),
	};
}

/** Ids are `containerd://<64 hexadecimal digits>`. */
function containersOf({ status = {} }: PodObject): Readonly<Record<string, string>> {
	const all = [
		...(status.containerStatuses ?? []),
		...(status.initContainerStatuses ?? []),
		...(status.ephemeralContainerStatuses ?? []),
	];
	const named = all.flatMap(({ name, containerID = "" }): [string, string][] => {
		const id = /^[a-z0-9.-]+:\/\/([0-9a-f]+)$/.exec(containerID)?.[1];
		return id === undefined ? [] : [[id, name]];
	});
	return Object.fromEntries(named.slice(0, MOST_CONTAINERS));
}

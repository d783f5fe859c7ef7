/** What a pod was made for. */
import type { PodObject } from "./pod-object.js";

export interface Workload {
	readonly kind: string;
	readonly name: string;
}

const HASH_LABEL = "pod-template-hash";

/** Kinds that OpenTelemetry has an attribute for. */
const ATTRIBUTES: ReadonlyMap<string, string> = new Map([
	["Deployment", "k8s.deployment.name"],
	["ReplicaSet", "k8s.replicaset.name"],
	["StatefulSet", "k8s.statefulset.name"],
	["DaemonSet", "k8s.daemonset.name"],
	["Job", "k8s.job.name"],
	["CronJob", "k8s.cronjob.name"],
]);

/**
 * The controlling owner, and who owns that where the pod itself tells: the ReplicaSet of a Deployment is named after it and
 * the hash of its template, which is a label of the pod. A Job's name does not tell of a CronJob for certain, so nothing is
 * made of it. From the pod outwards; at least the pod itself, which is the last one where nothing owns it.
 */
export function ownersOf({ metadata }: PodObject): readonly Workload[] {
	const { name, labels = {}, ownerReferences = [] } = metadata;
	const owner = ownerReferences.find(({ controller }) => controller === true);
	// a static pod is owned by its node, which is no workload
	if (owner === undefined || owner.kind === "Node") return [{ kind: "Pod", name }];
	const direct = { kind: owner.kind, name: owner.name };
	const hash = labels[HASH_LABEL];
	const isOfDeployment = owner.kind === "ReplicaSet" && isAppsGroup(owner.apiVersion);
	if (!isOfDeployment || hash === undefined || hash === "") return [direct];
	const suffix = `-${hash}`;
	if (!owner.name.endsWith(suffix) || owner.name.length === suffix.length) return [direct];
	return [direct, { kind: "Deployment", name: owner.name.slice(0, -suffix.length) }];
}

export function workloadAttributes(owners: readonly Workload[]): Record<string, string> {
	const found: Record<string, string> = {};
	const last = owners.at(-1);
	if (last !== undefined) {
		found["k8s.workload.kind"] = last.kind;
		found["k8s.workload.name"] = last.name;
	}
	for (const { kind, name } of owners) {
		const attribute = ATTRIBUTES.get(kind);
		if (attribute !== undefined) found[attribute] = name;
	}
	return found;
}

/** Others have ReplicaSets of their own. */
function isAppsGroup(apiVersion: string | undefined): boolean {
	return apiVersion === undefined || apiVersion.startsWith("apps/");
}

/** Pods as servers write them: the fields that are looked at, and nothing believed before it was. */
import { z } from "zod";

const texts = z.record(z.string(), z.string());
const containerStatuses = z.array(z.object({ name: z.string(), containerID: z.string().optional() })).optional();

const podSchema = z.object({
	metadata: z.object({
		uid: z.string().min(1),
		name: z.string().min(1),
		namespace: z.string().min(1),
		resourceVersion: z.string().optional(),
		labels: texts.optional(),
		annotations: texts.optional(),
		ownerReferences: z
			.array(
				z.object({
					apiVersion: z.string().optional(),
					kind: z.string(),
					name: z.string(),
					controller: z.boolean().optional(),
				}),
			)
			.optional(),
	}),
	spec: z.object({ nodeName: z.string().optional() }).optional(),
	status: z
		.object({
			containerStatuses,
			initContainerStatuses: containerStatuses,
			ephemeralContainerStatuses: containerStatuses,
		})
		.optional(),
});

export type PodObject = z.output<typeof podSchema>;

/** Null: it is none. */
export function podObject(value: unknown): PodObject | null {
	const parsed = podSchema.safeParse(value);
	return parsed.success ? parsed.data : null;
}

const listSchema = z.object({
	metadata: z.object({ resourceVersion: z.string().optional(), continue: z.string().optional() }).optional(),
	// the API writes null for an empty list in places
	items: z.array(z.unknown()).nullable(),
});

export interface PodList {
	/** What is no pod is left out. */
	readonly pods: readonly PodObject[];
	readonly resourceVersion: string;
	/** Token for the rest of the list; empty: this was all. */
	readonly more: string;
}

/** Null: it is none. */
export function podList(value: unknown): PodList | null {
	const parsed = listSchema.safeParse(value);
	if (!parsed.success) return null;
	const { metadata, items } = parsed.data;
	return {
		pods: (items ?? []).flatMap((item) => podObject(item) ?? []),
		resourceVersion: metadata?.resourceVersion ?? "",
		more: metadata?.continue ?? "",
	};
}

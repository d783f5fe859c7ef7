/** What Kubernetes lays into the containers of a pod that has a service account. */
import { readFile } from "node:fs/promises";

const FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
export const SERVICE_ACCOUNT = { token: `${FOLDER}/token`, ca: `${FOLDER}/ca.crt` } as const;

/** Null: it cannot be read. */
export async function readable(path: string): Promise<string | null> {
	try {
		return await readFile(path, "utf8");
	} catch {
		return null;
	}
}

import { posix } from "node:path";
import type { ConfigFiles } from "../../../core/index.js";

/** Files that are nowhere but here; the config lies in `/etc`. */
export function filesIn(files: Readonly<Record<string, string | Uint8Array>>): ConfigFiles {
	return {
		resolve: (path, folder = "/etc") => posix.resolve(folder, path),
		read: async (path) => {
			const found = files[path];
			if (found === undefined) throw new Error("there is no such file");
			return typeof found === "string" ? Buffer.from(found) : found;
		},
	};
}

import { inspect } from "./tls/inspection.js";
import { mappedFiles, pathInOwnRoot } from "./tls/mapped-files.js";

/** What a process has loaded that encrypts, and could be probed. */
export interface ProcessTls {
	readonly libraries: readonly { readonly path: string; readonly library: string }[];
	/** Where there is none: why, in one sentence. Otherwise null. */
	readonly whyNot: string | null;
}

/** Looks into every file whose code the process has mapped. */
export function tlsOfProcess(pid: number): ProcessTls {
	const files = mappedFiles(pid, () => true);
	if (files.length === 0)
		return {
			libraries: [],
			whyNot: "what it has loaded cannot be seen: that takes root, or CAP_SYS_PTRACE",
		};
	const libraries = files.flatMap(({ path }) => {
		const found = inspect(path);
		return found === null ? [] : [{ path: pathInOwnRoot(path), library: found.library }];
	});
	if (libraries.length > 0) return { libraries, whyNot: null };
	return {
		libraries,
		whyNot: `none of the ${files.length} files that it runs has SSL_write, gnutls_record_send or Go's crypto/tls`,
	};
}

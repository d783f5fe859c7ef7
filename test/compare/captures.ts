import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** A capture itself, or all captures in a folder. */
export async function capturesIn(path: string): Promise<string[]> {
	if (!(await stat(path)).isDirectory()) return [path];
	const entries = await readdir(path, { recursive: true, withFileTypes: true });
	const files = entries.filter((entry) => entry.isFile() && /\.(pcap|pcapng|cap)(\.gz)?$/.test(entry.name));
	return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}

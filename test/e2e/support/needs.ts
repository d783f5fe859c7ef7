import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "./polytap.js";

/** Where Debian's servers live is not on every user's path. */
const FOLDERS = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
const BPF_OBJECTS = join(REPOSITORY, "dist/bpf");

/** Why a test cannot run here, in one line, or null. `bpf`: root, kernel type information, and the compiled objects. */
export function missing(...needs: readonly (string | "bpf")[]): string | null {
	for (const need of needs) {
		if (need !== "bpf") {
			if (!FOLDERS.some((folder) => isExecutable(join(folder, need)))) return `${need} is not installed`;
			continue;
		}
		if (process.getuid?.() !== 0) return "live capture needs root";
		if (!existsSync("/sys/kernel/btf/vmlinux")) return "this kernel has no type information (BTF)";
		if (!existsSync(BPF_OBJECTS)) return "the BPF objects are not built (npm run build)";
	}
	return null;
}

function isExecutable(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

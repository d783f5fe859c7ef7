import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();

// a signal ends the process before scopes are closed
process.once("exit", () => {
	for (const path of folders) {
		try {
			rmSync(path, { recursive: true, force: true, maxRetries: 3 });
		} catch {
			// programs that are just being killed may still write into it
		}
	}
});

/** What was started or made, to be undone in reverse order whatever happened. */
export class Scope {
	private readonly undo: (() => unknown)[] = [];

	defer(action: () => unknown): void {
		this.undo.push(action);
	}

	/** A folder of its own, removed at the end. */
	async folder(parent: string = tmpdir()): Promise<string> {
		const path = await mkdtemp(join(parent, "polytap-"));
		folders.add(path);
		this.defer(async () => {
			await rm(path, { recursive: true, force: true, maxRetries: 10 });
			folders.delete(path);
		});
		return path;
	}

	/** Undoes everything, and reports the first failure only then. Idempotent. */
	async close(): Promise<void> {
		const failures: unknown[] = [];
		for (let action = this.undo.pop(); action !== undefined; action = this.undo.pop()) {
			try {
				await action();
			} catch (error) {
				failures.push(error);
			}
		}
		if (failures.length > 0) throw failures[0];
	}
}

export async function withScope<T>(use: (scope: Scope) => Promise<T>): Promise<T> {
	const scope = new Scope();
	try {
		return await use(scope);
	} finally {
		await scope.close();
	}
}

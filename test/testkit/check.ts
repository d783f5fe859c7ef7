/** One thing that the kit looks at: a test of its own, or one of many in a `check…` call. */
export interface Check {
	readonly name: string;
	/** Rejects with a `ContractBreach`. */
	run(): Promise<void>;
}

/** Runs them one after the other; the first breach ends it. */
export async function runAll(checks: readonly Check[]): Promise<void> {
	for (const check of checks) await check.run();
}

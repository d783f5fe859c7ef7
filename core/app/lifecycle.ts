/** Explicit start and stop order: what was started last is stopped first. */

export interface Step {
	readonly name: string;
	start(): Promise<void>;
	/** Only called where `start` resolved. */
	stop(): Promise<void>;
}

export class Lifecycle {
	private readonly running: Step[] = [];
	private readonly stopMs: number;

	/** `stopMs`: how long one step may take to stop before the next one is. */
	constructor(stopMs: number) {
		this.stopMs = stopMs;
	}

	/** Rejects with what `start` rejected with; the steps before stay started. */
	async start(step: Step): Promise<void> {
		await step.start();
		this.running.push(step);
	}

	/** Stops all, whatever single ones say; returns what went wrong. Idempotent. */
	async stop(): Promise<readonly { readonly name: string; readonly error: unknown }[]> {
		const problems: { name: string; error: unknown }[] = [];
		for (let step = this.running.pop(); step !== undefined; step = this.running.pop()) {
			try {
				await within(this.stopMs, step.stop());
			} catch (error) {
				problems.push({ name: step.name, error });
			}
		}
		return problems;
	}
}

/** Rejects where `work` takes longer. The work itself goes on. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		timer = setTimeout(() => reject(new Error(`not done within ${ms} ms`)), ms);
	});
	try {
		return await Promise.race([work, late]);
	} finally {
		clearTimeout(timer);
	}
}

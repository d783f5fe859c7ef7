/** What the contract calls soon, and what a busy machine may add to it. */
export const SOON_MS = 1000;
const SLACK_MS = 500;

export type Settled<T> =
	| { readonly how: "resolved"; readonly value: T }
	| { readonly how: "rejected"; readonly error: unknown }
	| { readonly how: "hangs" };

/** How a promise settles within `ms` and some slack; a function that throws counts as rejected. */
export async function inTime<T>(act: () => Promise<T>, ms = SOON_MS): Promise<Settled<T>> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<Settled<T>>((resolve) => {
		timer = setTimeout(() => resolve({ how: "hangs" }), ms + SLACK_MS);
	});
	const settled = Promise.resolve()
		.then(act)
		.then(
			(value): Settled<T> => ({ how: "resolved", value }),
			(error: unknown): Settled<T> => ({ how: "rejected", error }),
		);
	const first = await Promise.race([settled, late]);
	clearTimeout(timer);
	return first;
}

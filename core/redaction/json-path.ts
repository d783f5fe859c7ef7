/**
 * The subset of JSONPath (RFC 9535) that rules may use: `$`, `.name`, `['name']`, `["name"]`, `[7]`, `.*`, `[*]`, and `..`
 * before any of them. No filters, slices, unions and negative indexes: whether a value is meant must be known while it is
 * being read.
 */

interface Step {
	/** Null: any member or element. */
	readonly key: string | number | null;
	/** At any depth below. */
	readonly deep: boolean;
}

export type JsonPath = readonly Step[];

const STEP = /(\.\.|\.)?(?:(\*)|([^.[\]*'"\s]+)|\[(?:(\*)|(\d{1,9})|'([^'\\]*)'|"([^"\\]*)")\])/y;

/** What is wrong with a path, or null. */
export function jsonPathProblem(text: string): string | null {
	return parse(text) === null
		? "not a JSON path that polytap knows ($.name, $['name'], $[0], $[*], $.*, $..name)"
		: null;
}

export function parseJsonPath(text: string): JsonPath {
	const path = parse(text);
	if (path === null) throw new RangeError(`not a JSON path: ${text}`);
	return path;
}

function parse(text: string): JsonPath | null {
	if (text[0] !== "$") return null;
	const path: Step[] = [];
	STEP.lastIndex = 1;
	while (STEP.lastIndex < text.length) {
		const found = STEP.exec(text);
		if (found === null) return null;
		const [, dots, star, name, bracketStar, index, single, double] = found;
		const isBracket = star === undefined && name === undefined;
		// `$name` and `$.[0]` are no paths
		if (isBracket ? dots === "." : dots === undefined) return null;
		const isAny = star !== undefined || bracketStar !== undefined;
		const key = isAny ? null : index !== undefined ? Number(index) : (name ?? single ?? double ?? "");
		path.push({ key, deep: dots === ".." });
	}
	return path;
}

/** Where in which paths a value stands: numbers that only `JsonPaths` understands. */
export type Standing = readonly number[];

const NOWHERE: Standing = [];

/** Several paths followed at once while a value is read. */
export class JsonPaths {
	readonly count: number;
	/** Of a whole document or item. */
	readonly root: Standing;
	/** All steps one after the other; null ends a path. */
	readonly #steps: readonly (Step | null)[];

	constructor(paths: readonly JsonPath[]) {
		this.count = paths.length;
		const steps: (Step | null)[] = [];
		const root: number[] = [];
		for (const path of paths) {
			root.push(steps.length);
			steps.push(...path, null);
		}
		this.#steps = steps;
		this.root = root;
	}

	/** True where some path ends here: the value is a secret. */
	isEnd(standing: Standing): boolean {
		for (const at of standing) if (this.#steps[at] === null) return true;
		return false;
	}

	/** Of the member or element `key` of a value that stands at `standing`. */
	below(standing: Standing, key: string | number): Standing {
		let next: number[] | null = null;
		for (const at of standing) {
			const step = this.#steps[at];
			if (step == null) continue;
			const isHit = step.key === null || step.key === key;
			if (!isHit && !step.deep) continue;
			next ??= [];
			if (isHit && !next.includes(at + 1)) next.push(at + 1);
			if (step.deep && !next.includes(at)) next.push(at);
		}
		return next ?? NOWHERE;
	}
}

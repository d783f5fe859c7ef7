/** Looks at what came out of a plugin that somebody else wrote. */

export function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null;
}

/** The first of `names` that is no function of it; null where all are. */
export function missingFunction(value: unknown, names: readonly string[]): string | null {
	if (!isObject(value)) return names[0] ?? null;
	return names.find((name) => typeof value[name] !== "function") ?? null;
}

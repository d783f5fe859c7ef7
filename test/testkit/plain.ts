/** What keeps a value from being plain data that JSON can say; null: nothing. */
export function plainProblem(value: unknown, depth = 0): string | null {
	if (depth > 200) return "a value that is nested without end";
	switch (typeof value) {
		case "string":
		case "boolean":
			return null;
		case "number":
			return Number.isFinite(value) ? null : `the number ${value}`;
		case "object":
			break;
		default:
			return `a ${typeof value}`;
	}
	if (value === null) return null;
	if (Array.isArray(value)) return firstProblem(value, depth);
	const prototype: unknown = Object.getPrototypeOf(value);
	if (prototype !== Object.prototype && prototype !== null) return `an object of class ${value.constructor.name}`;
	return firstProblem(Object.values(value), depth);
}

function firstProblem(values: readonly unknown[], depth: number): string | null {
	for (const value of values) {
		const problem = plainProblem(value, depth + 1);
		if (problem !== null) return problem;
	}
	return null;
}

/** What is wrong with attributes; null: nothing. */
export function attributesProblem(attributes: unknown): string | null {
	if (typeof attributes !== "object" || attributes === null || Array.isArray(attributes)) return "no object";
	for (const [name, value] of Object.entries(attributes)) {
		const isList = Array.isArray(value) && value.every((one) => typeof one === "string");
		const isPlain = typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
		if (!isList && !isPlain) return `"${name}" is ${plainProblem(value) ?? "an object"}`;
	}
	return null;
}

/** What is wrong with a list of headers; null: nothing. */
export function headersProblem(headers: unknown): string | null {
	if (!Array.isArray(headers)) return "no list";
	const bad = headers.find(
		(pair) => !Array.isArray(pair) || pair.length !== 2 || pair.some((text) => typeof text !== "string"),
	);
	return bad === undefined ? null : `${JSON.stringify(bad)} is no pair of texts`;
}

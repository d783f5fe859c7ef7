/** Status codes of gRPC, by number. */
const NAMES = [
	"OK",
	"CANCELLED",
	"UNKNOWN",
	"INVALID_ARGUMENT",
	"DEADLINE_EXCEEDED",
	"NOT_FOUND",
	"ALREADY_EXISTS",
	"PERMISSION_DENIED",
	"RESOURCE_EXHAUSTED",
	"FAILED_PRECONDITION",
	"ABORTED",
	"OUT_OF_RANGE",
	"UNIMPLEMENTED",
	"INTERNAL",
	"UNAVAILABLE",
	"DATA_LOSS",
	"UNAUTHENTICATED",
];

export function statusName(code: number): string {
	return NAMES[code] ?? String(code);
}

const UNITS: Readonly<Record<string, number>> = { H: 3.6e9, M: 6e7, S: 1e6, m: 1e3, u: 1, n: 1e-3 };

/** `grpc-timeout`, at most eight digits and a unit, in microseconds; null: it is none. */
export function timeoutUs(value: string): number | null {
	const match = /^(\d{1,8})([HMSmun])$/.exec(value);
	return match === null ? null : Math.round(Number(match[1]) * UNITS[match[2]!]!);
}

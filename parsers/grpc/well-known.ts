/** The types of `google.protobuf` that have a JSON form of their own. */
import type { StructuredValue } from "../../core/index.js";

type Values = Readonly<Record<string, StructuredValue>>;
type Convert = (values: Values) => StructuredValue | undefined;

/** The years 1 to 9999. */
const MIN_SECONDS = -62_135_596_800;
const MAX_SECONDS = 253_402_300_799;
const MAX_DURATION_SECONDS = 315_576_000_000;

const CONVERSIONS: ReadonlyMap<string, Convert> = new Map<string, Convert>([
	["Any", (values) => values],
	["Timestamp", timestamp],
	["Duration", duration],
	["FieldMask", fieldMask],
	["Struct", ({ fields = {} }) => fields],
	["ListValue", ({ values = [] }) => values],
	["Value", plainValue],
	["DoubleValue", ({ value = 0 }) => value],
	["FloatValue", ({ value = 0 }) => value],
	["Int64Value", ({ value = "0" }) => value],
	["UInt64Value", ({ value = "0" }) => value],
	["Int32Value", ({ value = 0 }) => value],
	["UInt32Value", ({ value = 0 }) => value],
	["BoolValue", ({ value = false }) => value],
	["StringValue", ({ value = "" }) => value],
	["BytesValue", ({ value = "" }) => value],
]);
const PACKAGE = "google.protobuf.";

export function isWellKnown(name: string): boolean {
	return name.startsWith(PACKAGE) && CONVERSIONS.has(name.slice(PACKAGE.length));
}

/** Undefined: it has none, or its fields say something that the form cannot. */
export function asWellKnown(name: string, values: Values): StructuredValue | undefined {
	// fields that nobody knows have no place in it
	if ("$unknown" in values) return undefined;
	return CONVERSIONS.get(name.slice(PACKAGE.length))?.(values);
}

function timestamp({ seconds = "0", nanos = 0 }: Values): string | undefined {
	const at = Number(seconds);
	if (at < MIN_SECONDS || at > MAX_SECONDS || !isNanos(nanos) || nanos < 0) return undefined;
	return `${new Date(at * 1000).toISOString().slice(0, -5)}${fraction(nanos)}Z`;
}

function duration({ seconds = "0", nanos = 0 }: Values): string | undefined {
	const whole = Number(seconds);
	if (Math.abs(whole) > MAX_DURATION_SECONDS || !isNanos(nanos) || whole * nanos < 0) return undefined;
	const sign = whole < 0 || nanos < 0 ? "-" : "";
	return `${sign}${Math.abs(whole)}${fraction(Math.abs(nanos))}s`;
}

function isNanos(value: StructuredValue): value is number {
	return typeof value === "number" && Math.abs(value) < 1_000_000_000;
}

/** With three, six or nine digits, or none. */
function fraction(nanos: number): string {
	if (nanos === 0) return "";
	const digits = String(nanos).padStart(9, "0");
	return `.${digits.replace(/(?:000){1,2}$/, "")}`;
}

function fieldMask({ paths = [] }: Values): StructuredValue | undefined {
	if (!Array.isArray(paths) || paths.some((path) => typeof path !== "string")) return undefined;
	return paths.map((path) => String(path).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())).join(",");
}

function plainValue(values: Values): StructuredValue | undefined {
	const [name, ...others] = Object.keys(values);
	if (name === undefined || others.length > 0) return undefined;
	return name === "nullValue" ? null : values[name];
}

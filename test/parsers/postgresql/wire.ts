/** Messages of PostgreSQL's protocol 3.0, for tests. */
export function message(type: string, ...parts: readonly (string | number | Buffer)[]): Buffer {
	const payload = Buffer.concat(
		parts.map((part) => {
			if (typeof part === "string") return Buffer.from(`${part}\0`, "latin1");
			if (typeof part !== "number") return part;
			const number = Buffer.alloc(2);
			number.writeInt16BE(part);
			return number;
		}),
	);
	const length = Buffer.alloc(4);
	length.writeInt32BE(payload.length + 4);
	return Buffer.concat([Buffer.from(type, "latin1"), length, payload]);
}

export const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
export const STARTUP = message("", Buffer.from([0, 3, 0, 0]), "user", "alice", "database", "shop", Buffer.from([0]));
export const READY = message("Z", Buffer.from("I"));
export const AUTHENTICATED = message("R", Buffer.from([0, 0, 0, 0]));
export const ASK_PASSWORD = message("R", Buffer.from([0, 0, 0, 3]));
export const SYNC = message("S");
export const EXECUTE = message("E", "", Buffer.alloc(4));
export const parse = (query: string): Buffer => message("P", "", query, 0);
export const bind = (): Buffer => message("B", "", "", 0, 0, 0);
export const done = (tag: string): Buffer => message("C", tag);

export const int32 = (value: number): Buffer => {
	const bytes = Buffer.alloc(4);
	bytes.writeInt32BE(value);
	return bytes;
};
const fields = (values: readonly (string | Buffer | null)[]): Buffer[] =>
	values.map((value) => {
		if (value === null) return int32(-1);
		const bytes = Buffer.from(value as string);
		return Buffer.concat([int32(bytes.length), bytes]);
	});

export const row = (...values: readonly (string | Buffer | null)[]): Buffer =>
	message("D", values.length, ...fields(values));

/** Columns as `name:oid` or `name:oid:format`. */
export const columns = (...names: readonly string[]): Buffer =>
	message(
		"T",
		names.length,
		...names.map((each) => {
			const [name = "", oid = "25", format = "0"] = each.split(":");
			return message("x", name, int32(0), 0, int32(Number(oid)), -1, int32(-1), Number(format)).subarray(5);
		}),
	);

export interface Binding {
	readonly portal?: string;
	readonly statement?: string;
	readonly formats?: readonly number[];
	readonly values?: readonly (string | Buffer | null)[];
	readonly results?: readonly number[];
}

export const bindWith = ({ portal = "", statement = "", formats = [], values = [], results = [] }: Binding): Buffer =>
	message(
		"B",
		portal,
		statement,
		formats.length,
		...formats,
		values.length,
		...fields(values),
		results.length,
		...results,
	);

export const query = (sql: string): Buffer => message("Q", sql);
export const parseNamed = (name: string, sql: string, ...types: readonly number[]): Buffer =>
	message("P", name, sql, types.length, ...types.map(int32));
export const describe = (which: "S" | "P", name = ""): Buffer => message("D", Buffer.from(which), name);
export const execute = (portal = "", rows = 0): Buffer => message("E", portal, int32(rows));
export const FLUSH = message("H");
export const PARSED = message("1");
export const BOUND = message("2");
export const CLOSED = message("3");
export const NO_DATA = message("n");
export const SUSPENDED = message("s");
export const EMPTY = message("I");
export const parameterTypes = (...types: readonly number[]): Buffer => message("t", types.length, ...types.map(int32));
const complaint = (type: string, severity: string, code: string, text: string): Buffer =>
	message(type, Buffer.from(`S${severity}\0V${severity}\0C${code}\0M${text}\0\0`));
export const error = (code: string, text = "no"): Buffer => complaint("E", "ERROR", code, text);
export const notice = (text: string): Buffer => complaint("N", "NOTICE", "00000", text);
export const notification = (channel: string, payload: string): Buffer => message("A", int32(7), channel, payload);
export const status = (name: string, value: string): Buffer => message("S", name, value);

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
export const STARTUP = message("", Buffer.from([0, 3, 0, 0]), "user", "alice", "");
export const READY = message("Z", Buffer.from("I"));
export const AUTHENTICATED = message("R", Buffer.from([0, 0, 0, 0]));
export const ASK_PASSWORD = message("R", Buffer.from([0, 0, 0, 3]));
export const SYNC = message("S");
export const EXECUTE = message("E", "", Buffer.alloc(4));
export const parse = (query: string): Buffer => message("P", "", query, 0);
export const bind = (): Buffer => message("B", "", "", 0, 0, 0);
export const done = (tag: string): Buffer => message("C", tag);

export function row(...values: readonly string[]): Buffer {
	const fields = values.map((value) => {
		const length = Buffer.alloc(4);
		length.writeInt32BE(value.length);
		return Buffer.concat([length, Buffer.from(value, "latin1")]);
	});
	return message("D", values.length, ...fields);
}

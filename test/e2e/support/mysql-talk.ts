/** What mysql2 says to a server, and what polytap told of it, in words that can be compared. */
import { Readable } from "node:stream";
import type { Connection } from "mysql2/promise";
import type { Exchange } from "../../../core/index.js";
import { callsReturned } from "./usage.js";

export interface Said {
	readonly command: string;
	readonly text: string;
	readonly outcome: string;
	/** Null: not compared. */
	readonly rows: unknown;
	readonly parameters: unknown;
}

/** What mysql2 does, and what it was answered. */
export async function talk(connection: Connection, said: Said[]): Promise<void> {
	const plain = (rows: unknown): unknown => (Array.isArray(rows) ? rows.map((row: object) => ({ ...row })) : null);
	const query = async (text: string): Promise<void> => {
		const [rows] = await connection.query(text);
		said.push({ command: "QUERY", text, outcome: "ok", rows: plain(rows), parameters: "" });
	};
	const execute = async (text: string, parameters: readonly (string | number | null)[]): Promise<void> => {
		const [rows] = await connection.execute(text, [...parameters]);
		said.push({ command: "STMT_EXECUTE", text, outcome: "ok", rows: plain(rows), parameters: [parameters] });
	};
	await query("DROP TABLE IF EXISTS t");
	await query("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(60), d DECIMAL(10,2), at DATETIME(3))");
	for (let i = 0; i < 20; i++)
		await execute("INSERT INTO t (name, d, at) VALUES (?, ?, ?)", [
			`näme ${i}`,
			`${i}.50`,
			i % 3 === 0 ? null : "2026-01-02 03:04:05.678",
		]);
	await query("SELECT * FROM t ORDER BY id");
	for (let i = 0; i < 20; i++) await execute("SELECT id, name, d FROM t WHERE name = ?", [`näme ${i}`]);
	const wrong = "SELECT nothing FROM nowhere";
	await connection
		.query(wrong)
		.catch(() => said.push({ command: "QUERY", text: wrong, outcome: "error 1146 42S02", rows: null, parameters: "" }));
	const upload = "LOAD DATA LOCAL INFILE 'f' INTO TABLE t (name)";
	await connection.query({
		sql: upload,
		infileStreamFactory: () => Readable.from([Buffer.from("aa\nbb\n"), Buffer.from("cc\n")]),
	});
	said.push({ command: "QUERY", text: upload, outcome: "ok", rows: null, parameters: "aa\nbb\ncc\n" });
	await query("SELECT COUNT(*) AS n FROM t");
	await connection.ping();
	said.push({ command: "PING", text: "", outcome: "ok", rows: null, parameters: "" });
	// another connection is another thread of the server: what it says may be captured before the end of this one
	await callsReturned();
}

export function sayOf({ request, response, outcome }: Exchange): Said {
	const attributes = request?.attributes ?? {};
	const failed = response?.attributes["error.type"];
	return {
		command: String(attributes["mysql.command"]),
		text: String(attributes["db.query.text"] ?? ""),
		outcome: failed === undefined ? outcome : `${outcome} ${failed} ${response?.attributes["mysql.sqlstate"]}`,
		rows: response?.body.encoding === "json" ? response.body.data : null,
		parameters: request?.body.data ?? null,
	};
}

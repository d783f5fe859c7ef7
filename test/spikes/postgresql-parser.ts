/** Enough of PostgreSQL to prove the interface: SSLRequest, secrets, pipelines, results as rows, notifications, errors. */
import {
	type Direction,
	MessageHead,
	type MessageWriter,
	type ParserOutput,
	type ParserPlugin,
	type PartWriter,
	type ProtocolParser,
	WAIT,
} from "../../core/index.js";

const SSL_CODE = 80877103;
const PROTOCOL_3 = 196608;

class PostgreSqlParser implements ProtocolParser {
	#isStarted = false;
	/** What the client asked first: nothing yet, encryption (whose answer decides what comes next), or something else. */
	#asked: "nothing" | "encryption" | "plain" = "nothing";
	#query = "";
	/** Requests that were not answered yet, each with the number of the Sync that ends its pipeline. */
	readonly #pipeline: number[] = [];
	#syncs = 0;
	#answeredSyncs = 0;
	#result: MessageWriter | null = null;
	#part: PartWriter | null = null;

	data(dir: Direction, bytes: Uint8Array, out: ParserOutput): number | typeof WAIT {
		const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
		return dir === 0 ? this.#client(view, out) : this.#server(view, out);
	}

	gap(): boolean {
		return false;
	}

	resync(_dir: Direction, bytes: Uint8Array): { skip: number } | { need: number } {
		return { need: Math.min(4, bytes.length) };
	}

	end(): void {}

	#client(view: Buffer, out: ParserOutput): number | typeof WAIT {
		if (this.#asked === "encryption") {
			// a ClientHello or a StartupMessage: only the server's byte tells
			if (!out.mustProceed) return WAIT;
			if (view[0] === 0x16) {
				out.handover("tls");
				return 0;
			}
			this.#asked = "plain";
		}
		let at = 0;
		while (at < view.length) {
			const head = this.#isStarted ? 5 : 4;
			if (view.length - at < head) return at;
			const end = at + head - 4 + view.readInt32BE(at + head - 4);
			if (view.length < end) return at;
			if (this.#isStarted) this.#request(String.fromCharCode(view[at]!), view, at, end, out);
			else {
				const code = view.readInt32BE(at + 4);
				if (code === SSL_CODE) {
					this.#asked = "encryption";
					return end;
				}
				if (code !== PROTOCOL_3) {
					out.opaque("bad-startup");
					return at;
				}
				this.#asked = "plain";
				this.#isStarted = true;
				out.note("db.user", text(view, text(view, at + 8).length + at + 9));
			}
			at = end;
		}
		return at;
	}

	#request(type: string, view: Buffer, at: number, end: number, out: ParserOutput): void {
		if (type === "p") {
			const writer = out.begin(at, undefined, "message");
			writer.head(new MessageHead("authentication", {}, []));
			writer.secret(end - at - 5);
			writer.finish(end, "ok");
		} else if (type === "P") this.#query = text(view, at + 6 + text(view, at + 5).length);
		else if (type === "S") this.#syncs++;
		else if (type === "X") out.count("postgresql.terminations");
		else if (type === "E" || type === "Q") {
			const query = type === "Q" ? text(view, at + 5) : this.#query;
			const writer = out.begin(at);
			writer.head(new MessageHead(query, { "db.query.text": query }, []));
			writer.finish(end, "ok");
			this.#pipeline.push(type === "Q" ? this.#syncs++ : this.#syncs);
		}
	}

	#server(view: Buffer, out: ParserOutput): number | typeof WAIT {
		if (this.#asked === "nothing" && !out.mustProceed) return WAIT;
		if (this.#asked === "encryption") {
			this.#asked = "plain";
			if (view[0] === 0x53) out.handover("tls");
			return 1;
		}
		let at = 0;
		while (view.length - at >= 5) {
			const end = at + 1 + view.readInt32BE(at + 1);
			if (view.length < end) return at;
			const type = String.fromCharCode(view[at]!);
			const isResult = "TDCIsE".includes(type) && this.#isStarted;
			if (isResult && this.#result === null && out.pending(at) === null && !out.mustProceed)
				return at === 0 ? WAIT : at;
			this.#answer(type, view, at, end, out);
			at = end;
		}
		return at;
	}

	#answer(type: string, view: Buffer, at: number, end: number, out: ParserOutput): void {
		if (type === "A") {
			const writer = out.begin(at, undefined, "message");
			writer.head(new MessageHead("notification", { "messaging.destination.name": text(view, at + 9) }, []));
			writer.finish(end, "ok");
		} else if (type === "Z") this.#ready(end, out);
		else if ("TDCE".includes(type)) {
			const result = (this.#result ??= out.begin(at));
			if (type === "T") this.#part = result.message(at, {});
			else if (type === "D") (this.#part ??= result.message(at, {})).item(valuesOf(view, at + 5), end - at);
			else {
				const tag = type === "E" ? "error" : text(view, at + 5);
				(this.#part ??= result.message(at, {})).attributes({ "postgresql.command_tag": tag });
				this.#part = null;
				result.head(new MessageHead(tag, {}, []));
				// of a simple query more results may follow until the server is ready
				if (type === "E" || this.#pipeline[0] === undefined || this.#pipeline[0] >= this.#syncs || this.#isExtended())
					this.#finish(end, type === "E" ? "error" : "ok");
				if (type === "E") this.#skipPipeline(out);
			}
		}
	}

	/** Two requests of one pipeline can only be extended ones; a simple query is its own pipeline. */
	#isExtended(): boolean {
		return this.#pipeline[1] === this.#pipeline[0];
	}

	#finish(index: number, outcome: "ok" | "error"): void {
		this.#result?.finish(index, outcome);
		this.#result = null;
		this.#pipeline.shift();
	}

	/** After an error the server ignores everything up to the next Sync. */
	#skipPipeline(out: ParserOutput): void {
		while (this.#pipeline[0] === this.#answeredSyncs) {
			this.#pipeline.shift();
			out.settle("aborted");
		}
	}

	#ready(index: number, out: ParserOutput): void {
		out.count("postgresql.syncs");
		if (this.#result !== null) this.#finish(index, "ok");
		if (this.#syncs > this.#answeredSyncs) this.#answeredSyncs++;
	}
}

function text(view: Buffer, from: number): string {
	return view.toString("utf8", from, view.indexOf(0, from));
}

function valuesOf(view: Buffer, from: number): string[] {
	let at = from + 2;
	return Array.from({ length: view.readInt16BE(from) }, () => {
		const length = view.readInt32BE(at);
		at += 4 + length;
		return view.toString("utf8", at - length, at);
	});
}

export const postgresql: ParserPlugin = {
	api: 0,
	kind: "parser",
	protocol: "postgresql",
	summary: "PostgreSQL, as far as tests need it",
	readsOnly: true,
	detect: (client) => {
		if (client.length < 8) return "more";
		const code = Buffer.from(client).readInt32BE(4);
		return code === SSL_CODE || code === PROTOCOL_3 ? "yes" : "no";
	},
	create: () => new PostgreSqlParser(),
};

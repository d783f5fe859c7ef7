import type { Body, Exchange } from "../../../core/index.js";
import { bodyOf, idOf } from "./body.js";
import { sha256 } from "./client.js";
import { linesOf } from "./lines.js";
import { STATIC_FILES } from "./nginx.js";

/** What one load sent. Its number is the first three digits of every id in it. */
export interface Load {
	readonly number: number;
	readonly name: string;
	readonly kind: "echo" | "static";
	readonly size: number;
}

export interface LoadReport {
	readonly name: string;
	/** Requests that the server's access log has as answered whole. */
	logged: number;
	/** Requests that the log has as given up by the client before the whole answer was out: any record will do. */
	cutByClient: number;
	/** Records of answers that the server wrote whole, of whose end the kernel sent nothing: the client was gone. */
	neverSent: number;
	/** Records with an id of this load. */
	records: number;
	/** Logged, and no record. */
	missing: number;
	/** Records beyond the first with the same id. */
	duplicates: number;
	/** Records of logged requests that say themselves that something is missing. */
	gaps: number;
	/** Records that say that they are complete, and are not what was sent. */
	mismatches: number;
	/** Records with an id that the log does not have. */
	unexpected: number;
	/** The first problems, with what there is to know about them. */
	readonly examples: string[];
}

/** A record, for a test to look at something else in it. */
export type OnRecord = (exchange: Exchange, id: string, load: Load) => void;

const EXAMPLES = 5;
const ID = /(?:\/echo\/|[?&]id=)(\d{12})/;

interface Logged {
	readonly whole: boolean;
	records: number;
}

/**
 * Holds a `jsonl` file against the server's access log: each request that was answered whole is there exactly once, its
 * two bodies with the SHA-256 of what its id says they were. `counts` is asked for each id, to keep out requests that
 * began too early.
 */
export async function checkIntegrity(
	jsonl: string,
	accessLog: string,
	loads: readonly Load[],
	onRecord: OnRecord = () => {},
	counts: (id: string) => boolean = () => true,
): Promise<LoadReport[]> {
	const byNumber = new Map(loads.map((load) => [load.number, load]));
	const reports = new Map(loads.map((load) => [load.number, emptyReport(load.name)]));
	const logged = new Map<string, Logged>();
	for await (const line of linesOf(accessLog)) {
		const [uri = "", status, completion] = line.toString("latin1").split(" ");
		const id = ID.exec(uri)?.[1];
		const load = id === undefined ? undefined : byNumber.get(Number(id.slice(0, 3)));
		if (id === undefined || load === undefined || !counts(id)) continue;
		const report = reports.get(load.number)!;
		const whole = status === "200" && completion === "OK";
		logged.set(id, { whole, records: 0 });
		if (whole) report.logged++;
		else report.cutByClient++;
	}
	for await (const line of linesOf(jsonl)) {
		const exchange: Exchange = JSON.parse(line.toString("utf8"));
		const id = idIn(exchange);
		const load = id === null ? undefined : byNumber.get(Number(id.slice(0, 3)));
		if (id === null || load === undefined || !counts(id)) continue;
		const report = reports.get(load.number)!;
		const example = (problem: string) => {
			if (report.examples.length < EXAMPLES) report.examples.push(`${id}: ${problem}: ${shortened(exchange)}`);
		};
		report.records++;
		const known = logged.get(id);
		if (known === undefined) {
			report.unexpected++;
			example("not in the access log");
			continue;
		}
		if (known.records++ > 0) {
			report.duplicates++;
			example("a second record");
		}
		onRecord(exchange, id, load);
		if (!known.whole) continue;
		if (isNeverSent(exchange, id, load)) {
			report.neverSent++;
			continue;
		}
		const problem = problemOf(exchange, id, load);
		if (problem === null) continue;
		if (problem.isGap) report.gaps++;
		else report.mismatches++;
		example(problem.text);
	}
	for (const [id, { whole, records }] of logged) {
		if (!whole || records > 0) continue;
		const report = reports.get(Number(id.slice(0, 3)))!;
		report.missing++;
		if (report.examples.length < EXAMPLES) report.examples.push(`${id}: no record`);
	}
	return [...reports.values()];
}

/** Empty where everything logged is there, once, whole and equal. */
export function problemsIn(report: LoadReport): string {
	const { missing, duplicates, gaps, mismatches, unexpected } = report;
	if (missing + duplicates + gaps + mismatches + unexpected === 0) return "";
	const counts = `${missing} missing, ${duplicates} twice, ${gaps} with gaps, ${mismatches} different, ${unexpected} unknown`;
	return `${report.name}: of ${report.logged}: ${counts}\n${report.examples.join("\n")}`;
}

export function idIn(exchange: Exchange): string | null {
	const attributes = exchange.request?.attributes;
	if (attributes === undefined) return null;
	return ID.exec(`${attributes["url.path"] ?? ""}?${attributes["url.query"] ?? ""}`)?.[1] ?? null;
}

/** The bytes of a body that was not decoded. */
export function bytesOf(body: Body): Buffer {
	return Buffer.from(String(body.data), body.encoding === "base64" ? "base64" : "utf8");
}

function problemOf(exchange: Exchange, id: string, load: Load): { isGap: boolean; text: string } | null {
	const { request, response } = exchange;
	if (request === null || response === null) return { isGap: true, text: "one half is missing" };
	const sides = [
		["request", request.body, load.kind === "echo" ? id : null],
		["response", response.body, load.kind === "echo" ? id : idOf(0, Number(id) % STATIC_FILES)],
	] as const;
	for (const [side, body, of] of sides) {
		if (body.completeness !== "complete" || body.gaps.length > 0)
			return { isGap: true, text: `${side} is ${body.completeness} ${JSON.stringify(body.gaps)}` };
		const expected = of === null ? Buffer.alloc(0) : bodyOf(of, load.size);
		const is = bytesOf(body);
		if (body.bytes !== expected.length || sha256(is) !== sha256(expected))
			return {
				isGap: false,
				text: `${side} of ${body.bytes} bytes differs from byte ${firstDifference(is, expected)} on`,
			};
	}
	if (exchange.outcome !== "ok") return { isGap: true, text: `outcome ${exchange.outcome}` };
	return null;
}

/** All that the kernel sent is there, and what is not there it never sent. */
function isNeverSent({ request, response }: Exchange, id: string, load: Load): boolean {
	if (request === null || response === null || request.body.completeness !== "complete") return false;
	const { gaps } = response.body;
	if (gaps.length === 0 || !gaps.every((gap) => gap.cause === "reset")) return false;
	const whole = bodyOf(load.kind === "echo" ? id : idOf(0, Number(id) % STATIC_FILES), load.size);
	return bytesOf(response.body).equals(whole.subarray(0, gaps[0]!.from));
}

function firstDifference(a: Buffer, b: Buffer): number {
	const shorter = Math.min(a.length, b.length);
	for (let i = 0; i < shorter; i++) if (a[i] !== b[i]) return i;
	return shorter;
}

function shortened(exchange: Exchange): string {
	return JSON.stringify(exchange, (key, value: unknown) =>
		key === "data" && typeof value === "string" && value.length > 40 ? `${value.slice(0, 40)}…` : value,
	).slice(0, 1600);
}

function emptyReport(name: string): LoadReport {
	return {
		name,
		logged: 0,
		cutByClient: 0,
		neverSent: 0,
		records: 0,
		missing: 0,
		duplicates: 0,
		gaps: 0,
		mismatches: 0,
		unexpected: 0,
		examples: [],
	};
}

/** A sink's `filter:` made into one function. */
import type { AttributeValue, Exchange } from "../exchange.js";
import { globMatches, pathMatches } from "./glob.js";
import { remembered } from "./remembered.js";
import type { FilterOptions } from "./schema.js";
import { durationUsOf, hostOf, pathOf, statusOf } from "./subject.js";

/** Pure, quick, never throws. It sees the record as it is before redaction, and nothing leaves by it. */
export type Filter = ((exchange: Exchange) => boolean) & {
	/** What it was made of. */
	readonly options?: FilterOptions;
};

/** Null where the options ask for nothing: everything passes. */
export function compileFilter(options: FilterOptions): Filter | null {
	const tests = testsOf(options);
	if (tests.length === 0) return null;
	const [only] = tests;
	if (tests.length === 1 && only !== undefined) return Object.assign((x: Exchange) => only(x), { options });
	const all = (x: Exchange): boolean => {
		for (const test of tests) if (!test(x)) return false;
		return true;
	};
	return Object.assign(all, { options });
}

/** The cheap ones first. */
function testsOf(o: FilterOptions): Filter[] {
	const tests: Filter[] = [];
	const { kinds, outcomes, ports, protocols, pids, processes, hosts, paths, status, any, not, sample } = o;
	if (kinds !== undefined) tests.push((x) => kinds.includes(x.kind));
	if (outcomes !== undefined) tests.push((x) => outcomes.includes(x.outcome));
	if (ports !== undefined) {
		const wanted = new Set(ports);
		tests.push((x) => wanted.has(x.connection.server.port));
	}
	if (protocols !== undefined) {
		const matches = remembered((protocol) => oneMatches(protocols, protocol));
		tests.push((x) => matches(x.protocol));
	}
	const { min_duration_ms: min, max_duration_ms: max } = o;
	if (min !== undefined) tests.push((x) => durationUsOf(x) >= min * 1000);
	if (max !== undefined) tests.push((x) => durationUsOf(x) <= max * 1000);
	if (pids !== undefined) tests.push((x) => someProcess(x, ({ pid }) => pids.includes(pid)));
	if (processes !== undefined) tests.push((x) => someProcess(x, ({ name }) => oneMatches(processes, name)));
	if (status !== undefined) {
		const wanted = status.map(statusTest);
		let last: AttributeValue | null = null;
		let isWanted = false;
		tests.push((x) => {
			const found = statusOf(x);
			if (found === last) return isWanted;
			last = found;
			isWanted = found !== null && wanted.some((test) => test(found));
			return isWanted;
		});
	}
	if (hosts !== undefined) {
		const wanted = hosts.map((host) => host.toLowerCase());
		const matches = remembered((host) => oneMatches(wanted, host));
		tests.push((x) => {
			const host = hostOf(x);
			return host !== null && matches(host);
		});
	}
	if (paths !== undefined) {
		const wanted = paths.map((path) => path.split("/"));
		const matches = remembered((path) => wanted.some((pattern) => pathMatches(pattern, path)));
		tests.push((x) => {
			const path = pathOf(x);
			return path !== null && matches(path);
		});
	}
	if (any !== undefined) {
		const branches = any.map(compileFilter);
		tests.push((x) => branches.some((branch) => branch === null || branch(x)));
	}
	if (not !== undefined) {
		const inner = compileFilter(not);
		tests.push((x) => inner !== null && !inner(x));
	}
	if (sample !== undefined) tests.push((x) => sampleOf(x.connection.id) < sample);
	return tests;
}

export function oneMatches(patterns: readonly string[], text: string): boolean {
	for (const pattern of patterns) if (pattern === text || globMatches(pattern, text)) return true;
	return false;
}

function someProcess(x: Exchange, test: (process: { pid: number; name: string }) => boolean): boolean {
	const { client, server } = x.connection;
	return (client.process !== null && test(client.process)) || (server.process !== null && test(server.process));
}

function statusTest(wanted: number | string): (found: AttributeValue) => boolean {
	const text = String(wanted);
	const range = /^(\d+)-(\d+)$/.exec(text);
	if (range !== null) return (found) => Number(found) >= Number(range[1]) && Number(found) <= Number(range[2]);
	if (/^\dxx$/.test(text)) return (found) => Math.floor(Number(found) / 100) === Number(text[0]);
	return (found) => String(found) === text;
}

/** A number in [0, 1) that every observer of the connection computes alike (FNV-1a, then its bits mixed well). */
export function sampleOf(id: string): number {
	let hash = 0x811c9dc5;
	for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
	hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
	return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}

/** The `filter:` of a sink. */
import { z } from "zod";

const port = z.int().min(1).max(65_535);
const words = z.array(z.string().min(1)).min(1);

const STATUS = /^(?:[1-9]xx|\d{1,5}-\d{1,5}|[A-Za-z0-9]{1,16})$/;
const status = z.union([
	z.int().min(0),
	z.string().regex(STATUS, "a status is a number, a class (5xx), a range (400-499) or a code of the protocol (40P01)"),
]);

const fields = {
	protocols: words.optional().describe("Protocols, as records name them (`http/1.1`, `postgresql`); globs (`http/*`)."),
	ports: z.array(port).min(1).optional().describe("The server's port."),
	hosts: words
		.optional()
		.describe("Host or `:authority` of the request without its port, in any case; globs (`*.example.com`)."),
	paths: words
		.optional()
		.describe("Path of the request; `*` stays within a segment, `**` is any number of segments (`/orders/**`)."),
	status: z
		.array(status)
		.min(1)
		.optional()
		.describe("Status of the response: a number, a class (`5xx`), a range (`400-499`), a code (`40P01`)."),
	min_duration_ms: z.number().min(0).optional().describe("Exchanges that took at least so long."),
	max_duration_ms: z.number().min(0).optional().describe("Exchanges that took at most so long."),
	pids: z.array(z.int().min(1)).min(1).optional().describe("Process on either end, by its number."),
	processes: words.optional().describe("Process on either end, by its short name (`comm`); globs."),
	kinds: z
		.array(z.enum(["exchange", "message", "connection"]))
		.min(1)
		.optional()
		.describe("Kinds of records."),
	outcomes: z
		.array(z.enum(["ok", "error", "unanswered", "aborted", "partial"]))
		.min(1)
		.optional()
		.describe("Outcomes."),
	sample: z
		.number()
		.min(0)
		.max(1)
		.optional()
		.describe("Part of the connections that is kept, whole conversations each, by a hash of the connection's id."),
};

/** What a filter of a sink holds. Every key that is there must hold; of a list, one entry suffices. */
export interface FilterOptions {
	readonly protocols?: readonly string[] | undefined;
	readonly ports?: readonly number[] | undefined;
	readonly hosts?: readonly string[] | undefined;
	readonly paths?: readonly string[] | undefined;
	readonly status?: readonly (number | string)[] | undefined;
	readonly min_duration_ms?: number | undefined;
	readonly max_duration_ms?: number | undefined;
	readonly pids?: readonly number[] | undefined;
	readonly processes?: readonly string[] | undefined;
	readonly kinds?: readonly string[] | undefined;
	readonly outcomes?: readonly string[] | undefined;
	readonly sample?: number | undefined;
	readonly any?: readonly FilterOptions[] | undefined;
	readonly not?: FilterOptions | undefined;
}

// one level, not any number: reference pages and editors can show it, and lists are alternatives already
const inner = z.strictObject(fields);

export const filterSchema = z.strictObject({
	...fields,
	any: z.array(inner).min(1).optional().describe("At least one of these filters holds."),
	not: inner.optional().describe("This filter does not hold."),
});

import type { Body, Exchange } from "../../core/index.js";

/** What is special about an exchange, as short words: `GAP`, `TRUNCATED`, `UNANSWERED`, and the record's own flags. */
export function marksOf(exchange: Exchange): string[] {
	const marks: string[] = [];
	const bodies = [exchange.request?.body, exchange.response?.body].filter((body) => body !== undefined);
	if (bodies.some((body) => body.completeness === "gap")) marks.push(`GAP${causesOf(bodies)}`);
	if (bodies.some((body) => body.completeness === "truncated")) marks.push("TRUNCATED");
	if (exchange.outcome !== "ok" && exchange.outcome !== "error") marks.push(exchange.outcome.toUpperCase());
	if (exchange.kind !== "exchange") marks.push(exchange.kind.toUpperCase());
	marks.push(...exchange.flags);
	return marks;
}

function causesOf(bodies: readonly Body[]): string {
	const causes = new Set(
		bodies.flatMap((body) => body.gaps.map((gap) => gap.cause)).filter((cause) => cause !== "limit"),
	);
	return causes.size === 0 ? "" : `(${[...causes].join(",")})`;
}

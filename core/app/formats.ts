/** What commands can print on standard output. */
export const FORMATS = ["console", "pretty", "jsonl"] as const;
export type Format = (typeof FORMATS)[number];

/** The sink that writes exchanges to standard output in this format, as a config would name it. */
export function stdoutSink(format: Format): Readonly<Record<string, unknown>> {
	if (format === "jsonl") return { type: "jsonl", path: "-" };
	return { type: "console", format: format === "pretty" ? "pretty" : "line" };
}

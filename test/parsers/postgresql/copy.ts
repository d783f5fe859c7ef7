import type { Step } from "./play.js";
import * as wire from "./wire.js";

export const data = (text: string): Buffer => wire.message("d", Buffer.from(text));
/** CopyInResponse or CopyOutResponse, in text, of one column. */
export const formats = (type: "G" | "H"): Buffer => wire.message(type, Buffer.from([0]), 1, 0);

/** COPY in, out, and in again by the extended protocol, where the client gives up; and a query after that. */
export const COPY: readonly Step[] = [
	[0, wire.query("COPY t FROM STDIN")],
	[1, formats("G")],
	[0, data("1\tone\n"), data("2\ttwo\n"), wire.message("c")],
	[1, wire.done("COPY 2"), wire.READY],
	[0, wire.query("COPY t TO STDOUT")],
	[1, formats("H"), data("1\tone\n"), data("2\ttwo\n"), wire.message("c"), wire.done("COPY 2"), wire.READY],
	[0, wire.parse("COPY t FROM STDIN"), wire.bindWith({}), wire.execute(), wire.SYNC],
	[1, wire.PARSED, wire.BOUND, formats("G")],
	[0, data("3\tthree\n"), wire.message("f", "enough"), wire.SYNC],
	[1, wire.error("57014"), wire.READY],
	[0, wire.query("select 1")],
	[1, wire.columns("a"), wire.row("1"), wire.done("SELECT 1"), wire.READY],
];

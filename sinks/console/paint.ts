import picocolors from "picocolors";

export type Paint = ReturnType<typeof picocolors.createColors>;

/** Colours, or functions that change nothing. */
export function paintFor(
	color: "auto" | "always" | "never",
	environment: Readonly<Record<string, string | undefined>>,
	terminal: boolean,
): Paint {
	const wanted = terminal && !environment.NO_COLOR && environment.TERM !== "dumb";
	return picocolors.createColors(color === "always" || (color === "auto" && wanted));
}

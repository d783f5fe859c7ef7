/** `polytap sidecar-rules`: the kernel's redirection to the sidecars of a config, printed, installed, released or removed. */
import { sidecarOptions } from "../../../sources/sidecar-legacy/options.js";
import { Redirection } from "../../../sources/sidecar-legacy/rules/redirection.js";
import { PolytapError } from "../../errors.js";
import { readConfig } from "../config-file.js";

export type RulesAction = "print" | "install" | "release" | "remove";

const DONE = {
	install: "installed",
	release: "released: new connections go straight to the servers, open ones keep their way",
	remove: "removed",
} as const;

/** Resolves with what to print: always what the rules are, then what was done. */
export async function sidecarRules(file: string, action: RulesAction): Promise<string> {
	const { config } = await readConfig(file);
	const redirections = config.sources.flatMap(({ name, type, options }) => {
		if (type !== "sidecar-legacy") return [];
		const parsed = sidecarOptions.parse(options);
		return parsed.redirect === undefined ? [] : [{ name, redirection: new Redirection(name, parsed) }];
	});
	if (redirections.length === 0)
		throw new PolytapError("USAGE", `${file} has no source of type sidecar-legacy with \`redirect\``);
	let text = "";
	for (const { name, redirection } of redirections) {
		text += `# ${name}\n${await redirection.describe()}`;
		if (action === "install") await redirection.install();
		if (action === "release") await redirection.release();
		if (action === "remove") await redirection.remove();
		if (action !== "print") text += `# ${name}: ${DONE[action]}\n`;
	}
	return text;
}

/** What a config says of protocols: where they are likely, the options of their parsers, and the files that these name. */
import type { ConfigFiles } from "../parser-options.js";
import type { Problem } from "./problem.js";
import { type Entries, noParser, type PluginCatalog, validated } from "./resolve.js";
import { type ProtocolEntry, protocolSchema } from "./schema.js";

export async function resolveProtocols(
	entries: Entries,
	catalog: PluginCatalog,
	files: ConfigFiles,
	problems: Problem[],
): Promise<ProtocolEntry[]> {
	const out: ProtocolEntry[] = [];
	for (const [protocol, given] of entries) {
		const path = ["protocols", protocol];
		const plugin = await catalog.parser(protocol);
		const detected = await catalog.protocols();
		if (plugin === null) {
			// a module that did not work may have been the one that reads it
			if (catalog.isIncomplete !== true) {
				const known = [...new Set([...detected, ...(await catalog.protocolsWithOptions())])];
				problems.push({ path, atKey: true, message: noParser(protocol, known) });
			}
			continue;
		}
		const before = problems.length;
		const { ports: hinted, ...own } = given;
		const hints = hinted === undefined ? {} : { ports: hinted };
		const common = protocolSchema.safeParse(plugin.config === undefined ? given : hints);
		if (!common.success) validated(protocolSchema, plugin.config === undefined ? given : hints, path, problems);
		if (hinted !== undefined && !detected.includes(protocol)) {
			const message = `${protocol} lies in other protocols: it has no ports`;
			problems.push({ path: [...path, "ports"], atKey: true, message });
		}
		const options = plugin.config === undefined ? {} : validated(plugin.config, own, path, problems, ["ports"]);
		if (problems.length > before) continue;
		const ports = common.data?.ports ?? [];
		if (plugin.config === undefined) {
			out.push({ protocol, ports, options });
			continue;
		}
		const prepared = (await plugin.prepare?.(options, files)) ?? { options };
		if ("options" in prepared) out.push({ protocol, ports, options, prepared: prepared.options });
		else
			for (const problem of prepared.problems)
				problems.push({ ...problem, path: [...path, ...problem.path], atKey: false });
	}
	return out;
}

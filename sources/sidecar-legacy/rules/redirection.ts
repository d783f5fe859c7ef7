import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { PolytapError } from "../../../core/index.js";
import type { SidecarOptions } from "../options.js";
import { iptablesInstall, iptablesRemove } from "./iptables.js";
import { nftInstall, nftRemove } from "./nftables.js";
import { type RuleSet, ruleSetOf } from "./rule-set.js";

const run = promisify(execFile);
const TIMEOUT_MS = 10_000;
const FAMILIES = ["iptables", "ip6tables"] as const;

type Backend = "nftables" | "iptables";

/**
 * The kernel's redirection of one source. Its table has a name of its own, so that what a killed polytap left behind is
 * replaced by the next start and found by `remove`.
 */
export class Redirection {
	readonly #rules: RuleSet;
	readonly #wanted: "auto" | Backend;

	/** The options must have `redirect`. */
	constructor(name: string, options: SidecarOptions) {
		const rules = ruleSetOf(name, options, process.getuid?.() ?? 0);
		if (rules === null) throw new PolytapError("SIDECAR_RULES_FAILED", `the source ${name} has no \`redirect\``);
		this.#rules = rules;
		this.#wanted = options.redirect?.backend ?? "auto";
	}

	/** What `install` runs, for a person to read. */
	async describe(): Promise<string> {
		if ((await this.#backend()) === "nftables") return `# nft -f -\n${nftInstall(this.#rules)}`;
		return FAMILIES.flatMap((family) =>
			iptablesInstall(this.#rules).map((args) => `${[family, ...args].join(" ")}\n`),
		).join("");
	}

	/** Replaces what is there under the same name. Rejects with SIDECAR_RULES_FAILED. */
	async install(): Promise<void> {
		const backend = await this.#backend();
		try {
			if (backend === "nftables") return await nft(nftInstall(this.#rules));
			await this.#removeIptables();
			for (const family of FAMILIES)
				for (const args of iptablesInstall(this.#rules)) await run(family, ["-w", ...args]);
		} catch (error) {
			if (backend === "iptables") await this.#removeIptables();
			throw rulesError("the redirection could not be installed", error);
		}
	}

	/** Idempotent. Rejects with SIDECAR_RULES_FAILED. */
	async remove(): Promise<void> {
		try {
			if ((await this.#backend()) === "nftables") await nft(nftRemove(this.#rules));
			else await this.#removeIptables();
		} catch (error) {
			throw rulesError("the redirection could not be removed", error);
		}
	}

	async #removeIptables(): Promise<void> {
		for (const family of FAMILIES)
			for (const args of iptablesRemove(this.#rules))
				await run(family, ["-w", ...args], { timeout: TIMEOUT_MS }).catch(() => undefined);
	}

	async #backend(): Promise<Backend> {
		if (this.#wanted !== "auto") return this.#wanted;
		try {
			await run("nft", ["--version"], { timeout: TIMEOUT_MS });
			return "nftables";
		} catch {
			return "iptables";
		}
	}
}

async function nft(script: string): Promise<void> {
	const work = run("nft", ["-f", "-"], { timeout: TIMEOUT_MS });
	work.child.stdin?.end(script);
	await work;
}

function rulesError(what: string, error: unknown): PolytapError {
	const said = error instanceof Error && "stderr" in error && typeof error.stderr === "string" ? error.stderr : "";
	const reason = said.trim() || (error instanceof Error ? error.message : String(error));
	return new PolytapError(
		"SIDECAR_RULES_FAILED",
		`${what}: ${reason}`,
		"it needs CAP_NET_ADMIN, and nft or iptables with ip6tables",
		error,
	);
}

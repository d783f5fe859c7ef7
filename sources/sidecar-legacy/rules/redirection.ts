import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { PolytapError } from "../../../core/index.js";
import type { SidecarOptions } from "../options.js";
import { FAMILIES, iptablesInstall, iptablesRelease, iptablesRemove } from "./iptables.js";
import { nftInstall, nftList, nftRelease, nftRemove } from "./nftables.js";
import { type RuleSet, ruleSetOf } from "./rule-set.js";
import { systemProgram } from "./system-program.js";

const run = promisify(execFile);
const TIMEOUT_MS = 10_000;

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
		return FAMILIES.flatMap(({ command, family }) =>
			iptablesInstall(this.#rules, family).map((args) => `${[command, ...args].join(" ")}\n`),
		).join("");
	}

	/** Replaces what is there under the same name. Rejects with SIDECAR_RULES_FAILED. */
	async install(): Promise<void> {
		const backend = await this.#backend();
		try {
			if (backend === "nftables") {
				await nft(nftInstall(this.#rules));
				// what is believed to redirect and does not is worse than a start that fails
				const { stdout } = await run(systemProgram("nft"), nftList(this.#rules), { timeout: TIMEOUT_MS });
				if (!stdout.includes(this.#rules.table)) throw new Error("nft reported success, but its table is not there");
				return;
			}
			await this.#removeIptables();
			await this.#runIptables(iptablesInstall);
		} catch (error) {
			if (backend === "iptables") await this.#removeIptables();
			throw rulesError("the redirection could not be installed", error);
		}
	}

	/** New connections go straight to the servers, those that were redirected keep their way. Rejects with SIDECAR_RULES_FAILED. */
	async release(): Promise<void> {
		try {
			if ((await this.#backend()) === "nftables") await nft(nftRelease(this.#rules));
			else await this.#runIptables(iptablesRelease);
		} catch (error) {
			throw rulesError("the redirection could not be released", error);
		}
	}

	/** Redirected connections that are still open may break. Idempotent. Rejects with SIDECAR_RULES_FAILED. */
	async remove(): Promise<void> {
		try {
			if ((await this.#backend()) === "nftables") await nft(nftRemove(this.#rules));
			else await this.#removeIptables();
		} catch (error) {
			throw rulesError("the redirection could not be removed", error);
		}
	}

	async #runIptables(rulesOf: typeof iptablesInstall): Promise<void> {
		for (const { command, family } of FAMILIES)
			for (const args of rulesOf(this.#rules, family))
				await run(systemProgram(command), ["-w", ...args], { timeout: TIMEOUT_MS });
	}

	async #removeIptables(): Promise<void> {
		for (const { command } of FAMILIES)
			for (const args of iptablesRemove(this.#rules))
				await run(systemProgram(command), ["-w", ...args], { timeout: TIMEOUT_MS }).catch(() => undefined);
	}

	async #backend(): Promise<Backend> {
		if (this.#wanted !== "auto") return this.#wanted;
		try {
			const { stdout } = await run(systemProgram("nft"), ["--version"], { timeout: TIMEOUT_MS });
			return stdout.startsWith("nftables ") ? "nftables" : "iptables";
		} catch {
			return "iptables";
		}
	}
}

async function nft(script: string): Promise<void> {
	const work = run(systemProgram("nft"), ["-f", "-"], { timeout: TIMEOUT_MS });
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

/** SIGHUP: the config file once more, and what of it can change while polytap runs. */
import { formatError } from "../config/load.js";
import { PolytapError } from "../errors.js";
import { BUILTINS } from "./builtins.js";
import { ConfigProblems, readConfig } from "./config-file.js";
import type { RunLog } from "./log.js";
import { noticeOf } from "./notice.js";
import { type ManagerState, reloading } from "./notify.js";
import { Plugins } from "./plugins.js";
import type { Supervisor } from "./supervisor.js";

export class Reloader {
	private readonly file: string;
	private readonly supervisor: Pick<Supervisor, "reload" | "reloadRefused">;
	private readonly log: RunLog;
	private readonly tellManager: (state: ManagerState) => void;
	private isBusy = false;
	private again = false;

	constructor(
		file: string,
		supervisor: Pick<Supervisor, "reload" | "reloadRefused">,
		log: RunLog,
		tellManager: (state: ManagerState) => void,
	) {
		this.file = file;
		this.supervisor = supervisor;
		this.log = log;
		this.tellManager = tellManager;
	}

	/** One at a time; however many signals come meanwhile, the file is read once more after them. Never rejects. */
	async reload(): Promise<void> {
		if (this.isBusy) {
			this.again = true;
			return;
		}
		this.isBusy = true;
		do {
			this.again = false;
			this.tellManager(reloading());
			await this.once().catch((error: unknown) => this.refuse(error));
			this.tellManager("READY=1");
		} while (this.again);
		this.isBusy = false;
	}

	private async once(): Promise<void> {
		const loaded = await readConfig(this.file);
		// a module that does not work would silently take its sinks away
		if (loaded.pluginFailures.length > 0) throw new ConfigProblems(this.file, loaded.pluginFailures.map(formatError));
		const modules = loaded.catalog instanceof Plugins ? loaded.catalog.modules : BUILTINS;
		const { problem, applied, notApplied } = await this.supervisor.reload(loaded.config, modules);
		if (problem !== null) {
			this.log.error(asFailure(problem.message, problem.code));
			return;
		}
		this.log.use(loaded.config.log);
		this.log.info(`reload: applied: ${applied.length === 0 ? "nothing differs" : applied.join(", ")}`);
		if (notApplied.length > 0) this.log.info(`reload: not applied: ${notApplied.join(", ")}`);
	}

	private refuse(error: unknown): void {
		this.supervisor.reloadRefused();
		if (error instanceof ConfigProblems) for (const line of error.lines) this.log.info(line);
		const { code, message } = noticeOf(error instanceof PolytapError ? error : new Error(String(error)));
		this.log.error(asFailure(message, code));
	}
}

function asFailure(message: string, code: string) {
	return {
		code: "RELOAD_FAILED",
		message: `the config before goes on: ${message}${code === "RELOAD_FAILED" ? "" : ` (${code})`}`,
		hint: null,
	};
}

import { RPC_ERRORS, type RpcProblem } from "./protocol.js";

/** What the bridge counts, cumulative but for the levels that end in `_connected`, `_open` and `_held`. */
export class BridgeCounters {
	sessions = 0;
	sessionsResumed = 0;
	messages = 0;
	rows = 0;
	bytes = 0;
	bytesSeen = 0;
	connections = 0;
	connectionsRefused = 0;
	rowsUnknown = 0;
	semantics = 0;
	notificationsUnknown = 0;
	readonly problems = new Map<RpcProblem, number>();

	refused(problem: RpcProblem): void {
		this.problems.set(problem, (this.problems.get(problem) ?? 0) + 1);
	}

	flat(): Record<string, number> {
		const flat: Record<string, number> = {
			sessions: this.sessions,
			sessions_resumed: this.sessionsResumed,
			messages: this.messages,
			rows: this.rows,
			bytes: this.bytes,
			bytes_seen: this.bytesSeen,
			connections: this.connections,
			connections_refused: this.connectionsRefused,
			rows_of_unknown_connections: this.rowsUnknown,
			semantic_events: this.semantics,
			notifications_unknown: this.notificationsUnknown,
		};
		for (const problem of Object.keys(RPC_ERRORS) as RpcProblem[])
			flat[`refused_${problem}`] = this.problems.get(problem) ?? 0;
		return flat;
	}
}

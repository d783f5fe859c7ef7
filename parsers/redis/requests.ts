import type { MessageWriter, ParserOutput } from "../../core/index.js";
import type { Command, Transaction } from "./command.js";
import { CommandLane, type CommandListener, tellWords } from "./command-lane.js";
import type { CommandFacts } from "./commands.js";
import { withMore } from "./heads.js";
import type { Session } from "./session.js";
import { HELD_BYTES } from "./wire.js";

const MAX_WAITING = 1 << 18;
const MAX_QUEUED_SHOWN = 128;

/** What the client says: commands become requests, or messages where nobody answers them. */
export class Requests implements CommandListener {
	readonly lane = new CommandLane(this);
	readonly #session: Session;
	#newest: Command | null = null;
	#transaction: Transaction | null = null;
	/** The next command is not answered (CLIENT REPLY SKIP). */
	#skipsReply = false;

	constructor(session: Session) {
		this.#session = session;
	}

	/** Commands were lost. */
	lost(): void {
		this.lane.reset();
		this.#transaction = null;
		this.#skipsReply = false;
		this.#session.isSilent = false;
		this.#session.forgetNamespace();
		this.#session.pairing.commandsLost();
	}

	begin(index: number, facts: CommandFacts, args: readonly string[], count: number, out: ParserOutput): MessageWriter {
		const session = this.#session;
		const { pairing } = session;
		const timeUs = out.timeAt(index);
		if (pairing.commandSent(timeUs, out)) session.forgetSelects();
		const command: Command = {
			facts,
			timeUs,
			tag: pairing.nextTag(),
			sub: "",
			argument: "",
			argumentCount: count,
			hiding: "none",
			runs: null,
		};
		tellWords(command, args);
		this.#newest = command;
		const parent = this.#follow(command);
		if (this.#isOneWay(command, args[2]?.toUpperCase() ?? "")) {
			if (facts.name === "SELECT") session.forgetNamespace();
			return out.begin(index, undefined, "message", parent);
		}
		const writer = out.begin(index, command.tag, "exchange", parent);
		if (facts.name === "MULTI") this.#transaction = { id: writer.id, queued: [], hidings: [], count: 0 };
		if (pairing.wasAnswered(timeUs)) {
			out.settle("partial", command.tag);
			return writer;
		}
		if (facts.name === "SELECT") session.selects();
		pairing.queue.push(command);
		if (pairing.queue.length > MAX_WAITING) session.giveUp(out, "too-many-waiting");
		return writer;
	}

	text(writer: MessageWriter, facts: CommandFacts, text: string): void {
		const { heads, namespace } = this.#session;
		const head = heads.command(facts, text, namespace);
		const runs = this.#newest?.runs ?? null;
		if (this.#transaction !== null && facts.name !== "MULTI") show(this.#transaction, text);
		if (runs === null) writer.head(head);
		else
			writer.head(
				withMore(head, { "db.operation.batch.size": runs.count, "redis.transaction.commands": [...runs.queued] }),
			);
	}

	finished(writer: MessageWriter, index: number): void {
		writer.finish(index, "ok");
	}

	/** What a transaction makes of it; returns its parent. */
	#follow(command: Command): string | undefined {
		const transaction = this.#transaction;
		const { name } = command.facts;
		if (transaction === null || name === "MULTI") return undefined;
		if (name === "EXEC" || name === "DISCARD" || name === "RESET") {
			if (name === "EXEC") command.runs = transaction;
			this.#transaction = null;
		} else {
			transaction.count++;
			if (transaction.hidings.length < HELD_BYTES) transaction.hidings.push(command.hiding);
		}
		return transaction.id;
	}

	#isOneWay(command: Command, word: string): boolean {
		const session = this.#session;
		const wasSkipped = this.#skipsReply;
		this.#skipsReply = false;
		if (command.facts.name === "RESET") session.isSilent = false;
		if (command.facts.name === "CLIENT" && command.sub === "REPLY") {
			if (word === "ON") {
				session.isSilent = false;
				return false;
			}
			if (word === "OFF") session.isSilent = true;
			else if (word === "SKIP") this.#skipsReply = !session.isSilent;
			else return session.isSilent || wasSkipped;
			return true;
		}
		return session.isSilent || wasSkipped;
	}
}

/** The text of the command that was counted last; it may be told again when more of it is known. */
function show({ queued, count }: Transaction, text: string): void {
	if (queued.length >= MAX_QUEUED_SHOWN) return;
	if (queued.length < count) queued.push(text);
	else queued[queued.length - 1] = text;
}

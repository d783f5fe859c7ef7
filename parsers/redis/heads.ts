import { type AttributeValue, HeaderBlock, MessageHead } from "../../core/index.js";
import type { CommandFacts } from "./commands.js";

const MAX_HEADS = 4096;
const NO_FIELDS = new HeaderBlock([]);

/** Heads of an engine's Redis connections: the same text gives the same object again. */
export class Heads {
	readonly #heads = new Map<string, MessageHead>();

	static of(shared: Map<string, unknown>): Heads {
		const known = shared.get("heads");
		if (known instanceof Heads) return known;
		const heads = new Heads();
		shared.set("heads", heads);
		return heads;
	}

	/** `namespace` null: nobody knows the database. */
	command({ name }: CommandFacts, text: string, namespace: string | null): MessageHead {
		const key = `${namespace ?? ""}>${text}`;
		const known = this.#heads.get(key);
		if (known !== undefined) return known;
		const attributes: Record<string, AttributeValue> = {
			"db.system.name": "redis",
			"db.operation.name": name,
			"db.query.text": text,
		};
		if (namespace !== null) attributes["db.namespace"] = namespace;
		return this.#keep(key, new MessageHead(text, attributes, NO_FIELDS));
	}

	reply(type: string, summary: string): MessageHead {
		const key = `${type}<${summary}`;
		const known = this.#heads.get(key);
		if (known !== undefined) return known;
		return this.#keep(key, new MessageHead(summary, { "redis.reply.type": type }, NO_FIELDS));
	}

	error(type: string, prefix: string): MessageHead {
		const key = `${type}!${prefix}`;
		const known = this.#heads.get(key);
		if (known !== undefined) return known;
		const attributes = { "redis.reply.type": type, "db.response.status_code": prefix };
		return this.#keep(key, new MessageHead(prefix, attributes, NO_FIELDS));
	}

	#keep(key: string, head: MessageHead): MessageHead {
		if (this.#heads.size >= MAX_HEADS) this.#heads.clear();
		this.#heads.set(key, head);
		return head;
	}
}

/** The same with more attributes, or another summary. */
export function withMore(
	head: MessageHead,
	more: Readonly<Record<string, AttributeValue>>,
	summary = head.summary,
): MessageHead {
	return new MessageHead(summary, { ...head.attributes, ...more }, head.block);
}

import type { FieldKind, FieldSchema, ScalarKind, Schema } from "./schema.js";

/** How one field is read. */
export interface FieldShape {
	readonly name: string;
	readonly kind: FieldKind;
	readonly isRepeated: boolean;
	readonly key: ScalarKind | null;
	/** Names of the fields that must go when this one comes. */
	readonly rivals: readonly string[];
	/** Of messages and groups. */
	readonly message: MessageShape | null;
	/** Of enums. */
	readonly values: ReadonlyMap<number, string> | null;
}

/** How one type of message is read. */
export interface MessageShape {
	readonly name: string;
	readonly fields: ReadonlyMap<number, FieldShape>;
}

const NO_VALUES: ReadonlyMap<number, string> = new Map();

/** A schema, ready for reading. */
export class Shapes {
	readonly #methods: ReadonlyMap<string, readonly [request: string, response: string]>;
	readonly #messages = new Map<string, { readonly name: string; readonly fields: Map<number, FieldShape> }>();

	constructor({ methods, messages, enums }: Schema) {
		this.#methods = new Map(methods.map(([path, request, response]) => [path, [request, response]]));
		const values = new Map(enums.map(([name, pairs]) => [name, new Map(pairs)]));
		// types may refer to each other in circles
		for (const [name] of messages) this.#messages.set(name, { name, fields: new Map() });
		for (const [name, fields] of messages)
			for (const field of fields)
				this.#messages.get(name)?.fields.set(field.number, {
					name: safeName(field.name),
					kind: field.kind,
					isRepeated: field.isRepeated,
					key: field.key,
					rivals: rivalsOf(field, fields),
					message: this.#messages.get(field.type) ?? null,
					values: field.kind === "enum" ? (values.get(field.type) ?? NO_VALUES) : null,
				});
	}

	/** Of messages of a call; `isRequest` false: of its responses. Null: the call is not known. */
	ofMethod(path: string, isRequest: boolean): MessageShape | null {
		const types = this.#methods.get(path);
		return types === undefined ? null : this.ofMessage(types[isRequest ? 0 : 1]);
	}

	ofMessage(name: string): MessageShape | null {
		return this.#messages.get(name) ?? null;
	}
}

function rivalsOf({ oneof, number }: FieldSchema, fields: readonly FieldSchema[]): string[] {
	if (oneof === null) return [];
	return fields
		.filter((other) => other.oneof === oneof && other.number !== number)
		.map((other) => safeName(other.name));
}

/** The one name that an object does not take as such. */
function safeName(name: string): string {
	return name === "__proto__" ? "$__proto__" : name;
}

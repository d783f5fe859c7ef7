/**
 * What `.proto` files and descriptor sets say of messages, as plain data that crosses into worker threads. Names are whole,
 * without a dot in front.
 */

/** `group`: a message between two tags. */
export type FieldKind = ScalarKind | "message" | "group" | "enum";
export type ScalarKind =
	| "double"
	| "float"
	| "int32"
	| "uint32"
	| "sint32"
	| "fixed32"
	| "sfixed32"
	| "int64"
	| "uint64"
	| "sint64"
	| "fixed64"
	| "sfixed64"
	| "bool"
	| "string"
	| "bytes";

export interface FieldSchema {
	readonly number: number;
	/** In JSON: `lowerCamelCase` or `json_name`; an extension in brackets. */
	readonly name: string;
	readonly kind: FieldKind;
	/** Of messages, groups and enums; otherwise empty. */
	readonly type: string;
	readonly isRepeated: boolean;
	/** Kind of the keys of a map, of which `kind` and `type` are the values; otherwise null. */
	readonly key: ScalarKind | null;
	/** Of which no other may be there; null: it stands alone. */
	readonly oneof: string | null;
}

export interface Schema {
	/** Path of a call (`/package.Service/Method`), types of its requests and responses. */
	readonly methods: readonly (readonly [path: string, request: string, response: string])[];
	readonly messages: readonly (readonly [name: string, fields: readonly FieldSchema[]])[];
	readonly enums: readonly (readonly [name: string, values: readonly (readonly [number, string])[]])[];
}

/** What protobufjs understood of descriptors, as a `Schema`. */
import protobuf from "protobufjs";
import type { FieldKind, FieldSchema, ScalarKind, Schema } from "./schema.js";

/** A type that a field or a method names and nobody defines. */
export interface Unresolved {
	/** `Order` */
	readonly type: string;
	/** Whole name of who uses it. */
	readonly user: string;
	/** In which it stands, as it was given to protobufjs; null: not known. */
	readonly file: string | null;
}

/** Everything below a root. */
export function* objectsOf(space: protobuf.NamespaceBase): Generator<protobuf.ReflectionObject> {
	for (const object of space.nestedArray) {
		yield object;
		if (object instanceof protobuf.Namespace) yield* objectsOf(object);
	}
}

export function unresolvedOf(root: protobuf.Root): Unresolved[] {
	const found: Unresolved[] = [];
	const look = (space: protobuf.NamespaceBase, type: string, user: protobuf.ReflectionObject): void => {
		if (type in protobuf.types.basic || type === "group" || space.lookup(type, [protobuf.Type, protobuf.Enum]) !== null)
			return;
		const file = user.filename ?? user.parent?.filename ?? null;
		found.push({ type, user: nameOf(user), file });
	};
	for (const object of objectsOf(root)) {
		if (object instanceof protobuf.Type) for (const field of object.fieldsArray) look(object, field.type, field);
		if (object instanceof protobuf.Service)
			for (const method of object.methodsArray)
				for (const type of [method.requestType, method.responseType]) look(object, type, method);
	}
	return found;
}

/** Throws where something is wrong that `unresolvedOf` does not find. */
export function compile(root: protobuf.Root): Schema {
	root.resolveAll();
	const methods: [string, string, string][] = [];
	const messages: [string, FieldSchema[]][] = [];
	const enums: [string, [number, string][]][] = [];
	for (const object of objectsOf(root)) {
		if (object instanceof protobuf.Type) messages.push([nameOf(object), object.fieldsArray.map(fieldOf)]);
		else if (object instanceof protobuf.Enum) enums.push([nameOf(object), valuesOf(object)]);
		else if (object instanceof protobuf.Service)
			for (const method of object.methodsArray) {
				const { resolvedRequestType, resolvedResponseType } = method.resolve() as protobuf.Method;
				if (resolvedRequestType === null || resolvedResponseType === null) continue;
				const path = `/${nameOf(object)}/${method.name}`;
				methods.push([path, nameOf(resolvedRequestType), nameOf(resolvedResponseType)]);
			}
	}
	return { methods, messages, enums };
}

/** Of two that define the same the first counts. */
export function joined(schemas: readonly Schema[]): Schema {
	const first = <T extends readonly [string, ...unknown[]]>(lists: readonly (readonly T[])[]): T[] => {
		const known = new Map<string, T>();
		for (const list of lists) for (const entry of list) if (!known.has(entry[0])) known.set(entry[0], entry);
		return [...known.values()];
	};
	return {
		methods: first(schemas.map(({ methods }) => methods)),
		messages: first(schemas.map(({ messages }) => messages)),
		enums: first(schemas.map(({ enums }) => enums)),
	};
}

function fieldOf(field: protobuf.Field): FieldSchema {
	const { resolvedType, partOf } = field;
	const isMap = field instanceof protobuf.MapField;
	let kind: FieldKind = field.type as ScalarKind;
	if (resolvedType instanceof protobuf.Enum) kind = "enum";
	else if (resolvedType !== null) kind = field.delimited ? "group" : "message";
	return {
		number: field.id,
		// an extension belongs to the type that it extends, under a name with a dot in front
		name: field.name.startsWith(".") ? `[${field.name.slice(1)}]` : (field.jsonName ?? field.name),
		kind,
		type: resolvedType === null ? "" : nameOf(resolvedType),
		isRepeated: field.repeated,
		key: isMap ? (field.keyType as ScalarKind) : null,
		oneof: partOf?.name ?? null,
	};
}

/** Of several names of a number the first. */
function valuesOf({ values }: protobuf.Enum): [number, string][] {
	const known = new Map<number, string>();
	for (const [name, value] of Object.entries(values)) if (!known.has(value)) known.set(value, name);
	return [...known];
}

function nameOf({ fullName }: protobuf.ReflectionObject): string {
	return fullName.replace(/^\./, "");
}

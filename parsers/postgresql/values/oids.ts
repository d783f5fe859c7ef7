/** Object identifiers of built-in types (src/include/catalog/pg_type.dat of PostgreSQL; they never change). */
export const Oid = {
	bool: 16,
	bytea: 17,
	char: 18,
	name: 19,
	int8: 20,
	int2: 21,
	int4: 23,
	regproc: 24,
	text: 25,
	oid: 26,
	xid: 28,
	cid: 29,
	json: 114,
	xml: 142,
	cidr: 650,
	float4: 700,
	float8: 701,
	unknown: 705,
	macaddr: 829,
	inet: 869,
	bpchar: 1042,
	varchar: 1043,
	date: 1082,
	time: 1083,
	timestamp: 1114,
	timestamptz: 1184,
	interval: 1186,
	timetz: 1266,
	bit: 1560,
	varbit: 1562,
	numeric: 1700,
	regclass: 2205,
	regtype: 2206,
	void: 2278,
	uuid: 2950,
	jsonb: 3802,
} as const;

const NAMES = new Map<number, string>(Object.entries(Oid).map(([name, oid]) => [oid, name]));

/** Of an array type, the type of its elements. */
const ELEMENTS = new Map<number, number>([
	[1000, Oid.bool],
	[1001, Oid.bytea],
	[1002, Oid.char],
	[1003, Oid.name],
	[1005, Oid.int2],
	[1007, Oid.int4],
	[1009, Oid.text],
	[1014, Oid.bpchar],
	[1015, Oid.varchar],
	[1016, Oid.int8],
	[1021, Oid.float4],
	[1022, Oid.float8],
	[1028, Oid.oid],
	[1041, Oid.inet],
	[1115, Oid.timestamp],
	[1182, Oid.date],
	[1183, Oid.time],
	[1185, Oid.timestamptz],
	[1187, Oid.interval],
	[1231, Oid.numeric],
	[1270, Oid.timetz],
	[143, Oid.xml],
	[199, Oid.json],
	[2951, Oid.uuid],
	[3807, Oid.jsonb],
	[651, Oid.cidr],
]);

export function elementOf(oid: number): number | undefined {
	return ELEMENTS.get(oid);
}

/** `int4`, `text[]`; the number itself for a type that is not built in; `unspecified` for 0. */
export function typeName(oid: number): string {
	const name = NAMES.get(oid);
	if (name !== undefined) return name;
	const element = ELEMENTS.get(oid);
	if (element !== undefined) return `${NAMES.get(element)}[]`;
	return oid === 0 ? "unspecified" : String(oid);
}

import * as layout from "../record-layout.js";
import { ElfFile } from "./elf.js";
import { goFunctions } from "./go-program.js";
import { GO, GO_FUNCTIONS, TLS_LIBRARIES, WITHOUT_RETURN } from "./libraries.js";

/** A place in a file, and what `enum tls_function` says of it. */
export interface ProbePlace {
	readonly offset: number;
	readonly does: number;
}

/** A file that has TLS inside, and where to probe it. */
export interface Inspection {
	readonly library: string;
	readonly number: number;
	readonly entries: readonly ProbePlace[];
	/** Functions whose return is probed by the return address on the stack. */
	readonly returns: readonly ProbePlace[];
}

const ALL_NAMES: ReadonlySet<string> = new Set(
	TLS_LIBRARIES.flatMap(({ functions }) => functions.map(({ name }) => name)),
);
const SIGNS = TLS_LIBRARIES.map(({ sign }) => sign);

/** Null: there is no TLS library that we know in this file, or it is damaged, or no ELF file at all. */
export function inspect(path: string): Inspection | null {
	let file: ElfFile;
	try {
		file = new ElfFile(path);
	} catch {
		return null;
	}
	try {
		return libraryIn(file) ?? goIn(file);
	} catch {
		return null;
	} finally {
		file.close();
	}
}

function libraryIn(file: ElfFile): Inspection | null {
	const offsets = file.functions(ALL_NAMES, SIGNS);
	const library = TLS_LIBRARIES.find(({ sign }) => offsets.has(sign));
	if (library === undefined) return null;
	const entries: ProbePlace[] = [];
	for (const { name, does } of library.functions) {
		const offset = offsets.get(name);
		// aliases stand at one place
		if (offset !== undefined && !entries.some((entry) => entry.offset === offset)) entries.push({ offset, does });
	}
	const returns = entries.filter(({ does }) => !WITHOUT_RETURN.has(does));
	return { library: library.name, number: library.number, entries, returns };
}

/** Go moves stacks, so returns are probed where they are, and not by the return address. */
function goIn(file: ElfFile): Inspection | null {
	const found = goFunctions(
		file,
		GO_FUNCTIONS.map(({ name }) => name),
	);
	const entries: ProbePlace[] = [];
	for (const { name, does, returns } of GO_FUNCTIONS) {
		const place = found.get(name);
		if (place === undefined) continue;
		entries.push({ offset: place.entry, does });
		for (const offset of place.returns) entries.push({ offset, does: returns });
	}
	if (entries.length === 0) return null;
	return { library: GO, number: layout.TLS_GO, entries, returns: [] };
}

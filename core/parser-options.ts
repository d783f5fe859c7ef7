/** Options of parsers: `protocols:` in a config, and what becomes of them before a worker sees them. */

/** What the options of a parser may name outside of the config. */
export interface ConfigFiles {
	/** An absolute path; relative ones start at `folder`, without it where the config file is. */
	resolve(path: string, folder?: string): string;
	/** Rejects where there is no such file, or it is larger than 64 MiB. */
	read(path: string): Promise<Uint8Array>;
}

/** What is wrong with options beyond what their schema says. */
export interface OptionProblem {
	/** Within the options. */
	readonly path: readonly (string | number)[];
	readonly message: string;
	/** Where it is, if that is in a file that the options name; line and column are 1-based. */
	readonly place?: { readonly file: string; readonly line: number; readonly column: number };
}

/** `options` is what `create` gets: plain, structured-cloneable data. */
export type PreparedOptions = { readonly options: unknown } | { readonly problems: readonly OptionProblem[] };

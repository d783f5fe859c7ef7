/** What a config may refer to outside of itself. */
export interface ConfigWorld {
	/** As it is called in messages. */
	readonly file: string;
	/** What relative paths of `include` and `${file:…}` start from. */
	readonly folder: string;
	readonly variables: Readonly<Record<string, string | undefined>>;
	/** Rejects where there is no such file. */
	readFile(path: string): Promise<string>;
	/** Names of the files in a folder, sorted. Rejects where there is none. */
	list(folder: string): Promise<readonly string[]>;
}

/** For a config that stands alone. */
export function nowhere(file: string): ConfigWorld {
	const refuse = async () => {
		throw new Error("there are no files here");
	};
	return { file, folder: ".", variables: {}, readFile: refuse, list: refuse };
}

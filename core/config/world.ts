import { resolve } from "node:path";
import type { ConfigFiles } from "../parser-options.js";

/** Of one file that the options of a protocol name. */
export const MOST_FILE_BYTES = 64 << 20;

/** What a config may refer to outside of itself. */
export interface ConfigWorld {
	/** As it is called in messages. */
	readonly file: string;
	/** What relative paths of `include` and `${file:…}` start from. */
	readonly folder: string;
	readonly variables: Readonly<Record<string, string | undefined>>;
	/** Rejects where there is no such file. */
	readFile(path: string): Promise<string>;
	/** The same, as bytes; rejects also where it is larger than `MOST_FILE_BYTES`. */
	readBytes(path: string): Promise<Uint8Array>;
	/** Names of the files in a folder, sorted. Rejects where there is none. */
	list(folder: string): Promise<readonly string[]>;
}

/** For a config that stands alone. */
export function nowhere(file: string): ConfigWorld {
	const refuse = async () => {
		throw new Error("there are no files here");
	};
	return { file, folder: ".", variables: {}, readFile: refuse, readBytes: refuse, list: refuse };
}

/** For the options of protocols. */
export function filesOf(world: ConfigWorld): ConfigFiles {
	return {
		resolve: (path, folder = world.folder) => resolve(folder, path),
		read: (path) => world.readBytes(path),
	};
}

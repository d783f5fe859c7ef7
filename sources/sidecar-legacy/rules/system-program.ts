import { accessSync, constants } from "node:fs";
import { join } from "node:path";

/** Where distributions have the programs of an administrator. */
const FOLDERS = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin", "/usr/local/bin"];

/**
 * Path of a program of the system. Not by PATH: npm puts node_modules/.bin before everything else, where a package may have a
 * program of the same name (`nft` is one) that does something else and says that all went well.
 */
export function systemProgram(name: string): string {
	for (const folder of FOLDERS) {
		const path = join(folder, name);
		try {
			accessSync(path, constants.X_OK);
			return path;
		} catch {
			// not there
		}
	}
	return name;
}

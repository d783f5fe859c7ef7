import { closeSync, readSync } from "node:fs";
import { libbpf, type Pointer } from "./libbpf.js";

/** Runs a program of kind `iter/task_file` over every file of every process, once. False: the kernel refused. */
export function walkFiles(program: Pointer): boolean {
	const bpf = libbpf();
	const link = bpf.attachIterator(program, null);
	if (link === null) return false;
	try {
		const fd = bpf.createIterator(bpf.linkFd(link));
		if (fd < 0) return false;
		try {
			// it prints nothing: reading to the end is what makes it run
			while (readSync(fd, Buffer.alloc(4096)) > 0);
			return true;
		} finally {
			closeSync(fd);
		}
	} catch {
		return false;
	} finally {
		bpf.destroyLink(link);
	}
}

import test from "ava";
import { pathText } from "../../../sources/ebpf/unix-sockets.js";

const rows: readonly (readonly [title: string, bytes: string, expected: string])[] = [
	["a path", "/run/a.sock", "/run/a.sock"],
	["with its zero", "/run/a.sock\0", "/run/a.sock"],
	["none", "", ""],
	["an abstract name", "\0name", "@name"],
	["one that is padded", "\0name\0\0\0", "@name"],
];

for (const [title, bytes, expected] of rows)
	test(`the path of a Unix socket: ${title}`, (t) => {
		t.is(pathText(Buffer.from(bytes, "latin1")), expected);
	});

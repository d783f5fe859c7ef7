import { createWriteStream } from "node:fs";
import anyTest, { type TestFn } from "ava";
import { missing } from "./needs.js";

const test: TestFn = anyTest;

/** A serial test that needs root and these programs; where one is missing it says so in one loud line and is skipped. */
export function needing(...needs: readonly string[]) {
	const why = process.getuid?.() !== 0 ? "it needs root" : missing(...needs);
	if (why !== null) createWriteStream("", { fd: 2 }).write(`SKIPPED sidecar: ${why}\n`);
	return why === null ? test.serial : test.serial.skip;
}

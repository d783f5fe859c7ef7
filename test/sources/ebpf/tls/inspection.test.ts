import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import * as layout from "../../../../sources/ebpf/record-layout.js";
import { inspect } from "../../../../sources/ebpf/tls/inspection.js";

const folder = mkdtempSync(join(tmpdir(), "polytap-elf-"));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

/** A 64-bit little-endian ELF file with one loaded segment of code at 0x1000 and these functions. */
function elf(functions: Readonly<Record<string, number>>, type: "dynamic" | "static" = "dynamic"): Buffer {
	const names = Buffer.from(`\0${Object.keys(functions).join("\0")}\0`);
	const symbols = Buffer.alloc(24 * (Object.keys(functions).length + 1));
	let at = 1;
	Object.entries(functions).forEach(([name, address], i) => {
		symbols.writeUInt32LE(at, 24 * (i + 1));
		symbols[24 * (i + 1) + 4] = 0x12;
		symbols.writeUInt32LE(address, 24 * (i + 1) + 8);
		at += name.length + 1;
	});
	const head = Buffer.alloc(64 + 56);
	head.write("\x7fELF\x02\x01\x01", 0, "latin1");
	const namesAt = head.length;
	const symbolsAt = namesAt + names.length;
	const sectionsAt = symbolsAt + symbols.length;
	head.writeUInt32LE(64, 32);
	head.writeUInt32LE(sectionsAt, 40);
	head.writeUInt16LE(56, 54);
	head.writeUInt16LE(1, 56);
	head.writeUInt16LE(64, 58);
	head.writeUInt16LE(3, 60);
	// the segment: loaded, executable, from 0x200 of the file
	head.writeUInt32LE(1, 64);
	head.writeUInt32LE(5, 68);
	head.writeUInt32LE(0x200, 72);
	head.writeUInt32LE(0x1000, 80);
	head.writeUInt32LE(0x10_0000, 96);
	const sections = Buffer.alloc(64 * 3);
	const section = (i: number, kind: number, offset: number, size: number, link: number) => {
		sections.writeUInt32LE(kind, 64 * i + 4);
		sections.writeUInt32LE(offset, 64 * i + 24);
		sections.writeUInt32LE(size, 64 * i + 32);
		sections.writeUInt32LE(link, 64 * i + 40);
	};
	section(1, 3, namesAt, names.length, 0);
	section(2, type === "dynamic" ? 11 : 2, symbolsAt, symbols.length, 1);
	return Buffer.concat([head, names, symbols, sections]);
}

function inspected(bytes: Uint8Array): ReturnType<typeof inspect> {
	const path = join(folder, "file");
	writeFileSync(path, bytes);
	return inspect(path);
}

for (const type of ["dynamic", "static"] as const)
	test(`functions by name, in the ${type} table: places in the file, what each does, which have returns`, (t) => {
		const found = inspected(elf({ other: 0x1100, SSL_write: 0x1200, SSL_read_ex: 0x1300, SSL_free: 0x1400 }, type));
		t.is(found?.library, "openssl");
		t.is(found?.number, layout.TLS_OPENSSL);
		t.deepEqual(found?.entries, [
			{ offset: 0x500, does: layout.TLS_READ_EX },
			{ offset: 0x400, does: layout.TLS_WRITE },
			{ offset: 0x600, does: layout.TLS_FREE },
		]);
		t.deepEqual(
			found?.returns.map(({ offset }) => offset),
			[0x500, 0x400],
		);
	});

test("another library; two names of one place are one probe; what lies outside of the code is none", (t) => {
	const found = inspected(elf({ gnutls_record_send: 0x1200, gnutls_record_send2: 0x1200, gnutls_bye: 0x9000_0000 }));
	t.is(found?.library, "gnutls");
	t.deepEqual(found?.entries, [{ offset: 0x400, does: layout.TLS_WRITE }]);
});

test("without the function that makes a library one there is none", (t) => {
	t.is(inspected(elf({ SSL_read: 0x1200 })), null);
	t.is(inspected(Buffer.from("#!/bin/sh\n")), null);
	t.is(inspected(Buffer.alloc(0)), null);
	t.is(inspect(join(folder, "nothing")), null);
	t.is(inspect(folder), null);
});

test("this very Node.js has its library inside", (t) => {
	const found = inspect(process.execPath);
	if (found === null) {
		t.log("this Node.js is linked with a shared OpenSSL: not shown here");
		t.pass();
		return;
	}
	t.is(found.library, "openssl");
	t.true(found.entries.length >= 8);
});

test("damaged files have nothing in them, or less", (t) => {
	const whole = elf({ SSL_write: 0x1200, SSL_read: 0x1300 });
	fc.assert(
		fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, length) => {
			const bytes = Uint8Array.from(whole);
			bytes[at] = byte;
			for (const part of [bytes, bytes.subarray(0, length)]) {
				const found = inspected(part);
				t.true(found === null || found.entries.length <= 2);
			}
		}),
		{ seed: 20_260_105, numRuns: 300 },
	);
	t.is(readFileSync(join(folder, "file")).length > 0, true);
});

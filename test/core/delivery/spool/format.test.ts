import test from "ava";
import {
	HEADER_BYTES,
	isIntact,
	putBlockHeader,
	readBlockHeader,
	readSegmentHeader,
	recordsOf,
	segmentHeader,
} from "../../../../core/delivery/spool/format.js";

const LARGE = 2 ** 40 + 12_345;

function block(records: readonly string[]): Buffer {
	const payload = Buffer.concat(
		records.flatMap((record) => {
			const bytes = Buffer.from(record);
			const length = Buffer.alloc(4);
			length.writeUInt32LE(bytes.length);
			return [length, bytes];
		}),
	);
	const whole = Buffer.concat([Buffer.alloc(HEADER_BYTES), payload]);
	putBlockHeader(whole, payload.length, records.length, LARGE);
	return whole;
}

test("headers say what was put into them, also beyond 32 bits", (t) => {
	t.deepEqual(readSegmentHeader(segmentHeader(LARGE)), { version: 1, first: LARGE });
	const whole = block(["a", "", "ccc"]);
	const head = readBlockHeader(whole)!;
	const payload = whole.subarray(HEADER_BYTES);
	t.deepEqual({ ...head, payloadCrc: 0 }, { encoding: 1, payloadBytes: 16, records: 3, first: LARGE, payloadCrc: 0 });
	t.true(isIntact(head, payload));
	t.deepEqual(recordsOf(head, payload)!.map(String), ["a", "", "ccc"]);
});

test("every changed byte is noticed", (t) => {
	const whole = block(["one", "two"]);
	for (let at = 0; at < whole.length; at++) {
		const bytes = Buffer.from(whole);
		bytes[at]! ^= 0x10;
		const head = readBlockHeader(bytes);
		t.is(head === null || !isIntact(head, bytes.subarray(HEADER_BYTES)), true, `${at}`);
		t.is(head === null, at < HEADER_BYTES, `${at}`);
	}
	const header = segmentHeader(3);
	for (let at = 0; at < header.length; at++) {
		const bytes = Buffer.from(header);
		bytes[at]! ^= 1;
		t.is(readSegmentHeader(bytes), null);
	}
	t.is(readBlockHeader(whole.subarray(0, 31)), null);
	t.is(readSegmentHeader(header.subarray(0, 31)), null);
});

test("lengths that do not fit are no records", (t) => {
	const whole = block(["one", "two"]);
	const head = readBlockHeader(whole)!;
	const payload = Buffer.from(whole.subarray(HEADER_BYTES));
	t.is(recordsOf({ ...head, records: 3 }, payload), null);
	t.is(recordsOf({ ...head, records: 1 }, payload), null);
	payload.writeUInt32LE(0xffff_ffff, 0);
	t.is(recordsOf(head, payload), null);
});

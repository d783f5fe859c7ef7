import test from "ava";
import * as layout from "../../../sources/ebpf/record-layout.js";
import { type RecordFields, Script } from "./records.js";

const OPEN = "server 10.0.0.2:4000 10.0.0.1:80 null";
const datagram = (data: string, more: RecordFields = {}): RecordFields => ({
	kind: layout.RECORD_DATAGRAM,
	isUdp: true,
	pid: 1,
	data,
	receive: true,
	...more,
});
const owner = (pid: number): RecordFields => ({ kind: layout.RECORD_OPEN, isUdp: true, pid });

test("a question and its answer are one flow", (t) => {
	const script = new Script();
	t.deepEqual(script.payload(datagram("ask")), [`open 1 ${OPEN}`, "datagram 1 0 ask"]);
	t.deepEqual(script.payload(datagram("tell", { receive: false })), ["datagram 1 1 tell"]);
	t.deepEqual(script.payload(datagram("")), ["datagram 1 0 "]);
});

test("each far end of a socket is a flow of its own", (t) => {
	const script = new Script();
	script.payload(datagram("a"));
	t.is(script.payload(datagram("b", { remotePort: 4001 }))[0], "open 2 server 10.0.0.2:4001 10.0.0.1:80 null");
	t.is(script.translator.udp.openFlows, 2);
});

test("what comes before its socket has made a call waits for that", (t) => {
	const script = new Script();
	t.deepEqual(script.payload(datagram("first", { pid: 0 })), []);
	t.deepEqual(script.payload(datagram("second", { pid: 0 })), []);
	t.deepEqual(script.payload(datagram("other", { cookie: 2, pid: 0 })), []);
	t.deepEqual(script.payload(owner(1)), [`open 1 ${OPEN}`, "datagram 1 0 first", "datagram 1 0 second"]);
	t.deepEqual(script.udpTick(4), []);
	t.deepEqual(script.udpTick(6), [`open 2 ${OPEN}`, "datagram 2 0 other"]);
});

test("what waits is told at the end", (t) => {
	const script = new Script();
	script.payload(datagram("first", { pid: 0 }));
	t.deepEqual(script.udpTick(0, true), [`open 1 ${OPEN}`, "datagram 1 0 first"]);
});

test("no more than some thousand wait", (t) => {
	const script = new Script();
	let told = 0;
	for (let i = 0; i < 5000; i++) told += script.payload(datagram("x", { cookie: i + 1, pid: 0 })).length;
	t.is(told, 2 * (5000 - 4096));
});

test("our own datagrams are not told", (t) => {
	const script = new Script();
	t.deepEqual(script.payload(datagram("x", { pid: process.pid })), []);
	t.deepEqual(script.payload(datagram("y", { pid: 0 })), []);
	t.deepEqual(script.payload(owner(process.pid)), []);
	t.deepEqual(script.udpTick(60), []);
});

test("silence ends a flow, and its number is used again", (t) => {
	const script = new Script();
	script.payload(datagram("a"));
	script.payload(datagram("b", { remotePort: 4001 }));
	t.deepEqual(script.udpTick(20), []);
	t.deepEqual(script.udpTick(40), ["close 1", "close 2"]);
	t.is(script.payload(datagram("c"))[0], `open 2 ${OPEN}`);
});

test("where both ports are a server's, who speaks first asks", (t) => {
	const script = new Script();
	const role = layout.ROLE_UNKNOWN;
	t.is(script.payload(datagram("a", { role }))[0], "open 1 server? 10.0.0.2:4000 10.0.0.1:80 null");
	t.is(
		script.payload(datagram("b", { role, receive: false, cookie: 2 }))[0],
		"open 2 client? 10.0.0.1:80 10.0.0.2:4000 null",
	);
});

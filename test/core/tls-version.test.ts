import test from "ava";
import { tlsVersionOf } from "../../core/index.js";

test("the names of OpenSSL and Java become numbers, others stay", (t) => {
	for (const [name, version] of [
		["TLSv1.3", "1.3"],
		["TLSv1.2", "1.2"],
		["TLSv1.1", "1.1"],
		["TLSv1", "1.0"],
		["1.3", "1.3"],
		["SSLv3", "SSLv3"],
		["DTLSv1.2", "DTLSv1.2"],
		["", ""],
	] as const)
		t.is(tlsVersionOf(name), version, name);
});

import test from "ava";
import { checkParser } from "polytap/testkit";
import parser from "../../../parsers/http2/index.js";
import { conversations } from "./conversations.js";

test("the parser keeps its contract", async (t) => {
	await checkParser(parser, { module: new URL("../../../parsers/http2/index.js", import.meta.url), conversations });
	t.pass();
});

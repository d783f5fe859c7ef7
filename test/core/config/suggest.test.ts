import test from "ava";
import { didYouMean, editDistance, suggest } from "../../../core/config/suggest.js";

test("a swap of neighbours is one step", (t) => {
	t.is(editDistance("path", "paht"), 1);
	t.is(editDistance("", "abc"), 3);
	t.is(editDistance("same", "same"), 0);
	t.is(editDistance("kitten", "sitting"), 3);
});

test("finds a slip of the finger and other ways to write a key", (t) => {
	const keys = ["max_body_bytes", "merge_window_ms", "path"];
	t.is(suggest("paht", keys), "path");
	t.is(suggest("maxBodyBytes", keys), "max_body_bytes");
	t.is(suggest("max-body-bytes", keys), "max_body_bytes");
	t.is(suggest("max_body_byte", keys), "max_body_bytes");
});

test("says nothing rather than something far away", (t) => {
	t.is(suggest("colour", ["path", "fsync"]), null);
	t.is(didYouMean("zz", ["path"]), "");
	t.is(didYouMean("pth", ["path"]), ' (did you mean "path"?)');
});

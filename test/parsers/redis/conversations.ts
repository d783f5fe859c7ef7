import type { Conversation } from "../../testkit/parser/conversation.js";
import { cases } from "./cases.js";

/** For the test kit. Inline commands are words that other protocols have, too, so they are left to their own tests. */
export const conversations: readonly Conversation[] = cases
	.filter(({ name }) => !name.startsWith("inline"))
	.map(({ name, steps }) => ({
		name,
		steps: steps.map(([dir, text]) => ({ from: dir === 0 ? ("client" as const) : ("server" as const), text })),
	}));

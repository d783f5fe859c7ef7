import type { Sample } from "../sample.js";

/** A connection of its own does not exist: it is handed over to. Joined late it is recognised, see detection.test.ts beside this. */
export const samples: readonly Sample[] = [];

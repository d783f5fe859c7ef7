import type { Sample } from "../sample.js";

/** It reads payloads of other protocols only. */
export const samples: readonly Sample[] = [];

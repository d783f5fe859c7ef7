/** The public API: everything a plugin may import, and nothing else. */
export { z } from "zod";
export * from "./errors.js";
export * from "./events.js";
export * from "./exchange.js";
export { asWriteError, isBrokenPipe, writeFully } from "./io/write-fully.js";
export * from "./plugin.js";
export { leastJsonBytes, toJson, writeJson } from "./wire/json.js";

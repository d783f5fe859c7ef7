/** Part of the published test kit. */
export * from "../testkit/mutation.js";

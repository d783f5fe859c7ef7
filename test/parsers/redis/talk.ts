/** RESP as tests write it. */
import type { Direction, Exchange } from "../../../core/index.js";
import redis from "../../../parsers/redis/index.js";
import type { Harness } from "../../core/engine/harness.js";
import { type Cut, play, type Step } from "../http1/play.js";

/** A command as clients send it. */
export function command(...words: readonly string[]): string {
	return `*${words.length}\r\n${words.map(bulk).join("")}`;
}

export const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

export const ask = (...words: readonly string[]): Step => [0, command(...words)];
export const tell = (text: string): Step => [1, text];

export function talk(steps: readonly Step[], cut: Cut): Harness {
	return play(steps, cut, { parsers: [redis] });
}

/** `operation → result outcome`, in the order in which they began. */
export function lines(exchanges: readonly Exchange[]): string[] {
	return [...exchanges]
		.filter(({ kind }) => kind !== "connection")
		.map(({ kind, summary, outcome }) => {
			const arrow = `${summary.operation} → ${summary.result} ${outcome}`;
			return kind === "message" ? `message ${arrow}` : arrow;
		});
}

export type { Direction };

/** How a connection of a protocol begins. Each parser's test folder has a `samples.ts` with some of them. */
export interface Sample {
	readonly client: Uint8Array;
	readonly server: Uint8Array;
}

/** The sentences that the kit holds plugins to, as they stand in `core/plugin.ts`, `core/content.ts`, `core/events.ts`; a test keeps both equal. */
export const CONTRACT = {
	// ---------------------------------------------------------------------------------------------------- every plugin
	options: "One strict zod schema: the only description of the options.",
	pureCreate:
		"A plugin is a descriptor (the default export of its folder's `index.ts`) whose `create` is pure: it validates nothing, opens nothing, starts nothing.",
	counters: "Cumulative counters for totals and metrics, snake_case with units.",
	// --------------------------------------------------------------------------------------------------------- parsers
	detectAnswers: "Is this protocol spoken here?",
	detectMore: "Must answer `more` rather than guess from a few bytes; missing a protocol beats misclassifying one.",
	detectKeeps: "Must not keep or change the arrays.",
	readsOnly: "Promise never to write into bytes it is given.",
	sansIo: "Never reads a clock, never throws for bad bytes",
	sameSaid: "How a stream is cut into calls means nothing either: the same bytes make the same exchanges.",
	anyOrder:
		"The order in which the two directions are seen is not the order on the wire: an answer may be offered before its question.",
	honest:
		"Where bytes are missing, what is told as complete is what was there: a message that the parser did not see is never made up, and a body that lost bytes says so.",
	consumed: "Returns how many were consumed; the rest is offered again at the front of a longer array when more came",
	otherNumber: "Any other number is a bug.",
	carry: "Returning 0 for ever is bounded by the engine's carry limit, after which the connection is opaque.",
	mustProceed: "then `out.mustProceed` is true and `WAIT` is not accepted.",
	toldTwice: "what was told on `out` before `WAIT` must not be told again.",
	gapInside:
		"Returns true where the parser knows that all of them lie inside one payload and has told the message so with `bodyGap`; its state stays valid.",
	resync: "`need`: not in these bytes, of which the last `need` must be offered again.",
	speaksInside: "How a parser speaks, during a call of `data`, `gap` or `end` only.",
	indexes:
		"Indexes count from the start of the `bytes` of that call (0 where it has none) and mean positions of that call's direction.",
	ownDirection:
		"May be kept from call to call, and used from calls of the other direction, except for what takes an index or bytes, which are of its own direction.",
	bodyBytes:
		"Where `bytes` are not those of the call (unmasked, decompressed) `index` is the index that the first of them has in those.",
	bodyGap: "The engine knows the cause. Called from `gap`.",
	onePayloadKind: "A payload under construction: bytes (`body`) or structured values (`item`), never both.",
	plainValue: "Plain data that JSON can say. It belongs to core from the call on and must not be changed.",
	decoder: "it must give the same each time, change nothing, and keep no view of the bytes.",
	head: "Start line and headers of a message.",
	tags: "paired in order, or with the request of the same tag (a stream, a correlation id: 32 bits; one protocol uses one way).",
	opaqueReason: "`reason` is a word-like-this.",
	notes: "At most 64 names; later ones are ignored.",
	example: "Some typical exchanges of one connection, as latin-1 text",
	contentSpeaks: "How it speaks, during its calls only.",
	contentIndexes: "`out` takes indexes of `bytes`.",
	// --------------------------------------------------------------------------------------------------------- sources
	sourceOpen: "Called once before `batches`. Rejects with a `PolytapError` where the source cannot capture",
	sourceOpenAbort: "`signal` aborts when polytap stops meanwhile; the promise must then settle soon, either way.",
	sourceSees: "When it resolves the source captures: whatever begins after that is seen.",
	sourceEnds:
		"Ends when there is nothing more to come or within 1 s of `signal`; what was already captured is still yielded first.",
	sourceBetween: "Events of one `conn` come between its `open` and its `close`; those of different ones in any order.",
	sourceOrder:
		"Bytes of one direction come in the order of their offsets, each once, unless the medium itself reorders or repeats them.",
	sourceThrows:
		"When it throws the source has failed: its connections end as they are and it is closed; core does not call it again.",
	sourceCloses: "also while `batches` still runs, where that did not end in time: it must then end at its next turn",
	sourceClose: "Idempotent, legal before `open`. What it rejects with is reported and changes nothing.",
	sourceRoom: "Asked between batches, sync.",
	hostOpen: "Rejects with a `PolytapError` where the source cannot capture.",
	hostClose: "Idempotent, legal before `open`.",
	hostData:
		"Returns plain, structured-cloneable data (file descriptors, ports, shared buffers) for every worker's `create`.",
	eventShape:
		"A closed union of plain objects; every property is always present, so that each kind keeps one hidden class.",
	eventTimes: "Times are integer microseconds since the Unix epoch in a `number`.",
	eventOffsets:
		"Offsets are 0-based positions in one direction's byte stream: 64-bit in meaning, a `number` here (exact to 8 PiB).",
	eventConn: "it may be used again only after its `close`.",
	eventEnd: "One direction ended at `finalOffset` (the offset after its last byte), or null where that is not known.",
	// ----------------------------------------------------------------------------------------------------------- sinks
	maxInFlight: "How many `write` calls may be under way at once.",
	sinkOpen: "Called once before `write`. Rejects with a `PolytapError` where it cannot deliver.",
	sinkWrites: "Resolves when the batch is written as safely as the sink promises.",
	sinkRejects:
		"Rejects with `Retryable` (the whole batch may be offered again), `Permanent` (never again) or `Partial` (some of it was written).",
	sinkPartial:
		"`failed` are the indexes in the batch that were not written; `retryable` tells whether to try them again.",
	sinkMemory: "Must not keep the exchanges' memory after it settled; must not change them.",
	sinkAbort: "`signal` aborts when polytap will not wait any longer.",
	sinkClose: "Flushes and frees. Called when no `write` is under way. Idempotent, legal before `open`.",
} as const;

export type Clause = keyof typeof CONTRACT;

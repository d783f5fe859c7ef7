/**
 * Capture events: what a source tells the engine. A closed union of plain objects; every property is always present,
 * so that each kind keeps one hidden class.
 *
 * Offsets are 0-based positions in one direction's byte stream: 64-bit in meaning, a `number` here (exact to 8 PiB).
 * Times are integer microseconds since the Unix epoch in a `number`.
 */

/** 0: client to server (requests). 1: server to client (responses). */
export type Direction = 0 | 1;

export const CLIENT_TO_SERVER = 0;
export const SERVER_TO_CLIENT = 1;

/** Where a connection is watched from. `wire`: packets, both directions at once. `proxy`: a relay in the request path. */
export type Vantage = "client" | "server" | "wire" | "proxy";

export type Transport = "tcp" | "udp" | "unix";

/** Why bytes are missing. The closed list of causes that a record, a total or a `gap` may name. */
export const GAP_CAUSES = [
	"ring-full",
	"missed",
	"limit",
	"sendfile",
	"splice",
	"io-uring",
	"not-readable",
	"joined-late",
	"reset",
	"source-lost",
	"parse-resync",
	"position-conflict",
	"unjoined",
	"cap",
	"sampled",
	"redacted",
	"covered",
] as const;
export type GapCause = (typeof GAP_CAUSES)[number];

export interface Endpoint {
	/** IPv4 dotted or IPv6 in RFC 5952 form; IPv4-mapped IPv6 addresses are written as IPv4. A path for `unix`. */
	readonly address: string;
	readonly port: number;
}

export interface ProcessIdentity {
	readonly pid: number;
	/** The thread group's `comm`. */
	readonly name: string;
	/** Absolute path, or null where it could not be read. */
	readonly executable: string | null;
	/** Path in the cgroup v2 hierarchy, or null. */
	readonly cgroup: string | null;
	/** Id of the container that it runs in, or null. */
	readonly container: string | null;
	/** Of Kubernetes: the pod's uid, or null. */
	readonly pod: string | null;
	/** Who made the container: `docker`, `containerd`, `cri-o`, `podman`, `lxc`, `nspawn`; null where nobody tells. */
	readonly runtime: string | null;
	/** The systemd unit that it belongs to, or null. */
	readonly unit: string | null;
	/** The user it runs as, by number, as the initial user namespace has it; null where it could not be read. */
	readonly uid: number | null;
	/**
	 * What the cluster knows of its pod, by the names that OpenTelemetry gave (`k8s.pod.name`, `k8s.deployment.name`, …). Absent:
	 * it is in none, nobody was told to ask (`kubernetes` of the config), or the pod is not known. Sources leave it out.
	 */
	readonly kubernetes?: Readonly<Record<string, string>>;
}

/**
 * A vantage of a connection is watched from here on. `conn` is the source's own number for this vantage (one socket, or
 * one connection of a packet capture); it may be used again only after its `close`. Two vantages whose endpoints, bases
 * and namespace are equal are the two ends of one connection: the engine merges them.
 */
export interface OpenEvent {
	readonly kind: "open";
	readonly conn: number;
	readonly tsUs: number;
	readonly transport: Transport;
	readonly client: Endpoint;
	readonly server: Endpoint;
	readonly role: Vantage;
	/** False where client and server are only a guess (a late join whose roles nothing told): detection may swap them. */
	readonly roleKnown: boolean;
	/** The 32-bit TCP sequence numbers of offset 0 of both directions, or null where there are none. */
	readonly bases: readonly [number, number] | null;
	/** False: offset 0 is only the first byte seen, the stream began earlier (a packet capture joined in the middle). */
	readonly fromStart: boolean;
	/**
	 * True: bytes had passed before anybody looked, so the first position that comes is where watching began, and nothing will
	 * fill what lies before it. Otherwise absent.
	 */
	readonly late?: true;
	/**
	 * The protocol that is spoken here, by its name in the registry: whoever configured the source said so. Nobody is asked
	 * then, and what that parser cannot read is opaque. Otherwise absent.
	 */
	readonly protocol?: string;
	/**
	 * Of a connection that began earlier: for so long before `tsUs` the source was watching, and nothing passed. Absent: nobody
	 * knows.
	 */
	readonly quietUs?: number;
	/** Network namespace inode number, or null where it is not known. */
	readonly netns: number | null;
	readonly process: ProcessIdentity | null;
	readonly layer: "transport" | "plaintext";
	/** The transport-layer `conn` below a `plaintext` one: its hellos say what is known of the encryption. */
	readonly lower: number | null;
	/** Of a `plaintext` one: what encrypted it, `openssl`. Otherwise absent. */
	readonly library?: string;
	/**
	 * Whose bytes this source will tell, late as they may be: those of `this-end`, or of `both-ends`, though nothing has been told
	 * of the other one yet. Until both have, complete exchanges wait for them, at most the merge window and not again after the
	 * first that waited in vain. Absent: nothing is waited for before it has come.
	 */
	readonly expects?: "this-end" | "both-ends";
}

/**
 * Bytes of one direction. `data` is read-only memory that is valid only until `ingest` returns: it may lie in the
 * kernel's ring, where a write is a segmentation fault and not an exception.
 */
export interface BytesEvent {
	readonly kind: "bytes";
	readonly conn: number;
	readonly dir: Direction;
	readonly offset: number;
	readonly tsUs: number;
	readonly data: Uint8Array;
}

/**
 * Bytes that this vantage knows to be missing. Provisional: another vantage or the wire may still fill them within the
 * merge window. `length` null: from here to wherever bytes go on.
 */
export interface GapEvent {
	readonly kind: "gap";
	readonly conn: number;
	readonly dir: Direction;
	readonly tsUs: number;
	readonly offset: number;
	readonly length: number | null;
	readonly cause: GapCause;
	/** True: nothing will fill it, so nobody need wait for that. Otherwise absent. */
	readonly isFinal?: true;
}

export interface DatagramEvent {
	readonly kind: "datagram";
	readonly conn: number;
	readonly dir: Direction;
	readonly tsUs: number;
	readonly data: Uint8Array;
}

/** A whole exchange from a source that already decodes (a log, a message file). */
export interface ExchangeEvent {
	readonly kind: "exchange";
	readonly exchange: import("./exchange.js").Exchange;
}

/** Facts that a source knows about a byte range; they end up in `annotations` of the exchanges that the range touches. */
export interface AnnotateEvent {
	readonly kind: "annotate";
	readonly conn: number;
	readonly dir: Direction;
	readonly fromOffset: number;
	readonly toOffset: number;
	readonly attributes: Readonly<Record<string, string | number | boolean>>;
	/**
	 * Of a plaintext connection: the positions of the range's ciphertext in the stream below, which another source may watch.
	 * Said before the bytes of the range. Otherwise absent.
	 */
	readonly lowerRange?: readonly [from: number, to: number];
}

/**
 * What became known of a connection after its open: who is at its ends, and what protects it. Null changes nothing. Only what
 * the source knows; a guess is no fact. Records that are finished from here on have it.
 */
export interface IdentifyEvent {
	readonly kind: "identify";
	readonly conn: number;
	readonly client: ProcessIdentity | null;
	readonly server: ProcessIdentity | null;
	/** Of a `plaintext` layer: the TLS that lies under it. */
	readonly tls: import("./exchange.js").TlsFacts | null;
}

/** One direction ended at `finalOffset` (the offset after its last byte), or null where that is not known. */
export interface EndEvent {
	readonly kind: "end";
	readonly conn: number;
	readonly dir: Direction;
	readonly tsUs: number;
	readonly finalOffset: number | null;
	readonly how: "fin" | "reset" | "unknown";
}

/** This vantage says nothing more; its `conn` number may be used again. */
export interface CloseEvent {
	readonly kind: "close";
	readonly conn: number;
	readonly tsUs: number;
}

/** Something was lost and the connection is not known. `bytes` null: nobody counted. */
export interface LossEvent {
	readonly kind: "loss";
	readonly bytes: number | null;
	readonly events: number;
	readonly cause: GapCause;
}

export type CaptureEvent =
	| OpenEvent
	| BytesEvent
	| GapEvent
	| DatagramEvent
	| ExchangeEvent
	| AnnotateEvent
	| IdentifyEvent
	| EndEvent
	| CloseEvent
	| LossEvent;

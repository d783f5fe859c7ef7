package polytap.agent;

import java.util.concurrent.atomic.AtomicLong;

/** One connection: where its two directions are, and what is known about it. 0: the application sends, 1: it receives. */
final class Conn {
	static final int OUT = 0;
	static final int IN = 1;
	private static final AtomicLong NUMBERS = new AtomicLong();

	final long number = NUMBERS.incrementAndGet();
	final boolean isClient;
	/** Of Tap when this was made: hooks that were off meanwhile cannot know what passed. */
	final int epoch;
	/** False: it was there before the agent. */
	final boolean fromStart;
	/** Plaintext positions. Each has one writer at a time. */
	volatile long outOffset;
	volatile long inOffset;
	/** Ciphertext so far. -1: not known. */
	volatile long outCipher;
	volatile long inCipher;

	volatile int fd = -1;
	volatile String localAddress;
	volatile int localPort;
	volatile String remoteAddress;
	volatile int remotePort;
	/** JSON of the TLS facts, when the first application data is there. */
	volatile String tls;
	/** No TLS: the bytes are those of the wire. */
	volatile boolean isPlain;
	/** What passes it belongs to this, where its thread has no scope; 0: to nothing. */
	volatile long context;
	/** The trace that was told last, and under which number. */
	volatile String trace;
	volatile long traceContext;
	/** Its bytes are not wanted. */
	volatile boolean skips;
	volatile boolean isTold;
	volatile boolean isClosed;
	/** Counts bytes of the socket below, where that is one of its own. */
	volatile Count count;

	/** The agent's thread only: positions after what was sent or announced in this session. */
	long sentOut;
	long sentIn;

	/** Hashes of records that were produced and not yet seen on a channel. */
	private final long[] hashes = new long[8];
	int hashCount;

	Conn(boolean isClient, boolean fromStart, int epoch) {
		this.isClient = isClient;
		this.fromStart = fromStart;
		this.epoch = epoch;
	}

	boolean isBound() {
		return remoteAddress != null;
	}

	/** Returns the hash that had to go, or 0. */
	long addHash(long hash) {
		int at = hashCount++ % hashes.length;
		long old = hashes[at];
		hashes[at] = hash;
		return old;
	}

	long[] takeHashes() {
		long[] all = hashes.clone();
		java.util.Arrays.fill(hashes, 0);
		return all;
	}

	/** Bytes that went through a blocking socket. */
	static final class Count {
		volatile long out;
		volatile long in;
	}
}

package polytap.agent;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What all hooks (EngineTap, ChannelTap, SocketTap, …) have in common: whether anybody listens, which connections there are,
 * and how they are told. Nothing in a hook throws into the application, waits, or takes a lock; what goes wrong is counted
 * and told.
 */
final class Tap {
	/** Hooks are inert. */
	static final int OFF = 0;
	/** Nobody listens: positions are followed, nothing is copied. */
	static final int COUNT = 1;
	static final int ON = 2;

	static final int MAX_CHUNK = 32768;
	private static final int MAX_CONNECTIONS = 65536;

	static volatile int mode = OFF;
	static volatile int epoch = 1;
	static volatile boolean attachedLate;
	static volatile Outbox queue;
	/** The agent's own connection. */
	static volatile Object ownChannel;

	static final WeakMap<Conn> ENGINES = new WeakMap<Conn>(MAX_CONNECTIONS);
	static final WeakMap<Conn> SOCKETS = new WeakMap<Conn>(MAX_CONNECTIONS);
	static final WeakMap<Conn> CHANNELS = new WeakMap<Conn>(MAX_CONNECTIONS);
	static final WeakMap<Conn.Count> COUNTS = new WeakMap<Conn.Count>(MAX_CONNECTIONS);
	/** Told, and not closed. */
	static final ConcurrentHashMap<Long, Conn> LIVE = new ConcurrentHashMap<Long, Conn>();

	static final AtomicLong hookErrors = new AtomicLong();
	static final AtomicLong hookCalls = new AtomicLong();
	static final AtomicLong notTold = new AtomicLong();
	static volatile String lastError;
	private static final Class<?> VIRTUAL = find("java.lang.VirtualThread");

	private Tap() {}

	/** The position moves on, and where somebody listens the bytes are queued. */
	static void told(Conn conn, int dir, byte[] payload, int size, long cipherEnd, boolean copies) {
		long offset;
		if (dir == Conn.OUT) {
			offset = conn.outOffset;
			conn.outOffset = offset + size;
		} else {
			offset = conn.inOffset;
			conn.inOffset = offset + size;
		}
		if (!copies || conn.isClosed) return;
		Outbox outbox = queue;
		Event event;
		Scope scope = Scope.current();
		if (payload == null) {
			event = new Event(Event.GAP, conn);
			event.cause = "queue-full";
			outbox.droppedBytes.addAndGet(size);
			outbox.droppedEvents.incrementAndGet();
		} else {
			event = new Event(Event.DATA, conn);
			event.payload = payload;
			Thread thread = Thread.currentThread();
			event.threadName = thread.getName();
			event.threadId = thread.getId();
			event.isVirtual = thread.getClass() == VIRTUAL;
			event.context = scope == null ? conn.context : scope.number;
			if (Traces.wanted && dir == Conn.OUT) event.context = Traces.contextOf(conn, event.context);
		}
		event.dir = dir;
		event.offset = offset;
		event.length = size;
		event.cipherEnd = cipherEnd;
		event.timeUs = System.nanoTime() / 1000;
		if (scope == null) outbox.offer(event);
		else scope.offer(event);
	}

	/** The first application data of a connection: what is known about it goes before. */
	static void tell(Conn conn, String tls) {
		if (LIVE.putIfAbsent(conn.number, conn) != null) return;
		conn.tls = tls;
		conn.isTold = true;
		Event event = new Event(Event.OPEN, conn);
		event.timeUs = System.nanoTime() / 1000;
		event.finalOut = conn.outOffset;
		event.finalIn = conn.inOffset;
		queue.offer(event);
	}

	static void closed(Conn conn, String how) {
		if (conn.isClosed) return;
		conn.isClosed = true;
		Binding.forget(conn);
		if (!conn.isTold) return;
		LIVE.remove(conn.number);
		if (mode != ON) return;
		Event event = new Event(Event.CLOSE, conn);
		event.timeUs = System.nanoTime() / 1000;
		event.cause = how;
		event.finalOut = conn.outOffset;
		event.finalIn = conn.inOffset;
		Scope scope = Scope.current();
		if (scope == null) queue.offer(event);
		else scope.offer(event);
	}

	/** A hook's own failure: the application never sees it, we always do. */
	static void failed(String where, Throwable problem) {
		hookErrors.incrementAndGet();
		try {
			StackTraceElement[] trace = problem.getStackTrace();
			lastError = where + ": " + problem + (trace.length > 0 ? " at " + trace[0] : "");
		} catch (Throwable nothing) {
			// the counter has it
		}
	}

	/** What hooks use is loaded before the first of them runs: loading inside a hook would call it again. */
	static void preload() {
		String[] names = {
			"WeakMap", "WeakMap$Key", "WeakMap$Probe", "Conn", "Conn$Count", "Event", "Outbox", "Call", "TlsFacts", "Addresses",
			"Scope", "Json", "Link", "Semantics", "Plain", "Binding", "Peek", "EngineTap", "ChannelTap", "SocketTap", "JdbcTap",
			"JdbcTap$Execution", "PoolTap", "PoolTap$Lease", "HttpTap", "HttpTap$Call", "NettyTap", "Traces", "Traces$Access"
		};
		for (String name : names) {
			try {
				Class.forName("polytap.agent." + name, true, Tap.class.getClassLoader());
			} catch (Throwable problem) {
				failed("preload " + name, problem);
			}
		}
		ENGINES.get(ENGINES);
		Binding.isLooking();
	}

	static Class<?> find(String name) {
		try {
			return Class.forName(name, false, null);
		} catch (Throwable missing) {
			return null;
		}
	}
}

package polytap.agent;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;

/**
 * What the hooks call. Nothing here throws into the application, waits, or takes a lock; what goes wrong is counted and
 * told. A hook has an entry, which remembers where buffers are, and an exit, which copies what the call moved.
 */
public final class Tap {
	/** Hooks are inert. */
	static final int OFF = 0;
	/** Nobody listens: positions are followed, nothing is copied. */
	static final int COUNT = 1;
	static final int ON = 2;

	static final int MAX_CHUNK = 32768;
	private static final int MAX_CONNECTIONS = 65536;
	private static final int MAX_PENDING = 4096;
	/** A record that is hashed has a body of at least so many bytes. */
	private static final int HASHED = 32;
	private static final int RECORD_HEADER = 5;
	/** An engine whose records were seen on no channel so often is not looked for any more. */
	private static final int MAX_HASHES = 64;

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
	/** Records of engines that are looked for. */
	private static final ConcurrentHashMap<Long, Conn> PENDING = new ConcurrentHashMap<Long, Conn>();

	static final AtomicLong hookErrors = new AtomicLong();
	static final AtomicLong hookCalls = new AtomicLong();
	static final AtomicLong notTold = new AtomicLong();
	static volatile String lastError;
	private static final Class<?> VIRTUAL = find("java.lang.VirtualThread");

	private Tap() {}

	/** Where the buffers of one call were at its entry. */
	private static final class Call {
		final Conn conn;
		final ByteBuffer[] app;
		final int offset;
		final int[] starts;
		final ByteBuffer net;
		final int netStart;

		Call(Conn conn, ByteBuffer[] app, int offset, int length, ByteBuffer net) {
			this.conn = conn;
			this.app = app;
			this.offset = offset;
			this.net = net;
			this.netStart = net == null ? 0 : net.position();
			starts = new int[length];
			for (int i = 0; i < length; i++) {
				ByteBuffer buffer = app[offset + i];
				starts[i] = buffer == null ? 0 : buffer.position();
			}
		}
	}

	// ------------------------------------------------------------------------------------------------- SSLEngine

	public static Object enterWrap(
			Object engine, ByteBuffer[] app, int offset, int length, ByteBuffer[] net, int netOffset, int netLength) {
		return mode == OFF ? null : enter(engine, app, offset, length, net, netOffset, netLength);
	}

	public static Object enterWrap(Object engine, ByteBuffer[] app, int offset, int length, ByteBuffer net) {
		return mode == OFF ? null : enter(engine, app, offset, length, net);
	}

	public static Object enterUnwrap(
			Object engine, ByteBuffer[] net, int netOffset, int netLength, ByteBuffer[] app, int offset, int length) {
		return mode == OFF ? null : enter(engine, app, offset, length, net, netOffset, netLength);
	}

	public static Object enterUnwrap(Object engine, ByteBuffer net, ByteBuffer[] app, int offset, int length) {
		return mode == OFF ? null : enter(engine, app, offset, length, net);
	}

	private static Object enter(
			Object engine, ByteBuffer[] app, int offset, int length, ByteBuffer[] net, int netOffset, int netLength) {
		return enter(engine, app, offset, length, net != null && netLength > 0 ? net[netOffset] : null);
	}

	private static Object enter(Object engine, ByteBuffer[] app, int offset, int length, ByteBuffer net) {
		try {
			Conn conn = ENGINES.get(engine);
			if (conn == null || conn.epoch != epoch) conn = engineConn((SSLEngine) engine, conn);
			if (conn == null) return null;
			// an engine may be asked without a place for plaintext
			return new Call(conn, app, offset, app == null ? 0 : length, net);
		} catch (Throwable problem) {
			failed("engine entry", problem);
			return null;
		}
	}

	private static Conn engineConn(SSLEngine engine, Conn stale) {
		boolean isNew =
				stale == null
						&& engine.getHandshakeStatus() != SSLEngineResult.HandshakeStatus.FINISHED
						&& isBeforeHandshake(engine.getSession());
		if (stale != null) {
			ENGINES.remove(engine);
			closed(stale, "unknown");
		}
		Conn conn = new Conn(engine.getUseClientMode(), isNew, epoch);
		if (!isNew) {
			conn.outCipher = -1;
			conn.inCipher = -1;
		}
		if (stale != null && stale.isBound()) {
			conn.fd = stale.fd;
			conn.localAddress = stale.localAddress;
			conn.localPort = stale.localPort;
			conn.remotePort = stale.remotePort;
			conn.remoteAddress = stale.remoteAddress;
		}
		Conn kept = ENGINES.add(engine, conn);
		if (kept == null) notTold.incrementAndGet();
		return kept;
	}

	private static boolean isBeforeHandshake(SSLSession session) {
		return session == null || "NONE".equals(session.getProtocol()) || "SSL_NULL_WITH_NULL_NULL".equals(session.getCipherSuite());
	}

	public static void exitWrap(Object result, Object entered, Object engine) {
		if (entered == null) return;
		try {
			Call call = (Call) entered;
			SSLEngineResult done = (SSLEngineResult) result;
			if (done == null) return;
			Conn conn = call.conn;
			int produced = done.bytesProduced();
			if (produced > 0) {
				if (conn.outCipher >= 0) conn.outCipher += produced;
				if (!conn.isBound() && call.net != null) lookFor(conn, call.net, call.netStart, produced);
			}
			int consumed = done.bytesConsumed();
			if (consumed > 0) moved(conn, Conn.OUT, call, consumed, conn.outCipher, engine);
		} catch (Throwable problem) {
			failed("wrap", problem);
		}
	}

	public static void exitUnwrap(Object result, Object entered, Object engine) {
		if (entered == null) return;
		try {
			Call call = (Call) entered;
			SSLEngineResult done = (SSLEngineResult) result;
			if (done == null) return;
			Conn conn = call.conn;
			int consumed = done.bytesConsumed();
			if (consumed > 0 && conn.inCipher >= 0) conn.inCipher += consumed;
			int produced = done.bytesProduced();
			if (produced > 0) moved(conn, Conn.IN, call, produced, conn.inCipher, engine);
		} catch (Throwable problem) {
			failed("unwrap", problem);
		}
	}

	/** {@code n} bytes of application data lie in the call's buffers, from where they were at its entry. */
	private static void moved(Conn conn, int dir, Call call, int n, long cipherEnd, Object engine) {
		hookCalls.incrementAndGet();
		boolean copies = mode == ON;
		if (copies && !conn.isTold) tell(conn, conn.isPlain ? null : TlsFacts.of(engine));
		int left = n;
		int piece = -1;
		int at = 0;
		ByteBuffer source = null;
		int available = 0;
		while (left > 0) {
			int size = Math.min(left, MAX_CHUNK);
			byte[] payload = copies && queue.hasRoomFor(size) ? new byte[size] : null;
			int filled = 0;
			while (filled < size) {
				while (available == 0) {
					piece++;
					if (piece >= call.starts.length) throw new IllegalStateException("a call moved more than its buffers");
					source = call.app[call.offset + piece];
					at = call.starts[piece];
					// an engine may leave a later buffer alone, and an earlier one full
					available = source == null ? 0 : Math.max(0, source.position() - at);
				}
				int take = Math.min(size - filled, available);
				if (payload != null) copy(source, at, payload, filled, take);
				at += take;
				available -= take;
				filled += take;
			}
			left -= size;
			told(conn, dir, payload, size, left == 0 ? cipherEnd : -1, copies);
		}
	}

	/** Never moves a position of the application's buffer. */
	private static void copy(ByteBuffer source, int at, byte[] target, int offset, int length) {
		if (source.hasArray()) {
			System.arraycopy(source.array(), source.arrayOffset() + at, target, offset, length);
			return;
		}
		ByteBuffer view = source.duplicate();
		((Buffer) view).clear();
		((Buffer) view).position(at);
		view.get(target, offset, length);
	}

	/** The position moves on, and where somebody listens the bytes are queued. */
	private static void told(Conn conn, int dir, byte[] payload, int size, long cipherEnd, boolean copies) {
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
			event.context = Scope.current();
		}
		event.dir = dir;
		event.offset = offset;
		event.length = size;
		event.cipherEnd = cipherEnd;
		event.timeUs = System.nanoTime() / 1000;
		outbox.offer(event);
	}

	/** The first application data of a connection: what is known about it goes before. */
	static void tell(Conn conn, String tls) {
		conn.tls = tls;
		conn.isTold = true;
		LIVE.put(conn.number, conn);
		Event event = new Event(Event.OPEN, conn);
		event.timeUs = System.nanoTime() / 1000;
		event.finalOut = conn.outOffset;
		event.finalIn = conn.inOffset;
		queue.offer(event);
	}

	static void closed(Conn conn, String how) {
		if (conn.isClosed) return;
		conn.isClosed = true;
		forget(conn);
		if (!conn.isTold) return;
		LIVE.remove(conn.number);
		if (mode != ON) return;
		Event event = new Event(Event.CLOSE, conn);
		event.timeUs = System.nanoTime() / 1000;
		event.cause = how;
		event.finalOut = conn.outOffset;
		event.finalIn = conn.inOffset;
		queue.offer(event);
	}

	// ---------------------------------------------------------------------- which channel an engine belongs to

	/** The engine's record will be written to its channel; that is how the two find each other. */
	private static void lookFor(Conn conn, ByteBuffer net, int start, int produced) {
		if (conn.hashCount >= MAX_HASHES) return;
		long hash = recordHash(net, start, start + produced);
		if (hash == 0) return;
		if (PENDING.size() >= MAX_PENDING) PENDING.clear();
		long old = conn.addHash(hash);
		if (old != 0) PENDING.remove(old, conn);
		PENDING.put(hash, conn);
	}

	private static void forget(Conn conn) {
		for (long hash : conn.takeHashes()) if (hash != 0) PENDING.remove(hash, conn);
	}

	/** Of the first record with a body that is long enough; 0: there is none. */
	private static long recordHash(ByteBuffer buffer, int from, int to) {
		int at = from;
		for (int records = 0; records < 8 && at + RECORD_HEADER + HASHED <= to; records++) {
			int type = buffer.get(at) & 0xff;
			if (type < 20 || type > 23 || buffer.get(at + 1) != 3) return 0;
			int body = (buffer.get(at + 3) & 0xff) << 8 | buffer.get(at + 4) & 0xff;
			if (type != 20 && body >= HASHED) {
				long hash = 0xcbf29ce484222325L;
				for (int i = 0; i < HASHED; i++) hash = (hash ^ buffer.get(at + RECORD_HEADER + i)) * 0x100000001b3L;
				return hash == 0 ? 1 : hash;
			}
			at += RECORD_HEADER + body;
		}
		return 0;
	}

	public static Object enterChannelWrite(Object channel, int fd, ByteBuffer buffer) {
		if (mode == OFF || channel == ownChannel || buffer == null) return null;
		try {
			if (!PENDING.isEmpty()) match(channel, fd, buffer);
			return Plain.wanted ? plainCall(channel, fd, new ByteBuffer[] {buffer}, 0, 1) : null;
		} catch (Throwable problem) {
			failed("channel write", problem);
			return null;
		}
	}

	public static Object enterChannelWrite(Object channel, int fd, ByteBuffer[] buffers, int offset, int length) {
		if (mode == OFF || channel == ownChannel || buffers == null) return null;
		try {
			if (!PENDING.isEmpty())
				for (int i = 0; i < length && i < 4; i++)
					if (buffers[offset + i] != null) match(channel, fd, buffers[offset + i]);
			return Plain.wanted ? plainCall(channel, fd, buffers, offset, length) : null;
		} catch (Throwable problem) {
			failed("channel write", problem);
			return null;
		}
	}

	public static Object enterChannelRead(Object channel, int fd, ByteBuffer buffer) {
		if (mode == OFF || !Plain.wanted || channel == ownChannel || buffer == null) return null;
		return enterChannelRead(channel, fd, new ByteBuffer[] {buffer}, 0, 1);
	}

	public static Object enterChannelRead(Object channel, int fd, ByteBuffer[] buffers, int offset, int length) {
		if (mode == OFF || !Plain.wanted || channel == ownChannel || buffers == null) return null;
		try {
			return plainCall(channel, fd, buffers, offset, length);
		} catch (Throwable problem) {
			failed("channel read", problem);
			return null;
		}
	}

	private static Call plainCall(Object channel, int fd, ByteBuffer[] buffers, int offset, int length) throws Exception {
		Conn conn = Plain.of(channel, fd);
		return conn == null ? null : new Call(conn, buffers, offset, length, null);
	}

	public static void exitChannelWrite(long n, Object entered) {
		if (n > 0 && entered != null) plainMoved(Conn.OUT, (Call) entered, (int) n);
	}

	public static void exitChannelRead(long n, Object entered) {
		if (n > 0 && entered != null) plainMoved(Conn.IN, (Call) entered, (int) n);
	}

	private static void plainMoved(int dir, Call call, int n) {
		try {
			Conn conn = call.conn;
			if (!conn.isTold && call.starts.length > 0) {
				ByteBuffer first = call.app[call.offset];
				if (first != null && Plain.isTls(first, call.starts[0], first.position())) {
					conn.skips = true;
					return;
				}
			}
			moved(conn, dir, call, n, -1, null);
		} catch (Throwable problem) {
			failed("plain", problem);
		}
	}

	/** A blocking socket or a channel begins to connect: its end is the client's. */
	public static void connecting(Object channelOrImpl) {
		try {
			Plain.connecting(channelOrImpl);
		} catch (Throwable problem) {
			failed("connect", problem);
		}
	}

	public static void nioClosed(Object impl) {
		if (mode == OFF || !Plain.wanted) return;
		try {
			Plain.closed(impl);
		} catch (Throwable problem) {
			failed("close", problem);
		}
	}

	/** Without TLS what passes a blocking socket is what is wanted. */
	private static void plainNio(int dir, int n, Object impl, byte[] bytes, int offset) throws Exception {
		Conn conn = Plain.of(impl, -1);
		if (conn == null) return;
		ByteBuffer view = ByteBuffer.wrap(bytes, offset, n);
		Call call = new Call(conn, new ByteBuffer[] {view}, 0, 1, null);
		((Buffer) view).position(offset + n);
		plainMoved(dir, call, n);
	}

	private static void match(Object channel, int fd, ByteBuffer buffer) throws Exception {
		long hash = recordHash(buffer, buffer.position(), buffer.limit());
		if (hash == 0) return;
		Conn conn = PENDING.get(hash);
		if (conn == null || !Addresses.bind(conn, (SocketChannel) channel, fd)) return;
		forget(conn);
		CHANNELS.remove(channel);
		CHANNELS.add(channel, conn);
		if (!conn.isTold || mode != ON) return;
		Event event = new Event(Event.BOUND, conn);
		event.timeUs = System.nanoTime() / 1000;
		queue.offer(event);
	}

	public static void channelClosed(Object channel) {
		if (mode == OFF) return;
		try {
			Conn conn = CHANNELS.remove(channel);
			if (conn != null) closed(conn, "fin");
			if (Plain.wanted) Plain.closed(channel);
		} catch (Throwable problem) {
			failed("channel close", problem);
		}
	}

	// ------------------------------------------------------------------------------------------------- SSLSocket

	public static void socketWrite(Object socket, byte[] bytes, int offset, int length) {
		if (mode == OFF || length <= 0) return;
		try {
			socketMoved(socket, Conn.OUT, bytes, offset, length);
		} catch (Throwable problem) {
			failed("socket write", problem);
		}
	}

	public static void socketRead(int n, Object socket, byte[] bytes, int offset) {
		if (mode == OFF || n <= 0) return;
		try {
			socketMoved(socket, Conn.IN, bytes, offset, n);
		} catch (Throwable problem) {
			failed("socket read", problem);
		}
	}

	private static void socketMoved(Object object, int dir, byte[] bytes, int offset, int length) {
		SSLSocket socket = (SSLSocket) object;
		Conn conn = SOCKETS.get(socket);
		if (conn == null || conn.epoch != epoch) conn = socketConn(socket, conn);
		if (conn == null) return;
		hookCalls.incrementAndGet();
		boolean copies = mode == ON;
		if (copies && !conn.isTold) tell(conn, TlsFacts.of(socket));
		Conn.Count count = conn.count;
		long cipherEnd = count == null ? -1 : dir == Conn.OUT ? count.out : count.in;
		for (int at = 0; at < length; at += MAX_CHUNK) {
			int size = Math.min(MAX_CHUNK, length - at);
			byte[] payload = null;
			if (copies && queue.hasRoomFor(size)) {
				payload = new byte[size];
				System.arraycopy(bytes, offset + at, payload, 0, size);
			}
			told(conn, dir, payload, size, at + size == length ? cipherEnd : -1, copies);
		}
	}

	private static Conn socketConn(SSLSocket socket, Conn stale) {
		if (stale != null) {
			SOCKETS.remove(socket);
			closed(stale, "unknown");
		}
		// where the agent came later nobody knows whether this is the first data
		Conn conn = new Conn(socket.getUseClientMode(), stale == null && !attachedLate, epoch);
		Addresses.bind(conn, socket);
		Conn kept = SOCKETS.add(socket, conn);
		if (kept == null) notTold.incrementAndGet();
		return kept;
	}

	public static void socketClosed(Object socket) {
		if (mode == OFF) return;
		try {
			Conn conn = SOCKETS.remove(socket);
			if (conn != null) closed(conn, "fin");
		} catch (Throwable problem) {
			failed("socket close", problem);
		}
	}

	/** Bytes through a blocking socket: ciphertext, where TLS lies above. */
	public static void nioWrite(int n, Object impl, byte[] bytes, int offset) {
		if (mode == OFF || n <= 0) return;
		try {
			Conn.Count count = countOf(impl);
			if (count != null) count.out += n;
			if (Plain.wanted) plainNio(Conn.OUT, n, impl, bytes, offset);
		} catch (Throwable problem) {
			failed("count", problem);
		}
	}

	public static void nioRead(int n, Object impl, byte[] bytes, int offset) {
		if (mode == OFF || n <= 0) return;
		try {
			Conn.Count count = countOf(impl);
			if (count != null) count.in += n;
			if (Plain.wanted) plainNio(Conn.IN, n, impl, bytes, offset);
		} catch (Throwable problem) {
			failed("count", problem);
		}
	}

	private static Conn.Count countOf(Object impl) {
		Conn.Count count = COUNTS.get(impl);
		return count != null || attachedLate ? count : COUNTS.add(impl, new Conn.Count());
	}

	// ------------------------------------------------------------------------------------- databases and pools

	public static Object enterJdbc(Object executor, Object query) {
		if (mode != ON || !Semantics.wanted) return null;
		try {
			return Jdbc.begin(executor, query);
		} catch (Throwable problem) {
			failed("jdbc", problem);
			return null;
		}
	}

	public static void exitJdbc(Object entered) {
		if (entered != null) Jdbc.end(entered);
	}

	public static Object enterCheckout(Object pool, long timeoutMs) {
		return mode == ON && Semantics.wanted ? Long.valueOf(System.nanoTime()) : null;
	}

	public static void exitCheckout(Object connection, Object entered, Object pool) {
		if (entered == null || connection == null) return;
		try {
			Jdbc.leased(connection, String.valueOf(pool), (System.nanoTime() - (Long) entered) / 1000);
		} catch (Throwable problem) {
			failed("pool checkout", problem);
		}
	}

	public static void poolReturn(Object connection) {
		if (mode != ON || !Semantics.wanted) return;
		try {
			Jdbc.returned(connection);
		} catch (Throwable problem) {
			failed("pool return", problem);
		}
	}

	// ----------------------------------------------------------------------------------------------------- all

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
			"WeakMap", "WeakMap$Key", "WeakMap$Probe", "Conn", "Conn$Count", "Event", "Outbox", "Tap$Call", "TlsFacts",
			"Addresses", "Scope", "Json", "Link", "Jdbc", "Jdbc$Lease", "Semantics", "Plain"
		};
		for (String name : names) {
			try {
				Class.forName("polytap.agent." + name, true, Tap.class.getClassLoader());
			} catch (Throwable problem) {
				failed("preload " + name, problem);
			}
		}
		ENGINES.get(ENGINES);
		PENDING.isEmpty();
	}

	static Class<?> find(String name) {
		try {
			return Class.forName(name, false, null);
		} catch (Throwable missing) {
			return null;
		}
	}
}

package polytap.agent;

import java.lang.reflect.Field;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import javax.net.ssl.SSLSocket;

/** Hooks of blocking sockets: SSLSocket, and what lies below it or stands alone. */
public final class SocketTap {
	private SocketTap() {}

	/** Looked up when there is an SSLSocket: to load these classes takes a JVM longer than to start. */
	private static final class Inside {
		static final Field CONTEXT = Addresses.field("sun.security.ssl.SSLSocketImpl", "conContext");
		static final Field NEGOTIATED = Addresses.field("sun.security.ssl.TransportContext", "isNegotiated");
	}

	/** Told before its first bytes leave: the other end may be answered before the write returns. */
	public static void sslWriting(Object socket) {
		if (Tap.mode != Tap.ON) return;
		try {
			Conn conn = connOf((SSLSocket) socket);
			if (conn == null || conn.isTold || Inside.CONTEXT == null || Inside.NEGOTIATED == null) return;
			// to ask for the session would begin a handshake
			if (!Inside.NEGOTIATED.getBoolean(Inside.CONTEXT.get(socket))) return;
			String tls = TlsFacts.of(socket);
			if (!conn.isTold) Tap.tell(conn, tls);
		} catch (Throwable problem) {
			Tap.failed("socket writing", problem);
		}
	}

	public static void sslWrite(Object socket, byte[] bytes, int offset, int length) {
		if (Tap.mode == Tap.OFF || length <= 0) return;
		try {
			sslMoved(socket, Conn.OUT, bytes, offset, length);
		} catch (Throwable problem) {
			Tap.failed("socket write", problem);
		}
	}

	public static void sslRead(int n, Object socket, byte[] bytes, int offset) {
		if (Tap.mode == Tap.OFF || n <= 0) return;
		try {
			sslMoved(socket, Conn.IN, bytes, offset, n);
		} catch (Throwable problem) {
			Tap.failed("socket read", problem);
		}
	}

	private static void sslMoved(Object object, int dir, byte[] bytes, int offset, int length) {
		SSLSocket socket = (SSLSocket) object;
		Conn conn = connOf(socket);
		if (conn == null) return;
		Tap.hookCalls.incrementAndGet();
		boolean copies = Tap.mode == Tap.ON;
		if (copies && !conn.isTold) Tap.tell(conn, TlsFacts.of(socket));
		Conn.Count count = conn.count;
		long cipherEnd = count == null ? -1 : dir == Conn.OUT ? count.out : count.in;
		for (int at = 0; at < length; at += Tap.MAX_CHUNK) {
			int size = Math.min(Tap.MAX_CHUNK, length - at);
			byte[] payload = null;
			if (copies && Tap.queue.hasRoomFor(size)) {
				payload = new byte[size];
				System.arraycopy(bytes, offset + at, payload, 0, size);
			}
			Tap.told(conn, dir, payload, size, at + size == length ? cipherEnd : -1, copies);
		}
	}

	private static Conn connOf(SSLSocket socket) {
		Conn conn = Tap.SOCKETS.get(socket);
		return conn == null || conn.epoch != Tap.epoch ? make(socket, conn) : conn;
	}

	private static Conn make(SSLSocket socket, Conn stale) {
		if (stale != null) {
			Tap.SOCKETS.remove(socket);
			Tap.closed(stale, "unknown");
		}
		// where the agent came later nobody knows whether this is the first data
		Conn conn = new Conn(socket.getUseClientMode(), stale == null && !Tap.attachedLate, Tap.epoch);
		Addresses.bind(conn, socket);
		Conn kept = Tap.SOCKETS.add(socket, conn);
		if (kept == null) Tap.notTold.incrementAndGet();
		return kept;
	}

	public static void sslClosed(Object socket) {
		if (Tap.mode == Tap.OFF) return;
		try {
			Conn conn = Tap.SOCKETS.remove(socket);
			if (conn != null) Tap.closed(conn, "fin");
		} catch (Throwable problem) {
			Tap.failed("socket close", problem);
		}
	}

	/** Before the first bytes of a connection without TLS leave. */
	public static void writing(Object impl, int none, byte[] bytes, int offset, int length) {
		if (Tap.mode != Tap.ON || !Plain.wanted || length <= 0) return;
		try {
			Conn conn = Plain.of(impl, -1);
			if (conn != null && !conn.isTold) Plain.mayTell(conn, ByteBuffer.wrap(bytes), offset, offset + length);
		} catch (Throwable problem) {
			Tap.failed("socket writing", problem);
		}
	}

	public static void wrote(int n, Object impl, byte[] bytes, int offset) {
		moved(Conn.OUT, n, impl, bytes, offset);
	}

	public static void read(int n, Object impl, byte[] bytes, int offset) {
		moved(Conn.IN, n, impl, bytes, offset);
	}

	/** Bytes through a blocking socket: ciphertext, where TLS lies above; without TLS what is wanted. */
	private static void moved(int dir, int n, Object impl, byte[] bytes, int offset) {
		if (Tap.mode == Tap.OFF || n <= 0) return;
		try {
			Conn.Count count = countOf(impl);
			if (count != null && dir == Conn.OUT) count.out += n;
			else if (count != null) count.in += n;
			Conn conn = Plain.wanted ? Plain.of(impl, -1) : null;
			if (conn == null) return;
			ByteBuffer view = ByteBuffer.wrap(bytes, offset, n);
			Call call = new Call(conn, new ByteBuffer[] {view}, 0, 1, null);
			((Buffer) view).position(offset + n);
			Plain.moved(dir, call, n);
		} catch (Throwable problem) {
			Tap.failed("socket", problem);
		}
	}

	private static Conn.Count countOf(Object impl) {
		Conn.Count count = Tap.COUNTS.get(impl);
		return count != null || Tap.attachedLate ? count : Tap.COUNTS.add(impl, new Conn.Count());
	}

	public static void connecting(Object impl) {
		ChannelTap.connecting(impl);
	}

	public static void closed(Object impl) {
		if (Tap.mode == Tap.OFF || !Plain.wanted) return;
		try {
			Plain.closed(impl);
		} catch (Throwable problem) {
			Tap.failed("close", problem);
		}
	}
}

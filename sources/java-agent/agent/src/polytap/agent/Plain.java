package polytap.agent;

import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/** Connections without TLS, where polytap asked for them: the bytes as the JVM hands them to the kernel. */
final class Plain {
	/** True until polytap said what it wants: who connects is only seen while it does. */
	static volatile boolean mayBeWanted = true;
	static volatile boolean wanted;

	private static final WeakMap<Conn> CONNS = new WeakMap<Conn>(65536);

	private Plain() {}

	/** Whoever is not seen connecting was accepted. */
	static void connecting(Object channelOrImpl) {
		if (mayBeWanted) CONNS.add(channelOrImpl, plain(true, !Tap.attachedLate));
	}

	/** Null where its bytes are not wanted. */
	static Conn of(Object channelOrImpl, int fd) throws Exception {
		Conn conn = CONNS.get(channelOrImpl);
		if (conn == null || conn.epoch != Tap.epoch) {
			boolean isClient = conn != null && conn.isClient;
			if (conn != null) {
				CONNS.remove(channelOrImpl);
				Tap.closed(conn, "unknown");
			}
			conn = CONNS.add(channelOrImpl, plain(isClient, conn == null && !Tap.attachedLate));
			if (conn == null) return null;
		}
		if (conn.skips) return null;
		if (!conn.isBound()) {
			boolean isBound =
					channelOrImpl instanceof SocketChannel
							? Addresses.bind(conn, (SocketChannel) channelOrImpl, fd)
							: Addresses.bindImpl(conn, channelOrImpl);
			if (!isBound) {
				conn.skips = true;
				return null;
			}
		}
		return conn;
	}

	private static Conn plain(boolean isClient, boolean fromStart) {
		Conn conn = new Conn(isClient, fromStart, Tap.epoch);
		conn.isPlain = true;
		conn.outCipher = -1;
		conn.inCipher = -1;
		return conn;
	}

	/** The first bytes of a connection with TLS: its plaintext is told above, if it is told. */
	private static boolean isTls(ByteBuffer buffer, int at, int end) {
		return end - at >= 3 && buffer.get(at) == 22 && buffer.get(at + 1) == 3 && buffer.get(at + 2) <= 4;
	}

	/** False, and its bytes are not wanted, where they begin like TLS. */
	static boolean mayTell(Conn conn, ByteBuffer first, int at, int end) {
		if (isTls(first, at, end)) {
			conn.skips = true;
			return false;
		}
		if (Tap.mode == Tap.ON && !conn.isTold) Tap.tell(conn, null);
		return true;
	}

	static void moved(int dir, Call call, int n) {
		try {
			Conn conn = call.conn;
			ByteBuffer first = call.starts.length == 0 ? null : call.app[call.offset];
			if (!conn.isTold && first != null && !mayTell(conn, first, call.starts[0], first.position())) return;
			call.moved(dir, n, -1, null);
		} catch (Throwable problem) {
			Tap.failed("plain", problem);
		}
	}

	static Conn known(Object channelOrImpl) {
		return CONNS.get(channelOrImpl);
	}

	static void closed(Object channelOrImpl) {
		Conn conn = CONNS.remove(channelOrImpl);
		if (conn != null) Tap.closed(conn, "fin");
	}

	static void expunge(WeakMap.Gone<Conn> gone) {
		CONNS.expunge(gone);
	}
}

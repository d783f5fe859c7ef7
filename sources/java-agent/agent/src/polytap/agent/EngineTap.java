package polytap.agent;

import java.nio.ByteBuffer;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLSession;

/** Hooks of SSLEngine, of whatever provider. */
public final class EngineTap {
	private EngineTap() {}

	public static Object enterWrap(
			Object engine, ByteBuffer[] app, int offset, int length, ByteBuffer[] net, int netOffset, int netLength) {
		return Tap.mode == Tap.OFF ? null : enter(engine, app, offset, length, net, netOffset, netLength);
	}

	public static Object enterWrap(Object engine, ByteBuffer[] app, int offset, int length, ByteBuffer net) {
		return Tap.mode == Tap.OFF ? null : enter(engine, app, offset, length, net);
	}

	public static Object enterUnwrap(
			Object engine, ByteBuffer[] net, int netOffset, int netLength, ByteBuffer[] app, int offset, int length) {
		return Tap.mode == Tap.OFF ? null : enter(engine, app, offset, length, net, netOffset, netLength);
	}

	public static Object enterUnwrap(Object engine, ByteBuffer net, ByteBuffer[] app, int offset, int length) {
		return Tap.mode == Tap.OFF ? null : enter(engine, app, offset, length, net);
	}

	private static Object enter(
			Object engine, ByteBuffer[] app, int offset, int length, ByteBuffer[] net, int netOffset, int netLength) {
		return enter(engine, app, offset, length, net != null && netLength > 0 ? net[netOffset] : null);
	}

	private static Object enter(Object engine, ByteBuffer[] app, int offset, int length, ByteBuffer net) {
		try {
			Conn conn = connOf((SSLEngine) engine);
			if (conn == null) return null;
			// an engine may be asked without a place for plaintext
			return new Call(conn, app, offset, app == null ? 0 : length, net);
		} catch (Throwable problem) {
			Tap.failed("engine entry", problem);
			return null;
		}
	}

	/** Null where there are too many. */
	static Conn connOf(SSLEngine engine) {
		Conn conn = Tap.ENGINES.get(engine);
		return conn == null || conn.epoch != Tap.epoch ? make(engine, conn) : conn;
	}

	private static Conn make(SSLEngine engine, Conn stale) {
		boolean isNew =
				stale == null
						&& engine.getHandshakeStatus() != SSLEngineResult.HandshakeStatus.FINISHED
						&& isBeforeHandshake(engine.getSession());
		if (stale != null) {
			Tap.ENGINES.remove(engine);
			Tap.closed(stale, "unknown");
		}
		Conn conn = new Conn(engine.getUseClientMode(), isNew, Tap.epoch);
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
		Conn kept = Tap.ENGINES.add(engine, conn);
		if (kept == null) Tap.notTold.incrementAndGet();
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
				if (!conn.isBound() && call.net != null) Binding.lookFor(conn, call.net, call.netStart, produced);
			}
			int consumed = done.bytesConsumed();
			if (consumed > 0) call.moved(Conn.OUT, consumed, conn.outCipher, engine);
		} catch (Throwable problem) {
			Tap.failed("wrap", problem);
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
			if (produced > 0) call.moved(Conn.IN, produced, conn.inCipher, engine);
		} catch (Throwable problem) {
			Tap.failed("unwrap", problem);
		}
	}
}

package polytap.agent;

import java.net.InetSocketAddress;
import javax.net.ssl.SSLEngine;

/** Hooks of Netty's SslHandler: whose channel is none of the JDK's (epoll, io_uring) knows the addresses of its engine. */
public final class NettyTap {
	private static final Peek ENGINE = new Peek("engine");
	private static final Peek CONTEXT = new Peek("ctx");
	private static final Peek CHANNEL = new Peek("channel");
	private static final Peek LOCAL = new Peek("localAddress");
	private static final Peek REMOTE = new Peek("remoteAddress");
	private static final Peek DESCRIPTOR = new Peek("fd");
	private static final Peek NUMBER = new Peek("intValue");

	private NettyTap() {}

	/** Before the first plaintext. */
	public static void handshaken(Object handler) {
		if (Tap.mode == Tap.OFF) return;
		try {
			Object engine = ENGINE.field(handler);
			Conn conn = engine instanceof SSLEngine ? EngineTap.connOf((SSLEngine) engine) : null;
			if (conn == null || conn.isBound()) return;
			Object channel = CHANNEL.call(CONTEXT.field(handler));
			Object local = LOCAL.call(channel);
			Object remote = REMOTE.call(channel);
			if (!(local instanceof InetSocketAddress) || !(remote instanceof InetSocketAddress)) return;
			Object number = NUMBER.call(DESCRIPTOR.call(channel));
			if (number instanceof Integer) conn.fd = (Integer) number;
			if (Addresses.bind(conn, (InetSocketAddress) local, (InetSocketAddress) remote)) Binding.bound(conn);
		} catch (Throwable problem) {
			Tap.failed("netty handshake", problem);
		}
	}

	public static void inactive(Object handler) {
		if (Tap.mode == Tap.OFF) return;
		try {
			Object engine = ENGINE.field(handler);
			Conn conn = engine == null ? null : Tap.ENGINES.get(engine);
			if (conn != null) Tap.closed(conn, "fin");
		} catch (Throwable problem) {
			Tap.failed("netty close", problem);
		}
	}
}

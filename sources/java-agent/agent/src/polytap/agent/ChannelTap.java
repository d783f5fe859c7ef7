package polytap.agent;

import java.nio.ByteBuffer;

/** Hooks of SocketChannel: engines find their connection here, and connections without TLS their bytes. */
public final class ChannelTap {
	private ChannelTap() {}

	public static Object enterWrite(Object channel, int fd, ByteBuffer buffer) {
		if (Tap.mode == Tap.OFF || channel == Tap.ownChannel || buffer == null) return null;
		try {
			if (Binding.isLooking()) Binding.match(channel, fd, buffer);
			return Plain.wanted ? plainWrite(channel, fd, new ByteBuffer[] {buffer}, 0, 1) : null;
		} catch (Throwable problem) {
			Tap.failed("channel write", problem);
			return null;
		}
	}

	public static Object enterWrite(Object channel, int fd, ByteBuffer[] buffers, int offset, int length) {
		if (Tap.mode == Tap.OFF || channel == Tap.ownChannel || buffers == null) return null;
		try {
			if (Binding.isLooking())
				for (int i = 0; i < length && i < 4; i++)
					if (buffers[offset + i] != null) Binding.match(channel, fd, buffers[offset + i]);
			return Plain.wanted ? plainWrite(channel, fd, buffers, offset, length) : null;
		} catch (Throwable problem) {
			Tap.failed("channel write", problem);
			return null;
		}
	}

	public static Object enterRead(Object channel, int fd, ByteBuffer buffer) {
		if (Tap.mode == Tap.OFF || !Plain.wanted || channel == Tap.ownChannel || buffer == null) return null;
		return enterRead(channel, fd, new ByteBuffer[] {buffer}, 0, 1);
	}

	public static Object enterRead(Object channel, int fd, ByteBuffer[] buffers, int offset, int length) {
		if (Tap.mode == Tap.OFF || !Plain.wanted || channel == Tap.ownChannel || buffers == null) return null;
		try {
			return plainCall(channel, fd, buffers, offset, length);
		} catch (Throwable problem) {
			Tap.failed("channel read", problem);
			return null;
		}
	}

	private static Call plainCall(Object channel, int fd, ByteBuffer[] buffers, int offset, int length) throws Exception {
		Conn conn = Plain.of(channel, fd);
		return conn == null ? null : new Call(conn, buffers, offset, length, null);
	}

	public static void exitWrite(long n, Object entered) {
		if (n > 0 && entered != null) Plain.moved(Conn.OUT, (Call) entered, (int) n);
	}

	public static void exitRead(long n, Object entered) {
		if (n > 0 && entered != null) Plain.moved(Conn.IN, (Call) entered, (int) n);
	}

	/** A connection is told before its first bytes leave: the other end may be answered before this call returns. */
	private static Call plainWrite(Object channel, int fd, ByteBuffer[] buffers, int offset, int length) throws Exception {
		Call call = plainCall(channel, fd, buffers, offset, length);
		if (call == null || call.conn.isTold || length == 0 || buffers[offset] == null) return call;
		return Plain.mayTell(call.conn, buffers[offset], call.starts[0], buffers[offset].limit()) ? call : null;
	}

	public static void closed(Object channel) {
		if (Tap.mode == Tap.OFF) return;
		try {
			Conn conn = Tap.CHANNELS.remove(channel);
			if (conn != null) Tap.closed(conn, "fin");
			if (Plain.wanted) Plain.closed(channel);
		} catch (Throwable problem) {
			Tap.failed("channel close", problem);
		}
	}

	/** A blocking socket or a channel begins to connect: its end is the client's. */
	public static void connecting(Object channelOrImpl) {
		try {
			Plain.connecting(channelOrImpl);
		} catch (Throwable problem) {
			Tap.failed("connect", problem);
		}
	}
}

package polytap.agent;

import java.nio.Buffer;
import java.nio.ByteBuffer;

/** Where the buffers of one call were at its entry; at its exit, what it moved. */
final class Call {
	final Conn conn;
	final ByteBuffer[] app;
	final int offset;
	final int[] starts;
	/** Ciphertext that an engine produces; null elsewhere. */
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

	/** {@code n} bytes of application data lie in the buffers, from where they were at the entry. {@code tls}: the engine, or null. */
	void moved(int dir, int n, long cipherEnd, Object tls) {
		Tap.hookCalls.incrementAndGet();
		boolean copies = Tap.mode == Tap.ON;
		if (copies && !conn.isTold) Tap.tell(conn, conn.isPlain ? null : TlsFacts.of(tls));
		int left = n;
		int piece = -1;
		int at = 0;
		ByteBuffer source = null;
		int available = 0;
		while (left > 0) {
			int size = Math.min(left, Tap.MAX_CHUNK);
			byte[] payload = copies && Tap.queue.hasRoomFor(size) ? new byte[size] : null;
			int filled = 0;
			while (filled < size) {
				while (available == 0) {
					piece++;
					if (piece >= starts.length) throw new IllegalStateException("a call moved more than its buffers");
					source = app[offset + piece];
					at = starts[piece];
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
			Tap.told(conn, dir, payload, size, left == 0 ? cipherEnd : -1, copies);
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
}

package polytap.agent;

import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.concurrent.ConcurrentHashMap;

/** Which channel an engine belongs to: the one that its first record is written to. */
final class Binding {
	private static final int MAX_PENDING = 4096;
	/** A record that is hashed has a body of at least so many bytes. */
	private static final int HASHED = 32;
	private static final int RECORD_HEADER = 5;
	/** An engine whose records were seen on no channel so often is not looked for any more. */
	private static final int MAX_HASHES = 64;

	/** Records of engines that are looked for. */
	private static final ConcurrentHashMap<Long, Conn> PENDING = new ConcurrentHashMap<Long, Conn>();

	private Binding() {}

	static boolean isLooking() {
		return !PENDING.isEmpty();
	}

	/** The engine's record will be written to its channel; that is how the two find each other. */
	static void lookFor(Conn conn, ByteBuffer net, int start, int produced) {
		if (conn.hashCount >= MAX_HASHES) return;
		long hash = recordHash(net, start, start + produced);
		if (hash == 0) return;
		if (PENDING.size() >= MAX_PENDING) PENDING.clear();
		long old = conn.addHash(hash);
		if (old != 0) PENDING.remove(old, conn);
		PENDING.put(hash, conn);
	}

	static void forget(Conn conn) {
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

	static void match(Object channel, int fd, ByteBuffer buffer) throws Exception {
		long hash = recordHash(buffer, buffer.position(), buffer.limit());
		if (hash == 0) return;
		Conn conn = PENDING.get(hash);
		if (conn == null || !Addresses.bind(conn, (SocketChannel) channel, fd)) return;
		Tap.CHANNELS.remove(channel);
		Tap.CHANNELS.add(channel, conn);
		bound(conn);
	}

	/** Its addresses are known from now on. */
	static void bound(Conn conn) {
		forget(conn);
		if (!conn.isTold || Tap.mode != Tap.ON) return;
		Event event = new Event(Event.BOUND, conn);
		event.timeUs = System.nanoTime() / 1000;
		Tap.queue.offer(event);
	}
}

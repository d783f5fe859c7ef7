package polytap.agent;

import java.util.ArrayDeque;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a thread is doing right now: bytes that pass meanwhile carry its number, and what is said about that number is said
 * about them. Lives for as long as a call.
 */
class Scope {
	private static final ConcurrentHashMap<Thread, Scope> CURRENT = new ConcurrentHashMap<Thread, Scope>();
	private static final AtomicLong NUMBERS = new AtomicLong();
	private static final int MOST = 65536;
	/** Of the newest bytes that were received so many are kept back until the scope's end has been told. */
	private static final int MAX_HELD = 65536;

	long number = nextNumber();
	private final Scope outer;
	private final ArrayDeque<Event> held;
	private int heldBytes;

	/** {@code holds}: what is known only at its end is said about what it received, too. */
	Scope(Scope outer, boolean holds) {
		this.outer = outer;
		held = holds ? new ArrayDeque<Event>() : null;
	}

	static long nextNumber() {
		return NUMBERS.incrementAndGet();
	}

	/** Of this thread, or null. */
	static Scope current() {
		return CURRENT.isEmpty() ? null : CURRENT.get(Thread.currentThread());
	}

	static boolean hasRoom() {
		return CURRENT.size() < MOST;
	}

	void begin() {
		CURRENT.put(Thread.currentThread(), this);
	}

	void end() {
		Thread thread = Thread.currentThread();
		if (outer == null) CURRENT.remove(thread);
		else CURRENT.put(thread, outer);
		release(0);
	}

	/** Queues it now or at the scope's end, in order. */
	void offer(Event event) {
		if (held == null || event.kind != Event.DATA || event.dir == Conn.OUT) {
			release(0);
			Tap.queue.offer(event);
			return;
		}
		if (!held.isEmpty() && held.peekLast().conn != event.conn) release(0);
		held.add(event);
		heldBytes += event.length;
		release(MAX_HELD);
	}

	private void release(int most) {
		if (held == null) return;
		while (!held.isEmpty() && (heldBytes > most || most == 0)) {
			Event first = held.poll();
			heldBytes -= first.length;
			Tap.queue.offer(first);
		}
	}
}

package polytap.agent;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** What a thread is doing right now, as a number that its bytes carry. Entries live for as long as a call. */
final class Scope {
	private static final ConcurrentHashMap<Thread, Long> CURRENT = new ConcurrentHashMap<Thread, Long>();
	private static final AtomicLong NUMBERS = new AtomicLong();
	private static final int MOST = 65536;

	private Scope() {}

	static long current() {
		if (CURRENT.isEmpty()) return 0;
		Long number = CURRENT.get(Thread.currentThread());
		return number == null ? 0 : number;
	}

	/** Returns the scope's number; 0: there is one already, which goes on. */
	static long begin() {
		Thread thread = Thread.currentThread();
		if (CURRENT.size() >= MOST || CURRENT.containsKey(thread)) return 0;
		long number = NUMBERS.incrementAndGet();
		CURRENT.put(thread, number);
		return number;
	}

	static void end(long number) {
		if (number != 0) CURRENT.remove(Thread.currentThread());
	}
}

package polytap.agent;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/** Bounded by bytes and by count. Whoever offers never waits and never takes a lock. */
final class Outbox {
	/** Places that are kept for events without payload. */
	private static final int RESERVE = 4096;

	private final ConcurrentLinkedQueue<Event> events = new ConcurrentLinkedQueue<Event>();
	private final AtomicInteger count = new AtomicInteger();
	private final AtomicLong bytes = new AtomicLong();
	private final long mostBytes;
	private final int mostEvents;
	private volatile Thread sleeper;
	final AtomicLong droppedEvents = new AtomicLong();
	final AtomicLong droppedBytes = new AtomicLong();

	Outbox(long mostBytes, int mostEvents) {
		this.mostBytes = mostBytes;
		this.mostEvents = mostEvents;
	}

	/** Payload goes first: where there is no room for it a gap takes its place. */
	void offer(Event event) {
		int length = event.payload == null ? 0 : event.payload.length;
		if (length > 0 && (bytes.get() + length > mostBytes || count.get() >= mostEvents)) {
			droppedBytes.addAndGet(length);
			droppedEvents.incrementAndGet();
			Event gap = new Event(Event.GAP, event.conn);
			gap.dir = event.dir;
			gap.offset = event.offset;
			gap.length = length;
			gap.timeUs = event.timeUs;
			gap.cause = "queue-full";
			event = gap;
			length = 0;
		}
		if (count.get() >= mostEvents + RESERVE) {
			// positions tell that something is missing
			droppedEvents.incrementAndGet();
			return;
		}
		count.incrementAndGet();
		if (length > 0) bytes.addAndGet(length);
		events.offer(event);
		Thread waiting = sleeper;
		if (waiting != null) {
			sleeper = null;
			LockSupport.unpark(waiting);
		}
	}

	boolean hasRoomFor(int length) {
		return bytes.get() + length <= mostBytes && count.get() < mostEvents;
	}

	Event poll() {
		Event event = events.poll();
		if (event == null) return null;
		count.decrementAndGet();
		if (event.payload != null) bytes.addAndGet(-event.payload.length);
		return event;
	}

	/** The agent's thread sleeps until something is offered, or so long. */
	void await(long nanos) {
		sleeper = Thread.currentThread();
		if (events.isEmpty()) LockSupport.parkNanos(this, nanos);
		sleeper = null;
	}

	void clear() {
		while (poll() != null) {}
	}

	long heldBytes() {
		return bytes.get();
	}

	int size() {
		return count.get();
	}
}

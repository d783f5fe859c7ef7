package polytap.agent;

/** What the agent's thread has to say, in the order in which it happened. */
final class Event {
	static final int OPEN = 0;
	static final int DATA = 1;
	static final int GAP = 2;
	static final int BOUND = 3;
	static final int CLOSE = 4;
	/** A line that is ready. */
	static final int TEXT = 5;

	final int kind;
	final Conn conn;
	long timeUs;
	int dir;
	long offset;
	long cipherEnd;
	int length;
	byte[] payload;
	String cause;
	String threadName;
	long threadId;
	boolean isVirtual;
	long context;
	/** Of CLOSE. */
	long finalOut;
	long finalIn;

	Event(int kind, Conn conn) {
		this.kind = kind;
		this.conn = conn;
	}
}

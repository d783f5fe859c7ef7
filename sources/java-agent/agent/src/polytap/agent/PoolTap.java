package polytap.agent;

import java.util.concurrent.atomic.AtomicLong;

/** Hooks of pools of database connections: HikariCP, DBCP 2, Tomcat's. A lease is known by what executes its statements. */
public final class PoolTap {
	private static final AtomicLong LEASES_SO_FAR = new AtomicLong();
	private static final WeakMap<Lease> LEASES = new WeakMap<Lease>(65536);
	private static final int MAX_DEPTH = 8;

	/** Ways to what a pool's object stands for. */
	private static final Peek EXECUTOR = new Peek("getQueryExecutor");
	private static final Peek HIKARI = new Peek("delegate");
	private static final Peek DBCP = new Peek("getInnermostDelegateInternal");
	private static final Peek TOMCAT = new Peek("getConnection");
	private static final Peek NAME = new Peek("getName");

	private PoolTap() {}

	private static final class Lease {
		final long number = LEASES_SO_FAR.incrementAndGet();
		final String pool;
		final long waitUs;

		Lease(String pool, long waitUs) {
			this.pool = pool;
			this.waitUs = waitUs;
		}
	}

	public static Object enterCheckout(Object pool) {
		return Tap.mode == Tap.ON && Semantics.wanted ? Long.valueOf(System.nanoTime()) : null;
	}

	/** HikariCP. */
	public static Object enterCheckout(Object pool, long timeoutMs) {
		return enterCheckout(pool);
	}

	/** Tomcat. */
	public static Object enterCheckout(Object pool, int waitMs, String user, String password) {
		return enterCheckout(pool);
	}

	/** A pool gave a connection away: what it stands for is leased until it comes back. */
	public static void exitCheckout(Object connection, Object entered, Object pool) {
		if (entered == null || connection == null) return;
		try {
			Object executor = executorOf(connection);
			if (executor == null) return;
			LEASES.remove(executor);
			LEASES.add(executor, new Lease(nameOf(pool), (System.nanoTime() - (Long) entered) / 1000));
		} catch (Throwable problem) {
			Tap.failed("pool checkout", problem);
		}
	}

	public static void returned(Object connection) {
		if (Tap.mode != Tap.ON || !Semantics.wanted) return;
		try {
			Object executor = executorOf(connection);
			if (executor != null) LEASES.remove(executor);
		} catch (Throwable problem) {
			Tap.failed("pool return", problem);
		}
	}

	/** Tomcat's pool is told which one. */
	public static void returned(Object pool, int none, Object connection) {
		returned(connection);
	}

	static void describe(StringBuilder out, Object executor) {
		Lease lease = LEASES.get(executor);
		if (lease == null) return;
		Semantics.add(out, "java.pool.name", lease.pool);
		Semantics.add(out, "java.pool.lease", lease.number);
		Semantics.add(out, "java.pool.wait_us", lease.waitUs);
	}

	static void expunge() {
		LEASES.expunge(null);
	}

	private static String nameOf(Object pool) throws Exception {
		String type = pool.getClass().getName();
		if (type.startsWith("com.zaxxer.hikari.")) return String.valueOf(pool);
		Object name = type.startsWith("org.apache.tomcat.jdbc.") ? NAME.call(pool) : null;
		return name == null ? "dbcp2" : name.toString();
	}

	/** Null where the driver is none that is known. */
	private static Object executorOf(Object leased) throws Exception {
		Object at = leased;
		for (int depth = 0; at != null && depth < MAX_DEPTH; depth++) {
			String type = at.getClass().getName();
			if (type.startsWith("org.postgresql.")) return EXECUTOR.call(at);
			if (type.startsWith("com.zaxxer.hikari.")) at = HIKARI.field(at);
			else if (type.contains(".dbcp2.")) at = DBCP.call(at);
			else if (type.startsWith("org.apache.tomcat.jdbc.")) at = TOMCAT.call(at);
			else return null;
		}
		return null;
	}
}

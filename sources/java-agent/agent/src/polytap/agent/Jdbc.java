package polytap.agent;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Which statement a thread is executing, on which lease of which pool. Classes of drivers and pools belong to the
 * application and are only known by reflection.
 */
final class Jdbc {
	private static final int MAX_SQL = 16000;
	private static final AtomicLong LEASES_SO_FAR = new AtomicLong();
	/** By what executes statements for a leased connection. */
	private static final WeakMap<Lease> LEASES = new WeakMap<Lease>(65536);

	private static volatile Method nativeSql;
	private static volatile Method executorOf;
	private static volatile Field delegateOf;

	private Jdbc() {}

	private static final class Lease {
		final long number = LEASES_SO_FAR.incrementAndGet();
		final String pool;
		final long waitUs;

		Lease(String pool, long waitUs) {
			this.pool = pool;
			this.waitUs = waitUs;
		}
	}

	/** {@code query}: one, or an array of a batch. Returns what {@link #end} takes, null: nothing begins. */
	static Object begin(Object executor, Object query) throws Exception {
		long number = Scope.begin();
		if (number == 0) return null;
		try {
			StringBuilder out = Semantics.begin("jdbc.execute", number);
			int batch = query instanceof Object[] ? ((Object[]) query).length : 1;
			Object first = query instanceof Object[] ? (batch > 0 ? ((Object[]) query)[0] : null) : query;
			String sql = first == null ? null : sqlOf(first);
			if (sql != null)
				Semantics.add(out, "db.query.text", sql.length() > MAX_SQL ? sql.substring(0, MAX_SQL) : sql);
			if (batch > 1) Semantics.add(out, "db.operation.batch.size", batch);
			Lease lease = LEASES.get(executor);
			if (lease != null) {
				Semantics.add(out, "java.pool.name", lease.pool);
				Semantics.add(out, "java.pool.lease", lease.number);
				Semantics.add(out, "java.pool.wait_us", lease.waitUs);
			}
			Semantics.send(out);
		} catch (Throwable problem) {
			Tap.failed("jdbc", problem);
		}
		return number;
	}

	static void end(Object entered) {
		if (entered instanceof Long) Scope.end((Long) entered);
	}

	/** A pool gave a connection away: what it stands for is leased until it comes back. */
	static void leased(Object proxy, String pool, long waitUs) throws Exception {
		Object executor = executorOf(proxy);
		if (executor == null) return;
		LEASES.remove(executor);
		LEASES.add(executor, new Lease(pool, waitUs));
	}

	static void returned(Object proxy) throws Exception {
		Object executor = executorOf(proxy);
		if (executor != null) LEASES.remove(executor);
	}

	static void expunge() {
		LEASES.expunge(null);
	}

	private static String sqlOf(Object query) throws Exception {
		Method method = nativeSql;
		if (method == null || !method.getDeclaringClass().isInstance(query)) {
			Class<?> type = named(query.getClass(), "org.postgresql.core.Query");
			if (type == null) return null;
			nativeSql = method = type.getMethod("getNativeSql");
		}
		return (String) method.invoke(query);
	}

	/** Null where the driver is none that is known. */
	private static Object executorOf(Object proxy) throws Exception {
		Field field = delegateOf;
		if (field == null || !field.getDeclaringClass().isInstance(proxy)) {
			Class<?> type = proxy.getClass();
			while (type != null && !type.getName().endsWith(".ProxyConnection")) type = type.getSuperclass();
			if (type == null) return null;
			field = type.getDeclaredField("delegate");
			field.setAccessible(true);
			delegateOf = field;
		}
		Object connection = field.get(proxy);
		if (connection == null) return null;
		Method method = executorOf;
		if (method == null || !method.getDeclaringClass().isInstance(connection)) {
			Class<?> type = named(connection.getClass(), "org.postgresql.core.BaseConnection");
			if (type == null) return null;
			executorOf = method = type.getMethod("getQueryExecutor");
		}
		return method.invoke(connection);
	}

	/** The class or interface of that name among all that {@code type} is. */
	private static Class<?> named(Class<?> type, String name) {
		for (Class<?> each = type; each != null; each = each.getSuperclass()) {
			if (each.getName().equals(name)) return each;
			for (Class<?> one : each.getInterfaces()) {
				Class<?> found = named(one, name);
				if (found != null) return found;
			}
		}
		return null;
	}
}

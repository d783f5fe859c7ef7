package polytap.agent;

import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.SSLEngine;

/**
 * Hooks of HTTP clients: which requests on the wire belong to one call of the application, which of them repeat another, and
 * how long the pool let them wait.
 */
public final class HttpTap {
	private static final AtomicLong CALLS = new AtomicLong();
	/** By MultiExchange, which is one call of java.net.http. */
	private static final WeakMap<Long> JDK_CALLS = new WeakMap<Long>(65536);

	private static final Peek CONNECTION = new Peek("connection");
	private static final Peek EXCHANGE = new Peek("exchange");
	private static final Peek MULTI = new Peek("multi");
	private static final Peek ATTEMPTS = new Peek("attempts");
	private static final Peek ENGINE = new Peek("engine");
	private static final Peek CHANNEL = new Peek("chan");

	private HttpTap() {}

	/** Of a client that reads and writes in the thread that calls it. */
	private static final class Call extends Scope {
		final long id = CALLS.incrementAndGet();
		final String client;
		/** Requests so far: the first one, and one for each redirect. */
		int requests;
		/** Of the request that is under way. */
		int attempt;
		int sends;
		/** The client has a place of its own for repetitions. */
		boolean hasRetry;
		boolean isAnswered;
		long waitUs = -1;
		long sinceNanos;

		Call(Scope outer, String client) {
			super(outer, false);
			this.client = client;
		}

		void say() {
			StringBuilder out = Semantics.begin("http.attempt", number);
			Semantics.add(out, "java.http.client", client);
			Semantics.add(out, "java.http.call", id);
			Semantics.add(out, "java.retry.attempt", attempt);
			if (requests > 1) Semantics.add(out, "java.http.redirects", requests - 1);
			if (sends > 1) Semantics.add(out, "http.request.resend_count", sends - 1);
			if (waitUs >= 0) Semantics.add(out, "java.pool.wait_us", waitUs);
			Semantics.send(out);
		}
	}

	private static Call current() {
		Scope scope = Scope.current();
		return scope instanceof Call ? (Call) scope : null;
	}

	public static Object enterCall(Object client, Object first, Object second) {
		if (Tap.mode != Tap.ON || !Semantics.wanted || !Scope.hasRoom()) return null;
		try {
			Call call = new Call(Scope.current(), nameOf(client));
			call.begin();
			return call;
		} catch (Throwable problem) {
			Tap.failed("http call", problem);
			return null;
		}
	}

	public static void exitCall(Throwable thrown, Object entered) {
		if (entered != null) ((Call) entered).end();
	}

	/** Whatever repeats a request that failed begins with one. */
	public static Object enterRequest(Object retrying, Object first, Object second) {
		Call call = current();
		if (call == null) return null;
		call.hasRetry = true;
		call.requests++;
		call.attempt = 0;
		return null;
	}

	public static void exitRequest(Throwable thrown, Object entered) {}

	public static Object enterAttempt(Object sending, Object first, Object second) {
		Call call = current();
		if (call == null) return null;
		try {
			if (call.requests == 0 || (call.isAnswered && !call.hasRetry)) {
				call.requests++;
				call.attempt = 0;
			}
			call.isAnswered = false;
			call.attempt++;
			call.sends++;
			call.waitUs = -1;
			call.number = Scope.nextNumber();
			call.sinceNanos = System.nanoTime();
			call.say();
			return call;
		} catch (Throwable problem) {
			Tap.failed("http attempt", problem);
			return null;
		}
	}

	public static void exitAttempt(Throwable thrown, Object entered) {
		if (entered != null) ((Call) entered).isAnswered = thrown == null;
	}

	/** OkHttp: it has a connection and begins to send. */
	public static void sending(Object interceptor) {
		Call call = current();
		if (call != null && call.attempt > 0) leased(call, call.sinceNanos);
	}

	public static Object enterLease(Object pool, Object first, Object second) {
		return current() == null ? null : Long.valueOf(System.nanoTime());
	}

	public static void exitLease(Throwable thrown, Object entered) {
		Call call = current();
		if (entered != null && call != null && thrown == null) leased(call, (Long) entered);
	}

	private static void leased(Call call, long sinceNanos) {
		try {
			call.waitUs = (System.nanoTime() - sinceNanos) / 1000;
			StringBuilder out = Semantics.begin("pool.checkout", call.number);
			Semantics.add(out, "java.pool.name", call.client);
			Semantics.add(out, "java.pool.wait_us", call.waitUs);
			Semantics.send(out);
		} catch (Throwable problem) {
			Tap.failed("http lease", problem);
		}
	}

	/** java.net.http works in threads of its own; what belongs together is known by the connection. HTTP/1.1 only. */
	public static void jdkHeaders(Object exchange) {
		if (Tap.mode != Tap.ON || !Semantics.wanted) return;
		try {
			Object connection = CONNECTION.field(exchange);
			Object engine = ENGINE.field(connection);
			Object channel = engine != null ? null : CHANNEL.field(connection);
			Conn conn =
					engine instanceof SSLEngine
							? EngineTap.connOf((SSLEngine) engine)
							: channel instanceof SocketChannel && Plain.wanted ? Plain.known(channel) : null;
			Object multi = MULTI.field(EXCHANGE.field(exchange));
			Object attempts = ATTEMPTS.field(multi);
			if (conn == null || !(attempts instanceof Number)) return;
			Long id = JDK_CALLS.get(multi);
			if (id == null) id = JDK_CALLS.add(multi, CALLS.incrementAndGet());
			long number = Scope.nextNumber();
			StringBuilder out = Semantics.begin("http.attempt", number);
			Semantics.add(out, "java.http.client", "java.net.http");
			if (id != null) Semantics.add(out, "java.http.call", id);
			int sends = ((Number) attempts).intValue();
			if (sends > 1) Semantics.add(out, "http.request.resend_count", sends - 1);
			Semantics.send(out);
			conn.context = number;
		} catch (Throwable problem) {
			Tap.failed("java.net.http", problem);
		}
	}

	static void expunge() {
		JDK_CALLS.expunge(null);
	}

	private static String nameOf(Object client) {
		String type = client.getClass().getName();
		if (type.startsWith("okhttp3.")) return "okhttp";
		return type.startsWith("org.apache.hc.") ? "httpclient5" : "httpclient4";
	}
}

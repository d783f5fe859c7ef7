package polytap.agent;

import java.lang.ref.WeakReference;
import java.lang.reflect.Method;

/**
 * Which trace a thread that writes is working on, where polytap asked for that: OpenTelemetry's current span, else what
 * tracers put into SLF4J's MDC. Both are the application's classes and found through the thread's class loader.
 */
final class Traces {
	static volatile boolean wanted;

	private static final String[] TRACE_KEYS = {"trace_id", "traceId", "X-B3-TraceId"};
	private static final String[] SPAN_KEYS = {"span_id", "spanId", "X-B3-SpanId"};
	private static final Peek CONTEXT = new Peek("getSpanContext");
	private static final Peek TRACE_ID = new Peek("getTraceId");
	private static final Peek SPAN_ID = new Peek("getSpanId");
	private static final Peek IS_VALID = new Peek("isValid");
	private static final WeakMap<Access> BY_LOADER = new WeakMap<Access>(4096);

	private Traces() {}

	/** A loader's classes, which must not be kept from here. */
	private static final class Access {
		final WeakReference<Class<?>> span;
		final WeakReference<Class<?>> diagnostics;

		Access(ClassLoader loader) {
			span = find("io.opentelemetry.api.trace.Span", loader);
			diagnostics = find("org.slf4j.MDC", loader);
		}

		private static WeakReference<Class<?>> find(String name, ClassLoader loader) {
			try {
				return new WeakReference<Class<?>>(Class.forName(name, false, loader));
			} catch (Throwable missing) {
				return null;
			}
		}
	}

	/** The number under which what this thread writes now is told: {@code context}, or one of the trace's own. */
	static long contextOf(Conn conn, long context) {
		try {
			String ids = current();
			if (ids == null) return context;
			if (ids.equals(conn.trace) && (context == 0 || context == conn.traceContext)) return conn.traceContext;
			long number = context == 0 ? Scope.nextNumber() : context;
			StringBuilder out = Semantics.begin("trace", number);
			int space = ids.indexOf(' ');
			Semantics.add(out, "trace_id", ids.substring(0, space));
			if (space + 1 < ids.length()) Semantics.add(out, "span_id", ids.substring(space + 1));
			Semantics.send(out);
			conn.traceContext = number;
			conn.trace = ids;
			return number;
		} catch (Throwable problem) {
			Tap.failed("trace", problem);
			return context;
		}
	}

	/** Ids of trace and span with a space between, or null. */
	private static String current() throws Exception {
		ClassLoader loader = Thread.currentThread().getContextClassLoader();
		if (loader == null) loader = ClassLoader.getSystemClassLoader();
		Access access = BY_LOADER.get(loader);
		if (access == null) access = BY_LOADER.add(loader, new Access(loader));
		if (access == null) return null;
		Class<?> span = access.span == null ? null : access.span.get();
		if (span != null) {
			Object context = CONTEXT.call(span.getMethod("current").invoke(null));
			if (Boolean.TRUE.equals(IS_VALID.call(context))) return TRACE_ID.call(context) + " " + SPAN_ID.call(context);
		}
		Class<?> diagnostics = access.diagnostics == null ? null : access.diagnostics.get();
		if (diagnostics == null) return null;
		Method get = diagnostics.getMethod("get", String.class);
		String trace = first(get, TRACE_KEYS);
		if (trace == null) return null;
		String own = first(get, SPAN_KEYS);
		return own == null ? trace + " " : trace + " " + own;
	}

	/** Ids are short and have no space in them; anything else is none. */
	private static String first(Method get, String[] keys) throws Exception {
		for (String key : keys) {
			Object value = get.invoke(null, key);
			if (value == null) continue;
			String text = value.toString();
			if (!text.isEmpty() && text.length() <= 64 && text.indexOf(' ') < 0) return text;
		}
		return null;
	}

	static void expunge() {
		BY_LOADER.expunge(null);
	}
}

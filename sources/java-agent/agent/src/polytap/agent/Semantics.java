package polytap.agent;

/** What only the JVM knows, as messages of the protocol. */
final class Semantics {
	static volatile boolean wanted;
	/** Values that are bound to statements, too. */
	static volatile boolean wantsValues;

	private Semantics() {}

	static StringBuilder begin(String kind, long context) {
		StringBuilder out = new StringBuilder(256);
		out.append("{\"jsonrpc\":\"2.0\",\"method\":\"semantic\",\"params\":{\"kind\":\"").append(kind);
		out.append("\",\"at\":").append(System.nanoTime() / 1000);
		if (context != 0) out.append(",\"ctx\":").append(context);
		return out.append(",\"attributes\":{");
	}

	static void add(StringBuilder out, String name, String value) {
		name(out, name);
		Json.text(out, value);
	}

	static void add(StringBuilder out, String name, long value) {
		name(out, name);
		out.append(value);
	}

	private static void name(StringBuilder out, String name) {
		if (out.charAt(out.length() - 1) != '{') out.append(',');
		out.append('"').append(name).append("\":");
	}

	static void send(StringBuilder out) {
		Event event = new Event(Event.TEXT, null);
		event.cause = out.append("}}}").toString();
		Tap.queue.offer(event);
	}
}

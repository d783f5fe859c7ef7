package polytap.agent;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** As much of JSON as the protocol needs. */
final class Json {
	private static final int MAX_DEPTH = 32;
	private final String source;
	private int at;

	private Json(String source) {
		this.source = source;
	}

	static void text(StringBuilder out, String value) {
		if (value == null) {
			out.append("null");
			return;
		}
		out.append('"');
		for (int i = 0; i < value.length(); i++) {
			char c = value.charAt(i);
			if (c == '"' || c == '\\') out.append('\\').append(c);
			else if (c < 0x20 || c >= 0xd800 && c < 0xe000 || c == 0x2028 || c == 0x2029)
				out.append("\\u").append(hex(c >> 12)).append(hex(c >> 8)).append(hex(c >> 4)).append(hex(c));
			else out.append(c);
		}
		out.append('"');
	}

	private static char hex(int value) {
		return "0123456789abcdef".charAt(value & 15);
	}

	/** Maps, lists, String, Double, Boolean, null. */
	static Object parse(String text) {
		Json json = new Json(text);
		Object value = json.value(0);
		json.space();
		if (json.at != text.length()) throw new IllegalArgumentException("something follows the value");
		return value;
	}

	private Object value(int depth) {
		if (depth > MAX_DEPTH) throw new IllegalArgumentException("too deep");
		space();
		char c = peek();
		if (c == '{') return object(depth);
		if (c == '[') return list(depth);
		if (c == '"') return string();
		if (source.startsWith("true", at)) return word(4, Boolean.TRUE);
		if (source.startsWith("false", at)) return word(5, Boolean.FALSE);
		if (source.startsWith("null", at)) return word(4, null);
		int from = at;
		while (at < source.length() && "+-.eE0123456789".indexOf(source.charAt(at)) >= 0) at++;
		return Double.valueOf(source.substring(from, at));
	}

	private Object word(int length, Object value) {
		at += length;
		return value;
	}

	private Map<String, Object> object(int depth) {
		Map<String, Object> out = new HashMap<String, Object>();
		at++;
		space();
		if (peek() == '}') {
			at++;
			return out;
		}
		for (; ; ) {
			space();
			String name = string();
			space();
			expect(':');
			out.put(name, value(depth + 1));
			space();
			if (peek() == '}') {
				at++;
				return out;
			}
			expect(',');
		}
	}

	private List<Object> list(int depth) {
		List<Object> out = new ArrayList<Object>();
		at++;
		space();
		if (peek() == ']') {
			at++;
			return out;
		}
		for (; ; ) {
			out.add(value(depth + 1));
			space();
			if (peek() == ']') {
				at++;
				return out;
			}
			expect(',');
		}
	}

	private String string() {
		expect('"');
		StringBuilder out = new StringBuilder();
		for (; ; ) {
			char c = peek();
			at++;
			if (c == '"') return out.toString();
			if (c != '\\') {
				out.append(c);
				continue;
			}
			char escaped = peek();
			at++;
			if (escaped == 'u') {
				out.append((char) Integer.parseInt(source.substring(at, at + 4), 16));
				at += 4;
			} else {
				int known = "bfnrt".indexOf(escaped);
				out.append(known < 0 ? escaped : "\b\f\n\r\t".charAt(known));
			}
		}
	}

	private void space() {
		while (at < source.length() && source.charAt(at) <= ' ') at++;
	}

	private char peek() {
		if (at >= source.length()) throw new IllegalArgumentException("it ends early");
		return source.charAt(at);
	}

	private void expect(char wanted) {
		if (peek() != wanted) throw new IllegalArgumentException("no " + wanted + " at " + at);
		at++;
	}
}

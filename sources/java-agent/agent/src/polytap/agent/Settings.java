package polytap.agent;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;

/** The agent's arguments: {@code listen=unix:/run/polytap/java.sock,token_file=/run/secrets/token}. */
final class Settings {
	static final String DEFAULT_LISTEN = "unix:/run/polytap/java.sock";

	final String listen;
	final String token;
	final long queueBytes;
	final int queueEvents;
	/** The JVM's start waits so long for polytap. */
	final long waitMs;
	/** A JVM that ends waits so long for what it has still to say. */
	final long lastWordsMs;

	private Settings(String listen, String token, long queueBytes, int queueEvents, long waitMs, long lastWordsMs) {
		this.listen = listen;
		this.token = token;
		this.queueBytes = queueBytes;
		this.queueEvents = queueEvents;
		this.waitMs = waitMs;
		this.lastWordsMs = lastWordsMs;
	}

	/** Throws where an argument is not known: a silent typing error would cost a capture. */
	static Settings parse(String arguments) throws Exception {
		String listen = DEFAULT_LISTEN;
		String token = null;
		long queueBytes = 8L << 20;
		int queueEvents = 65536;
		long waitMs = 0;
		long lastWordsMs = 300;
		for (String part : arguments.split(",")) {
			if (part.isEmpty()) continue;
			int equals = part.indexOf('=');
			String name = equals < 0 ? "listen" : part.substring(0, equals);
			String value = part.substring(equals + 1);
			if (name.equals("listen")) listen = value;
			else if (name.equals("token")) token = value;
			else if (name.equals("token_file"))
				token = new String(Files.readAllBytes(Paths.get(value)), StandardCharsets.UTF_8).trim();
			else if (name.equals("queue_bytes")) queueBytes = Long.parseLong(value);
			else if (name.equals("queue_events")) queueEvents = Integer.parseInt(value);
			else if (name.equals("wait_ms")) waitMs = Long.parseLong(value);
			else if (name.equals("last_words_ms")) lastWordsMs = Long.parseLong(value);
			else throw new IllegalArgumentException("there is no argument " + name);
		}
		if (!listen.startsWith("unix:") && !listen.startsWith("tcp:")) listen = "unix:" + listen;
		return new Settings(listen, token, queueBytes, queueEvents, waitMs, lastWordsMs);
	}
}

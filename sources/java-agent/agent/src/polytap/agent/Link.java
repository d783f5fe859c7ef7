package polytap.agent;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.InetSocketAddress;
import java.net.ProtocolFamily;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** The agent's thread: connects, says what happened, and comes back when the other end was away. */
final class Link extends Thread {
	private static final long MIN_PAUSE_MS = 1_000;
	private static final long MAX_PAUSE_MS = 30_000;
	private static final long ANSWER_MS = 5_000;
	private static final long STATS_NANOS = 5_000_000_000L;

	private volatile Settings settings;
	private final Hooks hooks;
	private final String instance = newInstance();
	private volatile SocketChannel channel;
	private volatile boolean isLost;
	private final AtomicLong credit = new AtomicLong();
	/** Answers to what polytap asked. */
	private final ConcurrentLinkedQueue<String> answers = new ConcurrentLinkedQueue<String>();
	private volatile Map<?, ?> welcome;
	private volatile String refusal;
	private volatile Writer writer;
	/** Polytap has answered once. */
	private final CountDownLatch listened = new CountDownLatch(1);

	Link(Settings settings, Hooks hooks) {
		super("polytap-agent");
		this.settings = settings;
		this.hooks = hooks;
		setDaemon(true);
	}

	void reconfigure(Settings wanted) {
		settings = wanted;
		SocketChannel open = channel;
		if (open != null) close(open);
		interrupt();
	}

	/** Not a UUID: its generator loads the providers of security, which takes longer than all else here. */
	private static String newInstance() {
		ThreadLocalRandom random = ThreadLocalRandom.current();
		return Long.toHexString(System.nanoTime()) + '-' + pid() + '-' + Long.toHexString(random.nextLong()) + Long.toHexString(random.nextLong());
	}

	/** Returns when polytap listens, or after so long. */
	void awaitListener(long ms) throws InterruptedException {
		listened.await(ms, TimeUnit.MILLISECONDS);
	}

	/** When the JVM ends, what is queued is still sent, and what was counted. */
	void sayLastWords() {
		Writer speaking = writer;
		if (speaking == null || isLost || Tap.mode == Tap.OFF) return;
		isEnding = true;
		java.util.concurrent.locks.LockSupport.unpark(this);
		try {
			for (long waited = 0; waited < settings.lastWordsMs && isEnding && !isLost; waited += 2) Thread.sleep(2);
		} catch (InterruptedException hurry) {
			// then not
		}
	}

	private volatile boolean isEnding;

	@Override
	public void run() {
		long pause = MIN_PAUSE_MS;
		for (; ; ) {
			try {
				connectAndTalk();
				pause = MIN_PAUSE_MS;
			} catch (Throwable problem) {
				if (writer != null && writer.hasSpoken) pause = MIN_PAUSE_MS;
				Tap.lastError = refusal != null ? "refused: " + refusal : "link: " + problem;
			}
			if (Tap.mode == Tap.ON) Tap.mode = Tap.COUNT;
			Tap.queue.clear();
			SocketChannel open = channel;
			if (open != null) close(open);
			try {
				Thread.sleep(pause / 2 + ThreadLocalRandom.current().nextLong(pause));
			} catch (InterruptedException reconfigured) {
				pause = MIN_PAUSE_MS;
			}
			pause = Math.min(MAX_PAUSE_MS, pause * 2);
			expunge();
		}
	}

	private void connectAndTalk() throws Exception {
		writer = null;
		welcome = null;
		refusal = null;
		isLost = false;
		answers.clear();
		SocketChannel opened = open(settings.listen);
		channel = opened;
		Tap.ownChannel = opened;
		Thread reader = new Reader(opened);
		reader.start();
		writeFully(opened, utf8(hello()));
		long deadline = System.nanoTime() + ANSWER_MS * 1_000_000;
		while (welcome == null) {
			if (refusal != null || isLost || System.nanoTime() > deadline)
				throw new IOException(refusal != null ? refusal : "initialize was not answered");
			Thread.sleep(2);
		}
		Object capture = welcome.get("capture");
		Semantics.wanted = wants(capture, "semantics");
		Semantics.wantsValues = wants(capture, "values");
		Traces.wanted = Semantics.wanted && wants(capture, "traces");
		Plain.wanted = wants(capture, "plain");
		Plain.mayBeWanted = Plain.wanted;
		writer = new Writer(opened, welcome, credit);
		if (Tap.mode == Tap.OFF && !isStopped) Tap.mode = Tap.COUNT;
		// what was queued for the session before is in the positions that are told now
		Tap.queue.clear();
		for (Conn conn : Tap.LIVE.values()) {
			// what a session was told of contexts, the next one does not know
			conn.trace = null;
			writer.announce(conn);
		}
		writer.line("{\"jsonrpc\":\"2.0\",\"method\":\"conn.sync\",\"params\":{}}");
		writer.flush();
		if (!isStopped) Tap.mode = Tap.ON;
		listened.countDown();
		talk(opened);
	}

	private static boolean wants(Object capture, String what) {
		return capture instanceof Map && Boolean.TRUE.equals(((Map<?, ?>) capture).get(what));
	}

	private volatile boolean isStopped;

	private void talk(SocketChannel opened) throws IOException {
		long statsAt = 0;
		int idle = 0;
		while (!isLost) {
			boolean any = false;
			for (int i = 0; i < 1024 && writer.mayWrite(); i++) {
				Event event = Tap.queue.poll();
				if (event == null) break;
				any = true;
				writer.event(event);
			}
			for (String answer = answers.poll(); answer != null; answer = answers.poll()) writer.line(answer);
			long now = System.nanoTime();
			boolean isLast = isEnding && !any;
			if (now - statsAt > STATS_NANOS || statsAt == 0 || isLast) {
				statsAt = now;
				expunge();
				writer.line(stats());
			}
			writer.flush();
			if (isLast) isEnding = false;
			if (any) {
				idle = 0;
				continue;
			}
			idle++;
			// a moment for what follows soon, then the next event wakes us
			if (!writer.mayWrite() || idle < 20) java.util.concurrent.locks.LockSupport.parkNanos(1_000_000L);
			else Tap.queue.await(200_000_000L);
		}
		throw new IOException("the other end is gone");
	}

	private static void expunge() {
		Tap.ENGINES.expunge(GONE);
		Tap.SOCKETS.expunge(GONE);
		Tap.CHANNELS.expunge(null);
		Tap.COUNTS.expunge(null);
		PoolTap.expunge();
		HttpTap.expunge();
		Traces.expunge();
		Plain.expunge(GONE);
	}

	private static final WeakMap.Gone<Conn> GONE =
			new WeakMap.Gone<Conn>() {
				@Override
				public void gone(Conn conn) {
					Tap.closed(conn, "unknown");
				}
			};

	// --------------------------------------------------------------------------------------------------- messages

	private String hello() {
		StringBuilder out = new StringBuilder(512);
		out.append("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocol\":\"1\",\"agent\":\"polytap-agent ");
		out.append(Version.TEXT).append("\",\"instance\":\"").append(instance).append("\",\"pid\":").append(pid());
		if (settings.token != null) {
			out.append(",\"token\":");
			Json.text(out, settings.token);
		}
		out.append(",\"jvm\":{\"vendor\":");
		Json.text(out, System.getProperty("java.vendor", ""));
		out.append(",\"version\":");
		Json.text(out, System.getProperty("java.version", ""));
		out.append("},\"clock\":{\"kind\":\"monotonic\",\"nowUs\":").append(System.nanoTime() / 1000);
		out.append("},\"hooks\":").append(hooks.json()).append(",\"caps\":{\"attachments\":true}}}\n");
		return out.toString();
	}

	private String stats() {
		StringBuilder out = new StringBuilder(512);
		out.append("{\"jsonrpc\":\"2.0\",\"method\":\"stats\",\"params\":{\"counters\":{\"hook_errors\":");
		out.append(Tap.hookErrors.get()).append(",\"hook_calls\":").append(Tap.hookCalls.get());
		out.append(",\"dropped_events\":").append(Tap.queue.droppedEvents.get());
		out.append(",\"dropped_bytes\":").append(Tap.queue.droppedBytes.get());
		out.append(",\"queue_bytes\":").append(Tap.queue.heldBytes()).append(",\"queue_events\":").append(Tap.queue.size());
		out.append(",\"connections\":").append(Tap.LIVE.size()).append(",\"connections_not_told\":").append(Tap.notTold.get());
		out.append("},\"lastError\":");
		String last = Tap.lastError;
		Json.text(out, last == null || last.length() <= 1000 ? last : last.substring(0, 1000));
		return out.append(",\"hooks\":").append(hooks.json()).append("}}").toString();
	}

	private void received(String line) {
		Map<?, ?> message = (Map<?, ?>) Json.parse(line);
		Object method = message.get("method");
		if (method == null) {
			Object error = message.get("error");
			if (error != null) refusal = String.valueOf(error);
			else if (message.get("result") instanceof Map && welcome == null) {
				Map<?, ?> result = (Map<?, ?>) message.get("result");
				credit.set(number(result, "creditBytes", 1 << 20));
				welcome = result;
			}
			return;
		}
		Object params = message.get("params");
		if (method.equals("credit") && params instanceof Map) credit.addAndGet(number((Map<?, ?>) params, "bytes", 0));
		else if (method.equals("stop")) {
			isStopped = true;
			Tap.mode = Tap.OFF;
		} else if (method.equals("start")) {
			isStopped = false;
			Tap.epoch++;
			Tap.mode = Tap.ON;
		}
		Object id = message.get("id");
		if (id instanceof Double) answers.add("{\"jsonrpc\":\"2.0\",\"id\":" + ((Double) id).longValue() + ",\"result\":{}}");
	}

	static long number(Map<?, ?> map, String name, long standard) {
		Object value = map.get(name);
		return value instanceof Double ? ((Double) value).longValue() : standard;
	}

	// -------------------------------------------------------------------------------------------------- connection

	/** Unix sockets are there since Java 16, and reached by reflection so that this runs on Java 8. */
	private static SocketChannel open(String listen) throws Exception {
		String rest = listen.substring(listen.indexOf(':') + 1);
		if (listen.startsWith("tcp:")) {
			int colon = rest.lastIndexOf(':');
			String host = rest.substring(0, colon).replace("[", "").replace("]", "");
			SocketChannel channel = SocketChannel.open(new InetSocketAddress(host, Integer.parseInt(rest.substring(colon + 1))));
			channel.socket().setTcpNoDelay(true);
			return channel;
		}
		Class<?> addresses = Class.forName("java.net.UnixDomainSocketAddress");
		Object address = addresses.getMethod("of", String.class).invoke(null, rest);
		Method open = SocketChannel.class.getMethod("open", ProtocolFamily.class);
		Object family = Class.forName("java.net.StandardProtocolFamily").getField("UNIX").get(null);
		SocketChannel channel = (SocketChannel) open.invoke(null, family);
		Tap.ownChannel = channel;
		channel.connect((SocketAddress) address);
		return channel;
	}

	private static void close(SocketChannel channel) {
		try {
			channel.close();
		} catch (IOException gone) {
			// it is what we wanted
		}
	}

	static void writeFully(SocketChannel channel, byte[] bytes) throws IOException {
		ByteBuffer buffer = ByteBuffer.wrap(bytes);
		while (buffer.hasRemaining()) channel.write(buffer);
	}

	static byte[] utf8(String text) {
		return text.getBytes(StandardCharsets.UTF_8);
	}

	private static long pid() {
		String name = ManagementPid.text();
		try {
			return Long.parseLong(name);
		} catch (NumberFormatException unknown) {
			return 0;
		}
	}

	/** Without java.lang.management, which would load half a megabyte of classes. */
	private static final class ManagementPid {
		static String text() {
			try {
				return new java.io.File("/proc/self").getCanonicalFile().getName();
			} catch (IOException noProc) {
				return "0";
			}
		}
	}

	/** Reads what polytap says. */
	private final class Reader extends Thread {
		private final SocketChannel from;

		Reader(SocketChannel from) {
			super("polytap-agent-reader");
			this.from = from;
			setDaemon(true);
		}

		@Override
		public void run() {
			ByteBuffer buffer = ByteBuffer.allocate(16384);
			ByteArrayOutputStream line = new ByteArrayOutputStream();
			try {
				while (from.read(buffer) >= 0) {
					buffer.flip();
					while (buffer.hasRemaining()) {
						byte next = buffer.get();
						if (next != '\n') line.write(next);
						else {
							received(new String(line.toByteArray(), StandardCharsets.UTF_8));
							line.reset();
						}
						if (line.size() > 1 << 20) throw new IOException("a line is too long");
					}
					buffer.clear();
				}
			} catch (Throwable gone) {
				// the writer finds out as well
			}
			if (channel == from) isLost = true;
			close(from);
		}
	}
}

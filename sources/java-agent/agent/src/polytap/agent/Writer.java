package polytap.agent;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** Writes events as messages of the protocol: rows are collected, everything else comes between them in its place. */
final class Writer {
	private static final int ROW_COST = 64;
	private static final int MAX_BATCH_BYTES = 512 << 10;
	private static final int MAX_THREADS = 65536;

	private final SocketChannel channel;
	private final AtomicLong credit;
	private final int maxRows;
	private final HashMap<String, Integer> threads = new HashMap<String, Integer>();
	private final StringBuilder rows = new StringBuilder(8192);
	private final byte[][] payloads;
	private int rowCount;
	private int payloadBytes;
	private final StringBuilder lines = new StringBuilder(4096);
	private ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 16);
	boolean hasSpoken;

	Writer(SocketChannel channel, Map<?, ?> welcome, AtomicLong credit) {
		this.channel = channel;
		this.credit = credit;
		maxRows = (int) Math.min(64, Link.number(welcome, "maxRows", 64));
		payloads = new byte[maxRows][];
	}

	boolean mayWrite() {
		return credit.get() > 0;
	}

	void event(Event event) throws IOException {
		Conn conn = event.conn;
		switch (event.kind) {
			case Event.OPEN:
				open(conn, event.timeUs, event.finalOut, event.finalIn);
				return;
			case Event.DATA:
				data(event);
				return;
			case Event.GAP:
				gap(event);
				return;
			case Event.TEXT:
				line(event.cause);
				return;
			case Event.BOUND:
				bound(conn);
				return;
			default:
				StringBuilder out = message("conn.close");
				out.append("{\"c\":").append(conn.number).append(",\"at\":").append(event.timeUs);
				out.append(",\"final\":[").append(event.finalOut).append(',').append(event.finalIn);
				out.append("],\"how\":\"").append(event.cause).append("\"}}\n");
		}
	}

	/** A connection that is live when a session begins. */
	void announce(Conn conn) throws IOException {
		open(conn, System.nanoTime() / 1000, conn.outOffset, conn.inOffset);
	}

	private void open(Conn conn, long timeUs, long outOffset, long inOffset) throws IOException {
		conn.sentOut = outOffset;
		conn.sentIn = inOffset;
		StringBuilder out = message("conn.open");
		out.append("{\"c\":").append(conn.number).append(",\"at\":").append(timeUs).append(",\"fd\":").append(conn.fd);
		if (conn.isBound()) addresses(out, conn);
		out.append(",\"role\":\"").append(conn.isClient ? "client" : "server");
		out.append("\",\"fromStart\":").append(conn.fromStart);
		out.append(",\"offsets\":[").append(outOffset).append(',').append(inOffset);
		out.append("],\"tls\":").append(conn.tls).append("}}\n");
	}

	private void bound(Conn conn) throws IOException {
		StringBuilder out = message("conn.bound");
		out.append("{\"c\":").append(conn.number).append(",\"fd\":").append(conn.fd);
		addresses(out, conn);
		out.append("}}\n");
	}

	private static void addresses(StringBuilder out, Conn conn) {
		out.append(",\"l\":[\"").append(conn.localAddress).append("\",").append(conn.localPort);
		out.append("],\"r\":[\"").append(conn.remoteAddress).append("\",").append(conn.remotePort).append(']');
	}

	private void data(Event event) throws IOException {
		// what was queued before this session told the positions
		if (isStale(event)) return;
		int length = event.payload.length;
		if (rowCount == maxRows || payloadBytes + length > MAX_BATCH_BYTES) flushRows();
		int thread = threadOf(event);
		if (rowCount > 0) rows.append(',');
		rows.append('[').append(event.conn.number).append(',').append(event.dir).append(',').append(event.offset);
		rows.append(',').append(event.timeUs).append(',').append(thread).append(',').append(event.cipherEnd);
		rows.append(',').append(length).append(',').append(event.context).append(']');
		payloads[rowCount++] = event.payload;
		payloadBytes += length;
		credit.addAndGet(-(length + ROW_COST));
	}

	private void gap(Event event) throws IOException {
		if (isStale(event)) return;
		StringBuilder out = message("gap");
		out.append("{\"c\":").append(event.conn.number).append(",\"dir\":").append(event.dir);
		out.append(",\"offset\":").append(event.offset).append(",\"length\":").append(event.length);
		out.append(",\"at\":").append(event.timeUs).append(",\"cause\":\"").append(event.cause).append("\"}}\n");
	}

	/** True where its position was told already; else it is told now. */
	private static boolean isStale(Event event) {
		Conn conn = event.conn;
		long end = event.offset + event.length;
		if (event.dir == Conn.OUT) {
			if (event.offset < conn.sentOut) return true;
			conn.sentOut = end;
		} else {
			if (event.offset < conn.sentIn) return true;
			conn.sentIn = end;
		}
		return false;
	}

	private int threadOf(Event event) throws IOException {
		String name = event.threadName == null ? "" : event.threadName;
		String key = name.isEmpty() ? (event.isVirtual ? "\0virtual" : "\0none") : name;
		Integer known = threads.get(key);
		if (known != null) return known;
		if (threads.size() >= MAX_THREADS) return 0;
		int index = threads.size() + 1;
		threads.put(key, index);
		StringBuilder out = message("thread");
		out.append("{\"i\":").append(index).append(",\"name\":");
		Json.text(out, name.length() > 256 ? name.substring(0, 256) : name);
		out.append(",\"id\":").append(event.threadId).append(",\"virtual\":").append(event.isVirtual).append("}}\n");
		return index;
	}

	/** Rows that were collected go first: what follows may be about their connections. */
	private StringBuilder message(String method) throws IOException {
		flushRows();
		if (lines.length() > 32768) flushLines();
		return lines.append("{\"jsonrpc\":\"2.0\",\"method\":\"").append(method).append("\",\"params\":");
	}

	void line(String text) throws IOException {
		flushRows();
		lines.append(text).append('\n');
	}

	void flush() throws IOException {
		flushRows();
		flushLines();
	}

	private void flushLines() throws IOException {
		if (lines.length() == 0) return;
		byte[] bytes = Link.utf8(lines.toString());
		lines.setLength(0);
		room(bytes.length);
		buffer.put(bytes);
		send();
	}

	private void flushRows() throws IOException {
		if (rowCount == 0) return;
		lines.append("{\"jsonrpc\":\"2.0\",\"method\":\"data\",\"params\":{\"e\":[").append(rows);
		lines.append("],\"bin\":").append(payloadBytes).append("}}\n");
		byte[] bytes = Link.utf8(lines.toString());
		lines.setLength(0);
		rows.setLength(0);
		room(bytes.length + payloadBytes);
		buffer.put(bytes);
		for (int i = 0; i < rowCount; i++) {
			buffer.put(payloads[i]);
			payloads[i] = null;
		}
		rowCount = 0;
		payloadBytes = 0;
		send();
	}

	private void room(int bytes) {
		if (buffer.capacity() < bytes) buffer = ByteBuffer.allocateDirect(Math.max(bytes, buffer.capacity() * 2));
		buffer.clear();
	}

	private void send() throws IOException {
		buffer.flip();
		while (buffer.hasRemaining()) channel.write(buffer);
		hasSpoken = true;
	}
}

import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.TrustManagerFactory;

/** java Engine KEYSTORE BYTES WARM_MS MS: two SSLEngines in memory. Prints nanoseconds for a wrap and its unwrap together. */
public final class Engine {
	public static void main(String[] arguments) throws Exception {
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = new FileInputStream(arguments[0])) {
			keys.load(in, "changeit".toCharArray());
		}
		KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		own.init(keys, "changeit".toCharArray());
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(own.getKeyManagers(), null, null);
		SSLEngine server = context.createSSLEngine();
		server.setUseClientMode(false);
		SSLEngine client = SSLContext.getDefault().createSSLEngine("localhost", 1);
		client.setUseClientMode(true);
		ByteBuffer toServer = ByteBuffer.allocate(1 << 16);
		ByteBuffer toClient = ByteBuffer.allocate(1 << 16);
		ByteBuffer plain = ByteBuffer.allocate(1 << 16);
		ByteBuffer nothing = ByteBuffer.allocate(0);
		for (int i = 0; i < 100; i++) {
			step(client, nothing, toServer, toClient, plain);
			step(server, nothing, toClient, toServer, plain);
		}
		ByteBuffer body = ByteBuffer.allocate(Integer.parseInt(arguments[1]));
		run(client, server, body, toServer, plain, Long.parseLong(arguments[2]));
		System.out.println(String.format("{\"nanos\":%.0f}", run(client, server, body, toServer, plain, Long.parseLong(arguments[3]))));
		System.exit(0);
	}

	private static void step(SSLEngine engine, ByteBuffer nothing, ByteBuffer out, ByteBuffer in, ByteBuffer plain) throws Exception {
		for (Runnable task = engine.getDelegatedTask(); task != null; task = engine.getDelegatedTask()) task.run();
		if (engine.getHandshakeStatus() == HandshakeStatus.NEED_WRAP || engine.getHandshakeStatus() == HandshakeStatus.NOT_HANDSHAKING)
			if (out.position() < 40_000) engine.wrap(nothing, out);
		in.flip();
		if (in.hasRemaining()) {
			plain.clear();
			engine.unwrap(in, plain);
		}
		in.compact();
		for (Runnable task = engine.getDelegatedTask(); task != null; task = engine.getDelegatedTask()) task.run();
	}

	private static double run(SSLEngine from, SSLEngine to, ByteBuffer body, ByteBuffer net, ByteBuffer plain, long ms) throws Exception {
		long start = System.nanoTime();
		long end = start + ms * 1_000_000;
		long n = 0;
		long now = start;
		for (; now < end; n++) {
			body.clear();
			net.clear();
			from.wrap(body, net);
			net.flip();
			plain.clear();
			to.unwrap(net, plain);
			if (plain.position() != body.capacity()) throw new IllegalStateException("unwrapped " + plain.position());
			if ((n & 63) == 0) now = System.nanoTime();
		}
		return (now - start) / (double) n;
	}
}

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.util.Arrays;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * java [-Drate=N] Load KEYSTORE BYTES WARM_MS MS: HTTPS over loopback, server and one client in one JVM, one request after the
 * other, or N a second, each measured from when it should have begun. Prints requests a second, quantiles in microseconds, and
 * how many answers were wrong. java Load: nothing, for the time that a JVM takes to start.
 */
public final class Load {
	private static final long RATE = Long.getLong("rate", 0);

	public static void main(String[] arguments) throws Exception {
		if (arguments.length == 0) return;
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = new FileInputStream(arguments[0])) {
			keys.load(in, "changeit".toCharArray());
		}
		KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		factory.init(keys, "changeit".toCharArray());
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(factory.getKeyManagers(), null, null);
		HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
		server.setHttpsConfigurator(new HttpsConfigurator(context));
		server.setExecutor(Executors.newFixedThreadPool(2));
		byte[] body = new byte[Integer.parseInt(arguments[1])];
		new java.util.Random(1).nextBytes(body);
		server.createContext(
				"/",
				exchange -> {
					exchange.sendResponseHeaders(200, body.length);
					exchange.getResponseBody().write(body);
					exchange.close();
				});
		server.start();
		HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
		HttpRequest request =
				HttpRequest.newBuilder(URI.create("https://localhost:" + server.getAddress().getPort() + "/load")).build();
		run(client, request, body, Long.parseLong(arguments[2]));
		System.out.println("warm");
		long[] took = run(client, request, body, Long.parseLong(arguments[3]));
		long sum = 0;
		for (long each : took) sum += each;
		Arrays.sort(took);
		System.out.println(
				String.format(
						"{\"requests\":%d,\"perSecond\":%.1f,\"p50\":%d,\"p99\":%d,\"wrong\":%d}",
						took.length,
						took.length * 1e9 / sum,
						took[took.length / 2] / 1000,
						took[took.length * 99 / 100] / 1000,
						wrong));
		System.exit(0);
	}

	private static int wrong;

	private static long[] run(HttpClient client, HttpRequest request, byte[] body, long ms) throws Exception {
		long pause = RATE == 0 ? 0 : 1_000_000_000L / RATE;
		long[] took = new long[1 << 20];
		int n = 0;
		long end = System.nanoTime() + ms * 1_000_000;
		for (long from = System.nanoTime(); from < end && n < took.length; n++) {
			byte[] got = client.send(request, HttpResponse.BodyHandlers.ofByteArray()).body();
			long now = System.nanoTime();
			took[n] = now - from;
			if (!Arrays.equals(got, body)) wrong++;
			from = pause == 0 ? now : from + pause;
			if (from > now) LockSupport.parkNanos(from - now);
		}
		return Arrays.copyOf(took, n);
	}
}

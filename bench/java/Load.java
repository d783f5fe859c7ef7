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
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * java Load KEYSTORE BYTES WARM_MS MS: HTTPS over loopback, server and one client in one JVM, one request after the other. Prints
 * requests a second and quantiles in microseconds. java Load: nothing, for the time that a JVM takes to start.
 */
public final class Load {
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
		run(client, request, Long.parseLong(arguments[2]));
		long[] took = run(client, request, Long.parseLong(arguments[3]));
		long sum = 0;
		for (long each : took) sum += each;
		Arrays.sort(took);
		System.out.println(
				String.format(
						"{\"requests\":%d,\"perSecond\":%.1f,\"p50\":%d,\"p99\":%d}",
						took.length, took.length * 1e9 / sum, took[took.length / 2] / 1000, took[took.length * 99 / 100] / 1000));
		System.exit(0);
	}

	private static long[] run(HttpClient client, HttpRequest request, long ms) throws Exception {
		long[] took = new long[1 << 20];
		int n = 0;
		long end = System.nanoTime() + ms * 1_000_000;
		for (long from = System.nanoTime(); from < end && n < took.length; n++) {
			client.send(request, HttpResponse.BodyHandlers.ofByteArray());
			long now = System.nanoTime();
			took[n] = now - from;
			from = now;
		}
		return Arrays.copyOf(took, n);
	}
}

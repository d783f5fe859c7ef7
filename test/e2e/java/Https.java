import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * HTTPS with what the JDK brings. Prints one line of JSON for each exchange that a client made: what it sent and what it got.
 *
 *   java Https serve KEYSTORE                        an echo server; prints its port
 *   java Https CLIENT PORT COUNT                     CLIENT: http1, http2, urlconnection
 *   java Https together KEYSTORE COUNT               the server and all clients that it can serve, in one JVM
 */
public final class Https {
	/** For a server that another program started without TLS. */
	private static final String SCHEME = Boolean.getBoolean("plain") ? "http" : "https";

	/** Of servers; 0: any. */
	static final int PORT = Integer.getInteger("port", 0);

	private static final int[] SIZES = {0, 1, 200, 16_384, 16_385, 100_000, 1_500_000};

	public static void main(String[] arguments) throws Exception {
		String mode = arguments[0];
		if (mode.equals("serve")) {
			System.out.println("port " + serve(arguments[1]).getAddress().getPort());
			Thread.sleep(Long.MAX_VALUE);
		}
		if (mode.equals("together")) {
			HttpsServer server = serve(arguments[1]);
			int port = server.getAddress().getPort();
			int count = Integer.parseInt(arguments[2]);
			client("urlconnection", port, count);
			client("http1", port, count);
			server.stop(0);
			System.exit(0);
		}
		client(mode, Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]));
		System.exit(0);
	}

	static HttpsServer serve(String keyStore) throws Exception {
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = new FileInputStream(keyStore)) {
			keys.load(in, "changeit".toCharArray());
		}
		KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		factory.init(keys, "changeit".toCharArray());
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(factory.getKeyManagers(), null, null);
		HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", PORT), 0);
		server.setHttpsConfigurator(new HttpsConfigurator(context));
		server.setExecutor(workers());
		server.createContext("/", new Echo());
		server.start();
		return server;
	}

	/** Virtual threads are there since Java 21. */
	static ExecutorService workers() throws Exception {
		return Boolean.getBoolean("virtual")
				? (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null)
				: Executors.newFixedThreadPool(4);
	}

	static final class Echo implements HttpHandler {
		@Override
		public void handle(HttpExchange exchange) throws java.io.IOException {
			byte[] body = exchange.getRequestBody().readAllBytes();
			int status = exchange.getRequestURI().getPath().endsWith("/missing") ? 404 : 200;
			exchange.getResponseHeaders().add("Content-Type", "application/octet-stream");
			exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
			if (body.length > 0) exchange.getResponseBody().write(body);
			exchange.close();
		}
	}

	static void client(String kind, int port, int count) throws Exception {
		if (kind.equals("urlconnection")) {
			for (int i = 0; i < count; i++) urlConnection(port, i);
			return;
		}
		HttpClient client =
				HttpClient.newBuilder()
						.version(kind.equals("http2") ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1)
						.build();
		List<CompletableFuture<?>> all = new ArrayList<>();
		for (int i = 0; i < count; i++) {
			byte[] body = body(i);
			String path = path(kind, i);
			HttpRequest request =
					HttpRequest.newBuilder(URI.create(SCHEME + "://localhost:" + port + path))
							.POST(HttpRequest.BodyPublishers.ofByteArray(body))
							.build();
			all.add(
					client
							.sendAsync(request, HttpResponse.BodyHandlers.ofByteArray())
							.thenAccept(
									response ->
											print(kind, path, response.statusCode(), body, response.body(), "HTTP_" + response.version())));
			// some at once, some one after the other
			if (i % 3 == 0) for (CompletableFuture<?> each : all) each.join();
		}
		for (CompletableFuture<?> each : all) each.join();
	}

	private static void urlConnection(int port, int i) throws Exception {
		byte[] body = body(i);
		String path = path("urlconnection", i);
		HttpURLConnection connection = (HttpURLConnection) new URL(SCHEME + "://localhost:" + port + path).openConnection();
		connection.setRequestMethod("POST");
		connection.setDoOutput(true);
		connection.setFixedLengthStreamingMode(body.length);
		try (OutputStream out = connection.getOutputStream()) {
			out.write(body);
		}
		int status = connection.getResponseCode();
		ByteArrayOutputStream answer = new ByteArrayOutputStream();
		try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
			if (in != null) in.transferTo(answer);
		}
		print("urlconnection", path, status, body, answer.toByteArray(), "");
	}

	static String path(String kind, int i) {
		return "/" + kind + "/" + i + (i % 5 == 4 ? "/missing" : "");
	}

	static byte[] body(int i) {
		byte[] body = new byte[SIZES[i % SIZES.length]];
		new Random(i).nextBytes(body);
		return body;
	}

	static synchronized void print(String kind, String path, int status, byte[] sent, byte[] got, String more) {
		System.out.println(
				String.format(
						"{\"kind\":\"%s\",\"method\":\"POST\",\"path\":\"%s\",\"status\":%d,\"sent\":\"%s\",\"got\":\"%s\",\"version\":\"%s\"}",
						kind, path, status, sha256(sent), sha256(got), more));
	}

	private static String sha256(byte[] bytes) {
		try {
			StringBuilder out = new StringBuilder();
			for (byte each : MessageDigest.getInstance("SHA-256").digest(bytes)) out.append(String.format("%02x", each));
			return out.toString();
		} catch (Exception never) {
			throw new IllegalStateException(never);
		}
	}
}

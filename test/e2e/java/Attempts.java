import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.util.EntityUtils;

/**
 * java Attempts serve KEYSTORE: prints its port. java Attempts PORT: each client asks for /CLIENT/redirect, which leads to /CLIENT/there, and for /CLIENT/flaky, whose first
 * request is answered by the end of the connection. java.net.http and OkHttp repeat only what a connection from before could
 * not carry, so they ask for the redirection alone.
 */
public final class Attempts {
	private static final Set<String> SEEN = ConcurrentHashMap.newKeySet();

	public static void main(String[] arguments) throws Exception {
		if (arguments[0].equals("serve")) {
			HttpsServer server = Https.serve(arguments[1]);
			server.removeContext("/");
			server.createContext("/", Attempts::answer);
			System.out.println("port " + server.getAddress().getPort());
			Thread.sleep(Long.MAX_VALUE);
		}
		String base = "https://localhost:" + arguments[0];
		try (CloseableHttpClient client = org.apache.http.impl.client.HttpClients.createSystem()) {
			for (String what : new String[] {"redirect", "flaky"})
				try (CloseableHttpResponse response = client.execute(new HttpGet(base + "/httpclient4/" + what))) {
					say("httpclient4", what, response.getStatusLine().getStatusCode());
					EntityUtils.consume(response.getEntity());
				}
		}
		try (org.apache.hc.client5.http.impl.classic.CloseableHttpClient client =
				org.apache.hc.client5.http.impl.classic.HttpClients.createSystem()) {
			for (String what : new String[] {"redirect", "flaky"})
				client.execute(
						new org.apache.hc.client5.http.classic.methods.HttpGet(base + "/httpclient5/" + what),
						response -> {
							say("httpclient5", what, response.getCode());
							org.apache.hc.core5.http.io.entity.EntityUtils.consume(response.getEntity());
							return null;
						});
		}
		OkHttpClient okhttp = new OkHttpClient();
		try (Response response = okhttp.newCall(new Request.Builder().url(base + "/okhttp/redirect").build()).execute()) {
			say("okhttp", "redirect", response.code());
		}
		java.net.http.HttpClient client =
				java.net.http.HttpClient.newBuilder()
						.version(java.net.http.HttpClient.Version.HTTP_1_1)
						.followRedirects(java.net.http.HttpClient.Redirect.NORMAL)
						.build();
		HttpRequest request = HttpRequest.newBuilder(URI.create(base + "/java.net.http/redirect")).build();
		say("java.net.http", "redirect", client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
		System.exit(0);
	}

	private static void answer(HttpExchange exchange) throws IOException {
		String path = exchange.getRequestURI().getPath();
		if (path.endsWith("/flaky") && SEEN.add(path)) {
			exchange.close();
			return;
		}
		boolean isRedirect = path.endsWith("/redirect");
		if (isRedirect) exchange.getResponseHeaders().set("Location", path.replace("redirect", "there"));
		byte[] body = path.getBytes();
		exchange.sendResponseHeaders(isRedirect ? 302 : 200, body.length);
		exchange.getResponseBody().write(body);
		exchange.close();
	}

	private static void say(String client, String what, int status) {
		System.out.println("{\"client\":\"" + client + "\",\"what\":\"" + what + "\",\"status\":" + status + "}");
	}
}

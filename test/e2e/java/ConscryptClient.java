import com.sun.net.httpserver.HttpsServer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;
import org.conscrypt.OpenSSLProvider;

/** java ConscryptClient KEYSTORE COUNT: java.net.http with Conscrypt's engine against the JDK's server, in one JVM. */
public final class ConscryptClient {
	public static void main(String[] arguments) throws Exception {
		HttpsServer server = Https.serve(arguments[0]);
		SSLContext context = SSLContext.getInstance("TLS", new OpenSSLProvider());
		context.init(null, new TrustManager[] {new TrustsAll()}, null);
		HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(context).build();
		for (int i = 0; i < Integer.parseInt(arguments[1]); i++) {
			byte[] body = Https.body(i);
			String path = Https.path("conscrypt", i);
			HttpRequest request =
					HttpRequest.newBuilder(URI.create("https://localhost:" + server.getAddress().getPort() + path))
							.POST(HttpRequest.BodyPublishers.ofByteArray(body))
							.build();
			HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
			Https.print("conscrypt", path, response.statusCode(), body, response.body(), "");
		}
		System.exit(0);
	}

	private static final class TrustsAll implements X509TrustManager {
		@Override
		public void checkClientTrusted(X509Certificate[] chain, String kind) {}

		@Override
		public void checkServerTrusted(X509Certificate[] chain, String kind) {}

		@Override
		public X509Certificate[] getAcceptedIssuers() {
			return new X509Certificate[0];
		}
	}
}

import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.security.KeyStore;
import java.security.Security;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.jsse.provider.BouncyCastleJsseProvider;

/** java BouncyCastle KEYSTORE COUNT: java.net.http with Bouncy Castle's TLS against the JDK's server, in one JVM. */
public final class BouncyCastle {
	public static void main(String[] arguments) throws Exception {
		HttpsServer server = Https.serve(arguments[0]);
		Security.addProvider(new BouncyCastleProvider());
		Security.addProvider(new BouncyCastleJsseProvider());
		KeyStore trusted = KeyStore.getInstance("PKCS12");
		try (InputStream in = new FileInputStream(System.getProperty("javax.net.ssl.trustStore"))) {
			trusted.load(in, "changeit".toCharArray());
		}
		TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX", "BCJSSE");
		trust.init(trusted);
		SSLContext context = SSLContext.getInstance("TLS", "BCJSSE");
		context.init(null, trust.getTrustManagers(), null);
		HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(context).build();
		for (int i = 0; i < Integer.parseInt(arguments[1]); i++) {
			byte[] body = Https.body(i);
			String path = Https.path("bouncycastle", i);
			HttpRequest request =
					HttpRequest.newBuilder(URI.create("https://localhost:" + server.getAddress().getPort() + path))
							.POST(HttpRequest.BodyPublishers.ofByteArray(body))
							.build();
			HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
			Https.print("bouncycastle", path, response.statusCode(), body, response.body(), "");
		}
		System.exit(0);
	}
}

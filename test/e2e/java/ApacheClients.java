import com.sun.net.httpserver.HttpsServer;
import java.util.concurrent.Future;
import org.apache.hc.client5.http.async.methods.SimpleHttpRequest;
import org.apache.hc.client5.http.async.methods.SimpleHttpResponse;
import org.apache.hc.client5.http.async.methods.SimpleRequestBuilder;
import org.apache.hc.client5.http.impl.async.CloseableHttpAsyncClient;
import org.apache.hc.client5.http.impl.async.HttpAsyncClients;
import org.apache.hc.core5.http.ContentType;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpPost;
import org.apache.http.entity.ByteArrayEntity;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClients;
import org.apache.http.util.EntityUtils;

/** java ApacheClients KEYSTORE COUNT: HttpClient 4, 5 and 5 asynchronous against the JDK's server, in one JVM. */
public final class ApacheClients {
	public static void main(String[] arguments) throws Exception {
		HttpsServer server = Https.serve(arguments[0]);
		String base = "https://localhost:" + server.getAddress().getPort();
		int count = Integer.parseInt(arguments[1]);
		try (CloseableHttpClient client = HttpClients.createSystem()) {
			for (int i = 0; i < count; i++) {
				byte[] body = Https.body(i);
				String path = Https.path("apache4", i);
				HttpPost post = new HttpPost(base + path);
				post.setEntity(new ByteArrayEntity(body));
				try (CloseableHttpResponse response = client.execute(post)) {
					byte[] got = response.getEntity() == null ? new byte[0] : EntityUtils.toByteArray(response.getEntity());
					Https.print("apache4", path, response.getStatusLine().getStatusCode(), body, got, "");
				}
			}
		}
		try (org.apache.hc.client5.http.impl.classic.CloseableHttpClient client =
				org.apache.hc.client5.http.impl.classic.HttpClients.createSystem()) {
			for (int i = 0; i < count; i++) {
				byte[] body = Https.body(i);
				String path = Https.path("apache5", i);
				org.apache.hc.client5.http.classic.methods.HttpPost post =
						new org.apache.hc.client5.http.classic.methods.HttpPost(base + path);
				post.setEntity(
						new org.apache.hc.core5.http.io.entity.ByteArrayEntity(body, ContentType.APPLICATION_OCTET_STREAM));
				client.execute(
						post,
						response -> {
							byte[] got =
									response.getEntity() == null
											? new byte[0]
											: org.apache.hc.core5.http.io.entity.EntityUtils.toByteArray(response.getEntity());
							Https.print("apache5", path, response.getCode(), body, got, "");
							return null;
						});
			}
		}
		try (CloseableHttpAsyncClient client = HttpAsyncClients.createSystem()) {
			client.start();
			for (int i = 0; i < count; i++) {
				byte[] body = Https.body(i);
				String path = Https.path("apache5async", i);
				SimpleHttpRequest request =
						SimpleRequestBuilder.post(base + path).setBody(body, ContentType.APPLICATION_OCTET_STREAM).build();
				Future<SimpleHttpResponse> answer = client.execute(request, null);
				byte[] got = answer.get().getBodyBytes();
				Https.print("apache5async", path, answer.get().getCode(), body, got == null ? new byte[0] : got, "");
			}
		}
		System.exit(0);
	}
}

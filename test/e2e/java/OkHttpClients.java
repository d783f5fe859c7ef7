import com.sun.net.httpserver.HttpsServer;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okhttp3.Response;

/** java OkHttpClients KEYSTORE COUNT: OkHttp against the JDK's server, in one JVM. */
public final class OkHttpClients {
	public static void main(String[] arguments) throws Exception {
		HttpsServer server = Https.serve(arguments[0]);
		OkHttpClient client = new OkHttpClient();
		for (int i = 0; i < Integer.parseInt(arguments[1]); i++) {
			byte[] body = Https.body(i);
			String path = Https.path("okhttp", i);
			Request request =
					new Request.Builder()
							.url("https://localhost:" + server.getAddress().getPort() + path)
							.post(RequestBody.create(MediaType.get("application/octet-stream"), body))
							.build();
			try (Response response = client.newCall(request).execute()) {
				Https.print("okhttp", path, response.code(), body, response.body().bytes(), "");
			}
		}
		System.exit(0);
	}
}

import com.sun.net.httpserver.HttpsServer;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import org.slf4j.MDC;

/** java Traces KEYSTORE COUNT: requests of a client that is in a trace of its own for each but the first. MDC knows them. */
public final class Traces {
	public static void main(String[] arguments) throws Exception {
		HttpsServer server = Https.serve(arguments[0]);
		for (int i = 0; i < Integer.parseInt(arguments[1]); i++) {
			if (i > 0) {
				MDC.put("trace_id", String.format("%032x", i));
				MDC.put("span_id", String.format("%016x", i + 256));
			}
			ask(server.getAddress().getPort(), i);
		}
		System.exit(0);
	}

	static void ask(int port, int i) throws Exception {
		byte[] body = Https.body(2);
		String path = "/traces/" + i;
		HttpURLConnection connection = (HttpURLConnection) new URL("https://localhost:" + port + path).openConnection();
		connection.setDoOutput(true);
		connection.setFixedLengthStreamingMode(body.length);
		try (OutputStream out = connection.getOutputStream()) {
			out.write(body);
		}
		Https.print("traces", path, connection.getResponseCode(), body, connection.getInputStream().readAllBytes(), "");
	}
}

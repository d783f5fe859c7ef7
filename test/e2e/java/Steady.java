import com.sun.net.httpserver.HttpsServer;
import java.io.File;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;

/**
 * java Steady KEYSTORE FILE: a request every 10 ms until the file is there, server and client in one JVM. Prints how many
 * answers were right so far, what went wrong, and at the end how many there were.
 */
public final class Steady {
	public static void main(String[] arguments) throws Exception {
		HttpsServer server = Https.serve(arguments[0]);
		System.out.println("port " + server.getAddress().getPort());
		File stop = new File(arguments[1]);
		int good = 0;
		for (int i = 0; !stop.exists(); i++) {
			byte[] body = ("body of request " + i).getBytes();
			HttpURLConnection connection =
					(HttpURLConnection) new URL("https://localhost:" + server.getAddress().getPort() + "/steady/" + i).openConnection();
			connection.setDoOutput(true);
			connection.setFixedLengthStreamingMode(body.length);
			connection.getOutputStream().write(body);
			try (InputStream in = connection.getInputStream()) {
				byte[] got = in.readAllBytes();
				if (java.util.Arrays.equals(got, body)) System.out.println("so far " + ++good);
				else System.out.println("wrong answer to " + i);
			}
			Thread.sleep(10);
		}
		System.out.println("good " + good);
		System.exit(0);
	}
}

import com.sun.net.httpserver.HttpsServer;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;

/** java Steady KEYSTORE MILLISECONDS [FILE]: until then, or until the file is there: a request every 10 ms, server and client in one JVM. Prints what went wrong, and how many. */
public final class Steady {
	public static void main(String[] arguments) throws Exception {
		HttpsServer server = Https.serve(arguments[0]);
		long end = System.nanoTime() + Long.parseLong(arguments[1]) * 1_000_000;
		System.out.println("port " + server.getAddress().getPort());
		java.io.File stop = new java.io.File(arguments.length > 2 ? arguments[2] : "/nowhere/stop");
		int good = 0;
		for (int i = 0; System.nanoTime() < end && !stop.exists(); i++) {
			byte[] body = ("body of request " + i).getBytes();
			HttpURLConnection connection =
					(HttpURLConnection) new URL("https://localhost:" + server.getAddress().getPort() + "/steady/" + i).openConnection();
			connection.setDoOutput(true);
			connection.setFixedLengthStreamingMode(body.length);
			connection.getOutputStream().write(body);
			try (InputStream in = connection.getInputStream()) {
				byte[] got = in.readAllBytes();
				if (java.util.Arrays.equals(got, body)) good++;
				else System.out.println("wrong answer to " + i);
			}
			Thread.sleep(10);
		}
		System.out.println("good " + good);
		System.exit(0);
	}
}

import com.sun.net.httpserver.HttpsServer;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;

/**
 * java Heap KEYSTORE MILLISECONDS: requests as fast as they are answered, server and client in one JVM, a new connection for every
 * hundredth. Prints 16 times what the heap holds after a collection, and at the end how many answers were right.
 */
public final class Heap {
	private static final int LOOKS = 16;

	public static void main(String[] arguments) throws Exception {
		HttpsServer server = Https.serve(arguments[0]);
		System.out.println("port " + server.getAddress().getPort());
		URL url = new URL("https://localhost:" + server.getAddress().getPort() + "/heap");
		long pause = Long.parseLong(arguments[1]) * 1_000_000 / LOOKS;
		int good = 0;
		int i = 0;
		for (int look = 0; look < LOOKS; look++) {
			for (long end = System.nanoTime() + pause; System.nanoTime() < end; i++) {
				byte[] body = Https.body(i % 5);
				HttpURLConnection connection = (HttpURLConnection) url.openConnection();
				connection.setDoOutput(true);
				connection.setFixedLengthStreamingMode(body.length);
				connection.getOutputStream().write(body);
				try (InputStream in = connection.getInputStream()) {
					if (java.util.Arrays.equals(in.readAllBytes(), body)) good++;
					else System.out.println("wrong answer to " + i);
				}
				if (i % 100 == 99) connection.disconnect();
			}
			for (int again = 0; again < 2; again++) System.gc();
			Runtime runtime = Runtime.getRuntime();
			System.out.println("heap " + (runtime.totalMemory() - runtime.freeMemory()));
		}
		System.out.println("good " + good);
		System.exit(0);
	}
}

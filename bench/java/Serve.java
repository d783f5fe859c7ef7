import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.security.KeyStore;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * java Serve KEYSTORE BYTES: HTTPS on a free port of loopback, which it prints. `/load` and `/warm` answer with so many bytes,
 * `/count` with how many `/load` were answered.
 */
public final class Serve {
	public static void main(String[] arguments) throws Exception {
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = new FileInputStream(arguments[0])) {
			keys.load(in, "changeit".toCharArray());
		}
		KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		factory.init(keys, "changeit".toCharArray());
		SSLContext context = SSLContext.getInstance("TLS");
		context.init(factory.getKeyManagers(), null, null);
		HttpsServer server = HttpsServer.create(new InetSocketAddress("127.0.0.1", 0), 256);
		server.setHttpsConfigurator(new HttpsConfigurator(context));
		server.setExecutor(Executors.newFixedThreadPool(8));
		byte[] body = new byte[Integer.parseInt(arguments[1])];
		AtomicLong count = new AtomicLong();
		server.createContext(
				"/",
				exchange -> {
					String path = exchange.getRequestURI().getPath();
					byte[] answer = path.equals("/count") ? String.valueOf(count).getBytes("US-ASCII") : body;
					exchange.sendResponseHeaders(200, answer.length);
					exchange.getResponseBody().write(answer);
					exchange.close();
					if (path.equals("/load")) count.incrementAndGet();
				});
		server.start();
		System.out.println("port " + server.getAddress().getPort());
	}
}

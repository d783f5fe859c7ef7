import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

/** java -Dplain=true PlainHttp COUNT: HttpServer and the JDK's clients without TLS, in one JVM. */
public final class PlainHttp {
	public static void main(String[] arguments) throws Exception {
		HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Https.PORT), 0);
		server.setExecutor(Https.workers());
		server.createContext("/", new Https.Echo());
		server.start();
		Https.client("urlconnection", server.getAddress().getPort(), Integer.parseInt(arguments[0]));
		Https.client("http1", server.getAddress().getPort(), Integer.parseInt(arguments[0]));
		System.exit(0);
	}
}

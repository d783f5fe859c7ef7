import com.sun.net.httpserver.HttpsServer;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;

/** java Shop KEYSTORE URL USER: HTTPS, and for each request a statement over a pooled connection with TLS. Prints its port. */
public final class Shop {
	public static void main(String[] arguments) throws Exception {
		HikariDataSource pool = new HikariDataSource();
		pool.setJdbcUrl(arguments[1]);
		pool.setUsername(arguments[2]);
		pool.setMaximumPoolSize(2);
		pool.setPoolName("shop");
		HttpsServer server = Https.serve(arguments[0]);
		server.removeContext("/");
		server.createContext(
				"/",
				exchange -> {
					StringBuilder rows = new StringBuilder();
					int most = Integer.parseInt(exchange.getRequestURI().getPath().substring("/orders/".length()));
					try (Connection connection = pool.getConnection();
							PreparedStatement select = connection.prepareStatement("select 'order ' || g from generate_series(1, ?) g")) {
						select.setInt(1, most);
						try (ResultSet result = select.executeQuery()) {
							while (result.next()) rows.append(result.getString(1)).append('\n');
						}
					} catch (Exception failed) {
						throw new java.io.IOException(failed);
					}
					byte[] body = rows.toString().getBytes();
					exchange.sendResponseHeaders(200, body.length == 0 ? -1 : body.length);
					if (body.length > 0) exchange.getResponseBody().write(body);
					exchange.close();
				});
		System.out.println("port " + server.getAddress().getPort());
		Thread.sleep(Long.MAX_VALUE);
	}
}

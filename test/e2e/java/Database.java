import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;

/** java Database POOL URL USER: a pool of two connections. POOL: hikari, dbcp, tomcat. Prints what it did, one line each. */
public final class Database {
	public static void main(String[] arguments) throws Exception {
		DataSource pool = pool(arguments[0], arguments[1], arguments[2]);
		try (Connection connection = pool.getConnection();
				Statement statement = connection.createStatement()) {
			statement.execute("create temporary table numbers (n int)");
			try (PreparedStatement insert = connection.prepareStatement("insert into numbers values (?)")) {
				for (int i = 0; i < 3; i++) {
					insert.setInt(1, 4000 + i);
					insert.addBatch();
				}
				insert.executeBatch();
			}
			print("batch", 3);
		}
		for (int i = 0; i < 5; i++) {
			try (Connection connection = pool.getConnection();
					PreparedStatement select = connection.prepareStatement("select g, ? from generate_series(1, 3) g")) {
				select.setString(1, "secret-" + i);
				int rows = 0;
				try (ResultSet result = select.executeQuery()) {
					while (result.next()) rows++;
				}
				print("select", rows);
			}
		}
		try (Connection connection = pool.getConnection();
				Statement statement = connection.createStatement()) {
			statement.executeQuery("select * from nowhere");
		} catch (SQLException expected) {
			print(expected.getSQLState(), 0);
		}
		((AutoCloseable) pool).close();
		System.exit(0);
	}

	private static DataSource pool(String kind, String url, String user) throws Exception {
		if (kind.equals("hikari")) {
			HikariDataSource pool = new HikariDataSource();
			pool.setJdbcUrl(url);
			pool.setUsername(user);
			pool.setMaximumPoolSize(2);
			pool.setPoolName("orders");
			return pool;
		}
		if (kind.equals("dbcp")) {
			org.apache.tomcat.dbcp.dbcp2.BasicDataSource pool = new org.apache.tomcat.dbcp.dbcp2.BasicDataSource();
			pool.setUrl(url);
			pool.setUsername(user);
			pool.setMaxTotal(2);
			return pool;
		}
		org.apache.tomcat.jdbc.pool.DataSource pool = new Closing();
		pool.setDriverClassName("org.postgresql.Driver");
		pool.setUrl(url);
		pool.setUsername(user);
		pool.setInitialSize(1);
		pool.setMaxActive(2);
		pool.setName("orders");
		return pool;
	}

	private static final class Closing extends org.apache.tomcat.jdbc.pool.DataSource implements AutoCloseable {}

	private static void print(String what, int rows) {
		System.out.println("{\"what\":\"" + what + "\",\"rows\":" + rows + "}");
	}
}

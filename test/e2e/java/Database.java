import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** java Database URL USER: HikariCP with two connections. Prints what it did, one line each. */
public final class Database {
	public static void main(String[] arguments) throws Exception {
		HikariConfig config = new HikariConfig();
		config.setJdbcUrl(arguments[0]);
		config.setUsername(arguments[1]);
		config.setMaximumPoolSize(2);
		config.setPoolName("orders");
		try (HikariDataSource pool = new HikariDataSource(config)) {
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
		}
		System.exit(0);
	}

	private static void print(String what, int rows) {
		System.out.println("{\"what\":\"" + what + "\",\"rows\":" + rows + "}");
	}
}

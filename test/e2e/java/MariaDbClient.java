import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;

/** java MariaDbClient URL USER PASSWORD: MariaDB Connector/J. Prints what it did, one line each. */
public final class MariaDbClient {
	public static void main(String[] arguments) throws Exception {
		try (Connection connection = DriverManager.getConnection(arguments[0], arguments[1], arguments[2])) {
			try (Statement statement = connection.createStatement()) {
				statement.execute("create table things (n int, t varchar(200))");
			}
			try (PreparedStatement insert = connection.prepareStatement("insert into things values (?, ?)")) {
				for (int i = 0; i < 3; i++) {
					insert.setInt(1, i);
					insert.setString(2, "thing " + i);
					System.out.println("{\"what\":\"insert\",\"rows\":" + insert.executeUpdate() + "}");
				}
			}
			try (Statement statement = connection.createStatement();
					ResultSet result = statement.executeQuery("select n, t from things order by n")) {
				int rows = 0;
				while (result.next()) rows++;
				System.out.println("{\"what\":\"select\",\"rows\":" + rows + "}");
			}
		}
		System.exit(0);
	}
}

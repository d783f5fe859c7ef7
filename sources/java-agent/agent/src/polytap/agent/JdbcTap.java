package polytap.agent;

import java.util.Arrays;

/** Hooks of pgjdbc: which statement a thread is executing, on which lease of which pool, and what came of it. */
public final class JdbcTap {
	private static final int MAX_SQL = 16000;
	private static final int MAX_VALUES = 4000;
	private static final Peek NATIVE_SQL = new Peek("getNativeSql");
	private static final Peek SQL_STATE = new Peek("getSQLState");

	private JdbcTap() {}

	private static final class Execution extends Scope {
		long returned = -1;
		long affected = -1;
		String sqlState;

		Execution(Scope outer) {
			super(outer, true);
		}
	}

	/** {@code query}, {@code values}: one each, or arrays of a batch. */
	public static Object enterExecute(Object executor, Object query, Object values) {
		if (Tap.mode != Tap.ON || !Semantics.wanted) return null;
		Scope outer = Scope.current();
		// one that executes several by itself
		if (outer instanceof Execution || !Scope.hasRoom()) return null;
		Execution execution = new Execution(outer);
		execution.begin();
		try {
			StringBuilder out = Semantics.begin("jdbc.execute", execution.number);
			int batch = query instanceof Object[] ? ((Object[]) query).length : 1;
			Object first = query instanceof Object[] ? (batch > 0 ? ((Object[]) query)[0] : null) : query;
			Object sql = first == null ? null : NATIVE_SQL.call(first);
			if (sql != null) Semantics.add(out, "db.query.text", capped(sql.toString(), MAX_SQL));
			if (batch > 1) Semantics.add(out, "db.operation.batch.size", batch);
			if (Semantics.wantsValues && values != null) {
				String text = values instanceof Object[] ? Arrays.toString((Object[]) values) : values.toString();
				Semantics.add(out, "java.jdbc.values", capped(text, MAX_VALUES));
			}
			PoolTap.describe(out, executor);
			Semantics.send(out);
		} catch (Throwable problem) {
			Tap.failed("jdbc", problem);
		}
		return execution;
	}

	public static void exitExecute(Throwable thrown, Object entered) {
		if (entered == null) return;
		Execution execution = (Execution) entered;
		try {
			if (execution.returned >= 0 || execution.affected >= 0 || execution.sqlState != null) {
				StringBuilder out = Semantics.begin("jdbc.result", execution.number);
				if (execution.returned >= 0) Semantics.add(out, "db.response.returned_rows", execution.returned);
				if (execution.affected >= 0) Semantics.add(out, "java.jdbc.affected_rows", execution.affected);
				if (execution.sqlState != null) Semantics.add(out, "db.response.status_code", execution.sqlState);
				Semantics.send(out);
			}
		} catch (Throwable problem) {
			Tap.failed("jdbc result", problem);
		} finally {
			execution.end();
		}
	}

	public static Object enterStatus(Object executor) {
		return null;
	}

	/** {@code tag}: "SELECT 3", "INSERT 0 1". */
	public static void exitStatus(Object tag, Object entered, Object executor) {
		Scope scope = Scope.current();
		if (!(scope instanceof Execution) || tag == null) return;
		try {
			String text = tag.toString();
			int space = text.lastIndexOf(' ');
			if (space < 0 || space + 1 == text.length() || !Character.isDigit(text.charAt(space + 1))) return;
			long rows = Long.parseLong(text.substring(space + 1));
			Execution execution = (Execution) scope;
			boolean isQuery = text.startsWith("SELECT") || text.startsWith("FETCH");
			if (isQuery) execution.returned = Math.max(0, execution.returned) + rows;
			else execution.affected = Math.max(0, execution.affected) + rows;
		} catch (Throwable problem) {
			Tap.failed("jdbc status", problem);
		}
	}

	public static Object enterError(Object executor) {
		return null;
	}

	/** {@code problem}: the SQLException that will be thrown. */
	public static void exitError(Object problem, Object entered, Object executor) {
		Scope scope = Scope.current();
		if (!(scope instanceof Execution) || problem == null) return;
		try {
			Object state = SQL_STATE.call(problem);
			Execution execution = (Execution) scope;
			if (state != null && execution.sqlState == null) execution.sqlState = state.toString();
		} catch (Throwable failure) {
			Tap.failed("jdbc error", failure);
		}
	}

	private static String capped(String text, int most) {
		return text.length() > most ? text.substring(0, most) : text;
	}
}

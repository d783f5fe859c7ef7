import java.lang.reflect.InvocationTargetException;

/** java Run CLASS ARGUMENTS: its main; what that throws ends the program with 1, whatever other threads go on. */
public final class Run {
	public static void main(String[] arguments) throws Exception {
		String[] rest = java.util.Arrays.copyOfRange(arguments, 1, arguments.length);
		try {
			Class.forName(arguments[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
		} catch (InvocationTargetException failed) {
			failed.getCause().printStackTrace();
			System.exit(1);
		}
	}
}

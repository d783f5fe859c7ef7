/** An agent that does nothing: what the JVM itself takes longer to start with any agent. */
public final class Nothing {
	private Nothing() {}

	public static void premain(String arguments) {}
}

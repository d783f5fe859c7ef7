package polytap.agent;

import java.io.File;
import java.lang.instrument.Instrumentation;
import java.net.URI;
import java.util.jar.JarFile;

/**
 * What the JVM calls. It puts the agent's own jar on the bootstrap path, so that classes of the JDK and of any
 * application can see the hooks, and refers to nothing else before that. Every other class is then found there first.
 */
public final class Agent {
	private Agent() {}

	public static void premain(String arguments, Instrumentation instrumentation) {
		load(arguments, instrumentation, false);
	}

	/** Dynamic attach; also when the agent is there already. */
	public static void agentmain(String arguments, Instrumentation instrumentation) {
		load(arguments, instrumentation, true);
	}

	private static void load(String arguments, Instrumentation instrumentation, boolean attached) {
		try {
			URI own = Agent.class.getProtectionDomain().getCodeSource().getLocation().toURI();
			instrumentation.appendToBootstrapClassLoaderSearch(new JarFile(new File(own)));
			Main.start(arguments == null ? "" : arguments, instrumentation, attached);
		} catch (Throwable problem) {
			// the application starts without us
			System.err.println("polytap agent: not started: " + problem);
		}
	}
}

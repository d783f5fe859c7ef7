package polytap.agent;

import java.lang.instrument.Instrumentation;
import java.lang.reflect.Method;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/** Starts the agent once, whatever number of times it is loaded. */
public final class Main {
	private static final AtomicBoolean STARTED = new AtomicBoolean();
	private static volatile Link link;

	private Main() {}

	public static void start(String arguments, Instrumentation instrumentation, boolean attached) throws Exception {
		Settings settings = Settings.parse(arguments);
		if (!STARTED.compareAndSet(false, true)) {
			// a second load changes where we connect and nothing else
			Link running = link;
			if (running != null) running.reconfigure(settings);
			return;
		}
		openPackages(instrumentation);
		Tap.preload();
		Tap.queue = new Outbox(settings.queueBytes, settings.queueEvents);
		Tap.attachedLate = attached;
		Hooks hooks = new Hooks();
		instrumentation.addTransformer(hooks, true);
		hooks.retransformLoaded(instrumentation);
		final Link created = new Link(settings, hooks);
		link = created;
		created.start();
		Thread ending =
				new Thread("polytap-agent-end") {
					@Override
					public void run() {
						created.sayLastWords();
					}
				};
		Runtime.getRuntime().addShutdownHook(ending);
		if (!attached && settings.waitMs > 0) created.awaitListener(settings.waitMs);
	}

	/** Descriptors of sockets and requests of java.net.http lie behind private fields. JDK 8 has no modules. */
	private static void openPackages(Instrumentation instrumentation) {
		try {
			Class<?> moduleClass = Class.forName("java.lang.Module");
			Method getModule = Class.class.getMethod("getModule");
			Object own = getModule.invoke(Main.class);
			Method redefine =
					Instrumentation.class.getMethod(
							"redefineModule", moduleClass, Set.class, Map.class, Map.class, Set.class, Map.class);
			Object base = getModule.invoke(Object.class);
			open(instrumentation, redefine, base, own, "java.net", "java.io", "sun.security.ssl", "sun.nio.ch");
			Class<?> layers = Class.forName("java.lang.ModuleLayer");
			Object found = layers.getMethod("findModule", String.class).invoke(layers.getMethod("boot").invoke(null), "java.net.http");
			Object http = found.getClass().getMethod("orElse", Object.class).invoke(found, (Object) null);
			if (http != null) open(instrumentation, redefine, http, own, "jdk.internal.net.http");
		} catch (ClassNotFoundException beforeModules) {
			// nothing is closed
		} catch (Throwable problem) {
			Tap.failed("open packages", problem);
		}
	}

	private static void open(Instrumentation instrumentation, Method redefine, Object module, Object own, String... names)
			throws Exception {
		Map<String, Set<Object>> opens = new HashMap<String, Set<Object>>();
		for (String name : names) opens.put(name, Collections.singleton(own));
		redefine.invoke(
				instrumentation,
				module,
				Collections.emptySet(),
				Collections.emptyMap(),
				opens,
				Collections.emptySet(),
				Collections.emptyMap());
	}
}

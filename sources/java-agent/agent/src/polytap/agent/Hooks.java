package polytap.agent;

import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.security.ProtectionDomain;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;

/** Which methods of which classes call Tap. A class that is not named here is never looked at. */
final class Hooks implements ClassFileTransformer {
	/** The newest class-file version that our ASM reads. */
	private static final int MAX_MAJOR = Opcodes.V20 & 0xffff;

	private static final String BUFFERS = "[Ljava/nio/ByteBuffer;";
	private static final String BUFFER = "Ljava/nio/ByteBuffer;";
	private static final String RESULT = "Ljavax/net/ssl/SSLEngineResult;";

	/** By internal name of the class. */
	private final Map<String, Hook[]> byClass = new HashMap<String, Hook[]>();
	/** active, partial, waiting, skipped, failed: by id. */
	private final Map<String, String> states = new LinkedHashMap<String, String>();
	/** Methods that were not there: by id. */
	private final Map<String, String> reasons = new HashMap<String, String>();

	Hooks() {
		add("jsse.engine", "EngineTap", "sun/security/ssl/SSLEngineImpl", engine6());
		add(
				"netty.openssl",
				"EngineTap",
				"io/netty/handler/ssl/ReferenceCountedOpenSslEngine",
				engine4()[0],
				engine6()[1]);
		add(
				"netty.handler",
				"NettyTap",
				"io/netty/handler/ssl/SslHandler",
				Hook.entry("setHandshakeSuccess", "()*", "handshaken"),
				Hook.exit("channelInactive", "(Lio/netty/channel/ChannelHandlerContext;)V", "inactive", 0));
		// of its unwraps that is the one that all others end in
		add("conscrypt.engine", "EngineTap", "org/conscrypt/ConscryptEngine", engine4()[0], engine6()[1]);
		add("bc.engine", "EngineTap", "org/bouncycastle/jsse/provider/ProvSSLEngine", engine4());
		add(
				"nio.channel",
				"ChannelTap",
				"sun/nio/ch/SocketChannelImpl",
				Hook.transfer("write", "(" + BUFFER + ")I", "Write", "fdVal"),
				Hook.transfer("write", "(" + BUFFERS + "II)J", "Write", "fdVal"),
				Hook.transfer("read", "(" + BUFFER + ")I", "Read", "fdVal"),
				Hook.transfer("read", "(" + BUFFERS + "II)J", "Read", "fdVal"),
				Hook.entry("connect", "(Ljava/net/SocketAddress;)Z", "connecting"),
				Hook.entry("implCloseSelectableChannel", "()V", "closed"),
				Hook.entry("kill", "()V", "closed"));
		add(
				"jsse.socket",
				"SocketTap",
				"sun/security/ssl/SSLSocketImpl$AppOutputStream",
				Hook.entry("write", "([BII)V", "sslWriting").of("this$0"),
				Hook.exit("write", "([BII)V", "sslWrite", 3).of("this$0"));
		add(
				"jsse.socket",
				"SocketTap",
				"sun/security/ssl/SSLSocketImpl$AppInputStream",
				Hook.exit("read", "([BII)I", "sslRead", 2).of("this$0"));
		add("jsse.socket", "SocketTap", "sun/security/ssl/SSLSocketImpl", Hook.entry("close", "()V", "sslClosed"));
		add(
				"nio.socket",
				"SocketTap",
				"sun/nio/ch/NioSocketImpl",
				Hook.exit("read", "([BII)I", "read", 2),
				Hook.entry("implWrite", "([BII)I", "writing", ""),
				Hook.exit("implWrite", "([BII)I", "wrote", 2),
				Hook.entry("connect", "(Ljava/net/SocketAddress;I)V", "connecting"),
				Hook.entry("close", "()V", "closed"));
		addDatabases();
		addHttpClients();
	}

	/** Drivers and pools of applications. */
	private void addDatabases() {
		String query = "Lorg/postgresql/core/Query;";
		add(
				"jdbc.postgresql",
				"JdbcTap",
				"org/postgresql/core/v3/QueryExecutorImpl",
				Hook.scope("execute", "(" + query + "*", "Execute"),
				Hook.scope("execute", "([" + query + "*", "Execute"),
				Hook.around("receiveCommandStatus", "()Ljava/lang/String;", "Status"),
				Hook.around("receiveErrorResponse", "()Ljava/sql/SQLException;", "Error"));
		String gives = ")Ljava/sql/Connection;";
		add("pool.hikari", "PoolTap", "com/zaxxer/hikari/pool/HikariPool", Hook.around("getConnection", "(J" + gives, "Checkout"));
		Hook close = Hook.entry("close", "()V", "returned");
		add("pool.hikari", "PoolTap", "com/zaxxer/hikari/pool/ProxyConnection", close);
		for (String dbcp : new String[] {"org/apache/commons/dbcp2/", "org/apache/tomcat/dbcp/dbcp2/"}) {
			String source = dbcp + "PoolingDataSource";
			add("pool.dbcp", "PoolTap", source, Hook.around("getConnection", "(" + gives, "Checkout"));
			add("pool.dbcp", "PoolTap", source + "$PoolGuardConnectionWrapper", Hook.entry("close", "()V", "returned"));
		}
		String pooled = "Lorg/apache/tomcat/jdbc/pool/PooledConnection;";
		add(
				"pool.tomcat",
				"PoolTap",
				"org/apache/tomcat/jdbc/pool/ConnectionPool",
				Hook.around("borrowConnection", "(ILjava/lang/String;Ljava/lang/String;)" + pooled, "Checkout"),
				Hook.entry("returnConnection", "(" + pooled + ")V", "returned", ""));
	}

	/** Calls, their requests, and attempts at these. */
	private void addHttpClients() {
		String apache4 = "org/apache/http/impl/";
		add("http.apache4", "HttpTap", apache4 + "client/InternalHttpClient", Hook.scope("doExecute", "(*", "Call"));
		add("http.apache4", "HttpTap", apache4 + "execchain/RetryExec", Hook.scope("execute", "(*", "Request"));
		add("http.apache4", "HttpTap", apache4 + "execchain/MainClientExec", Hook.scope("execute", "(*", "Attempt"));
		String manager4 = apache4 + "conn/PoolingHttpClientConnectionManager";
		add("http.apache4", "HttpTap", manager4, Hook.scope("leaseConnection", "(*", "Lease"));
		String apache5 = "org/apache/hc/client5/http/impl/classic/";
		add("http.apache5", "HttpTap", apache5 + "InternalHttpClient", Hook.scope("doExecute", "(*", "Call"));
		add("http.apache5", "HttpTap", apache5 + "HttpRequestRetryExec", Hook.scope("execute", "(*", "Request"));
		add("http.apache5", "HttpTap", apache5 + "ConnectExec", Hook.scope("execute", "(*", "Attempt"));
		add("http.apache5", "HttpTap", apache5 + "InternalExecRuntime", Hook.scope("acquireEndpoint", "(*", "Lease"));
		String okhttp = "okhttp3/internal/";
		String chain = "(Lokhttp3/Interceptor$Chain;)Lokhttp3/Response;";
		add("http.okhttp", "HttpTap", okhttp + "http/RetryAndFollowUpInterceptor", Hook.scope("intercept", chain, "Call"));
		add("http.okhttp", "HttpTap", okhttp + "connection/ConnectInterceptor", Hook.scope("intercept", chain, "Attempt"));
		add("http.okhttp", "HttpTap", okhttp + "http/CallServerInterceptor", Hook.entry("intercept", chain, "sending"));
		Hook headers = Hook.entry("sendHeadersAsync", "()Ljava/util/concurrent/CompletableFuture;", "jdkHeaders");
		add("http.jdk", "HttpTap", "jdk/internal/net/http/Http1Exchange", headers);
	}

	private static Hook[] engine6() {
		String descriptor = "(" + BUFFERS + "II" + BUFFERS + "II)" + RESULT;
		return new Hook[] {Hook.around("wrap", descriptor, "Wrap"), Hook.around("unwrap", descriptor, "Unwrap")};
	}

	private static Hook[] engine4() {
		return new Hook[] {
			Hook.around("wrap", "(" + BUFFERS + "II" + BUFFER + ")" + RESULT, "Wrap"),
			Hook.around("unwrap", "(" + BUFFER + BUFFERS + "II)" + RESULT, "Unwrap"),
		};
	}

	/** {@code tap}: the class of ours that is called. */
	private void add(String id, String tap, String name, Hook... hooks) {
		byClass.put(name, hooks);
		for (Hook hook : hooks) {
			hook.id = id;
			hook.tap = tap;
		}
		states.put(id, "waiting");
	}

	/** Those that were loaded before us. */
	void retransformLoaded(Instrumentation instrumentation) {
		Set<String> names = new HashSet<String>();
		for (String name : byClass.keySet()) names.add(name.replace('/', '.'));
		List<Class<?>> wanted = new ArrayList<Class<?>>();
		for (Class<?> each : instrumentation.getAllLoadedClasses())
			if (names.contains(each.getName()) && instrumentation.isModifiableClass(each)) wanted.add(each);
		for (Class<?> each : wanted) {
			try {
				instrumentation.retransformClasses(each);
			} catch (Throwable problem) {
				Tap.failed("retransform " + each.getName(), problem);
			}
		}
	}

	@Override
	public byte[] transform(
			ClassLoader loader, String name, Class<?> redefined, ProtectionDomain domain, byte[] original) {
		if (name == null) return null;
		Hook[] hooks = byClass.get(name);
		if (hooks == null) return null;
		String id = hooks[0].id;
		try {
			if (loader != null && Class.forName("polytap.agent.Tap", false, loader) != Tap.class) {
				state(id, "skipped");
				return null;
			}
			StringBuilder missing = new StringBuilder();
			byte[] changed = hooked(original, hooks, missing);
			if (missing.length() > 0) reason(id, name.substring(name.lastIndexOf('/') + 1) + " has no" + missing);
			state(id, changed == null ? "skipped" : missing.length() > 0 ? "partial" : "active");
			return changed;
		} catch (ClassNotFoundException hidden) {
			// its loader shows it no classes but its own
			state(id, "skipped");
			return null;
		} catch (Throwable problem) {
			state(id, "failed");
			Tap.failed("transform " + name, problem);
			return null;
		}
	}

	/** Of several classes with one id the worst counts, once one of them is there. */
	private synchronized void state(String id, String state) {
		String known = states.get(id);
		if ("waiting".equals(known) || "active".equals(known)) states.put(id, state);
	}

	private synchronized void reason(String id, String reason) {
		if (!reasons.containsKey(id)) reasons.put(id, reason);
	}

	synchronized String json() {
		StringBuilder out = new StringBuilder("[");
		for (Map.Entry<String, String> each : states.entrySet()) {
			if (out.length() > 1) out.append(',');
			out.append("{\"id\":\"").append(each.getKey()).append("\",\"state\":\"").append(each.getValue()).append('"');
			String reason = reasons.get(each.getKey());
			if (reason != null) {
				out.append(",\"reason\":");
				Json.text(out, reason);
			}
			out.append('}');
		}
		return out.append(']').toString();
	}

	/** Null where none of the methods is there. */
	private static byte[] hooked(byte[] original, Hook[] hooks, StringBuilder missing) {
		int major = (original[6] & 0xff) << 8 | original[7] & 0xff;
		byte[] readable = original;
		if (major > MAX_MAJOR) {
			// a later version adds to the format what these classes do not use; ASM would not even look
			readable = original.clone();
			readable[6] = (byte) (MAX_MAJOR >> 8);
			readable[7] = (byte) MAX_MAJOR;
		}
		ClassReader reader = new ClassReader(readable);
		ClassWriter writer = new ClassWriter(reader, ClassWriter.COMPUTE_MAXS);
		Rewriter rewriter = new Rewriter(writer, hooks);
		reader.accept(rewriter, ClassReader.EXPAND_FRAMES);
		for (int i = 0; i < hooks.length; i++) if (!rewriter.found[i]) missing.append(' ').append(hooks[i].method);
		if (rewriter.count == 0) return null;
		byte[] changed = writer.toByteArray();
		changed[6] = original[6];
		changed[7] = original[7];
		return changed;
	}

	private static final class Rewriter extends ClassVisitor {
		private final Hook[] hooks;
		private String owner;
		private final Map<String, String> fields = new HashMap<String, String>();
		final boolean[] found;
		int count;

		Rewriter(ClassVisitor next, Hook[] hooks) {
			super(Opcodes.ASM9, next);
			this.hooks = hooks;
			found = new boolean[hooks.length];
		}

		@Override
		public void visit(int version, int access, String name, String signature, String parent, String[] interfaces) {
			owner = name;
			super.visit(version, access, name, signature, parent, interfaces);
		}

		@Override
		public org.objectweb.asm.FieldVisitor visitField(
				int access, String name, String descriptor, String signature, Object value) {
			fields.put(name, descriptor);
			return super.visitField(access, name, descriptor, signature, value);
		}

		@Override
		public MethodVisitor visitMethod(
				int access, String name, String descriptor, String signature, String[] exceptions) {
			MethodVisitor next = super.visitMethod(access, name, descriptor, signature, exceptions);
			if ((access & (Opcodes.ACC_ABSTRACT | Opcodes.ACC_NATIVE | Opcodes.ACC_STATIC)) != 0) return next;
			for (int i = 0; i < hooks.length; i++) {
				Hook hook = hooks[i];
				if (!hook.fits(name, descriptor)) continue;
				found[i] = true;
				count++;
				next = new HookWriter(hook, owner, fields, access, descriptor, next);
			}
			return next;
		}
	}
}

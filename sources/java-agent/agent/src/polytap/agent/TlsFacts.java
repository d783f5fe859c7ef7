package polytap.agent;

import java.lang.reflect.Method;
import java.util.List;
import javax.net.ssl.ExtendedSSLSession;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SNIServerName;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;

/** What a finished handshake agreed on, as the JSON of conn.open. */
final class TlsFacts {
	// since Java 9, and in later releases of 8
	private static final Method ENGINE_ALPN = method(SSLEngine.class);
	private static final Method SOCKET_ALPN = method(SSLSocket.class);

	private static final String NETTY = "netty-openssl";
	private static final Peek NETTY_ALPN = new Peek("getNegotiatedApplicationProtocol");

	private TlsFacts() {}

	static String of(Object engineOrSocket) {
		try {
			if (engineOrSocket instanceof SSLEngine) {
				SSLEngine engine = (SSLEngine) engineOrSocket;
				String provider = providerOf(engine.getClass().getName());
				// Netty's engine has no method of the JDK's name
				String alpn = provider == NETTY ? (String) NETTY_ALPN.call(engine) : alpn(ENGINE_ALPN, engine);
				return json(engine.getSession(), engine.getSSLParameters(), alpn, provider);
			}
			SSLSocket socket = (SSLSocket) engineOrSocket;
			return json(socket.getSession(), socket.getSSLParameters(), alpn(SOCKET_ALPN, socket), providerOf(socket.getClass().getName()));
		} catch (Throwable problem) {
			Tap.failed("TLS facts", problem);
			return "{}";
		}
	}

	private static String json(SSLSession session, SSLParameters parameters, String alpn, String provider) {
		StringBuilder out = new StringBuilder(160);
		out.append("{\"provider\":");
		Json.text(out, provider);
		if (session != null) {
			out.append(",\"version\":");
			Json.text(out, session.getProtocol());
			out.append(",\"cipher\":");
			Json.text(out, session.getCipherSuite());
		}
		if (alpn != null && !alpn.isEmpty()) {
			out.append(",\"alpn\":");
			Json.text(out, alpn);
		}
		String name = serverName(session, parameters);
		if (name != null) {
			out.append(",\"serverName\":");
			Json.text(out, name);
		}
		return out.append('}').toString();
	}

	private static String providerOf(String className) {
		if (className.startsWith("sun.security.ssl.")) return "SunJSSE";
		if (className.endsWith("OpenSslEngine")) return NETTY;
		if (className.startsWith("org.conscrypt.")) return "Conscrypt";
		if (className.startsWith("org.bouncycastle.")) return "BCJSSE";
		return className.length() > 100 ? className.substring(0, 100) : className;
	}

	private static String serverName(SSLSession session, SSLParameters parameters) {
		List<SNIServerName> names = parameters == null ? null : parameters.getServerNames();
		if ((names == null || names.isEmpty()) && session instanceof ExtendedSSLSession) {
			try {
				names = ((ExtendedSSLSession) session).getRequestedServerNames();
			} catch (UnsupportedOperationException notTold) {
				return null;
			}
		}
		if (names == null) return null;
		for (SNIServerName name : names) if (name instanceof SNIHostName) return ((SNIHostName) name).getAsciiName();
		return null;
	}

	private static String alpn(Method method, Object object) throws Exception {
		if (method == null) return null;
		try {
			return (String) method.invoke(object);
		} catch (java.lang.reflect.InvocationTargetException notSupported) {
			return null;
		}
	}

	private static Method method(Class<?> owner) {
		try {
			return owner.getMethod("getApplicationProtocol");
		} catch (NoSuchMethodException old) {
			return null;
		}
	}
}

package polytap.agent;

import java.io.FileDescriptor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.SocketImpl;
import java.nio.channels.SocketChannel;
import javax.net.ssl.SSLSocket;

/** Addresses and descriptors of sockets. Names are never looked up. */
final class Addresses {
	private static final Field IMPL = field(Socket.class, "impl");
	private static final Field DESCRIPTOR = field(SocketImpl.class, "fd");
	private static final Field NUMBER = field(FileDescriptor.class, "fd");
	private static final Field DELEGATE = field("java.net.DelegatingSocketImpl", "delegate");
	private static final Field REMOTE = field(SocketImpl.class, "address");
	private static final Field PORT = field(SocketImpl.class, "port");
	private static final Method LOCAL = localAddress();

	private Addresses() {}

	/** Looked up when there is an SSLSocket. */
	private static final class Inside {
		static final Field SELF = field("sun.security.ssl.BaseSSLSocketImpl", "self");
	}

	/** False where it is not connected, or no IP connection. */
	static boolean bind(Conn conn, SocketChannel channel, int fd) throws Exception {
		SocketAddress local = channel.getLocalAddress();
		SocketAddress remote = channel.getRemoteAddress();
		if (!(local instanceof InetSocketAddress) || !(remote instanceof InetSocketAddress)) return false;
		InetSocketAddress from = (InetSocketAddress) local;
		InetSocketAddress to = (InetSocketAddress) remote;
		conn.fd = fd;
		return bind(conn, from, to);
	}

	static boolean bind(Conn conn, InetSocketAddress local, InetSocketAddress remote) {
		return bind(conn, local.getAddress(), local.getPort(), remote.getAddress(), remote.getPort());
	}

	/** Of a blocking socket's inside. */
	static boolean bindImpl(Conn conn, Object impl) throws Exception {
		Object descriptor = DESCRIPTOR == null ? null : DESCRIPTOR.get(impl);
		if (descriptor == null || NUMBER == null || LOCAL == null || REMOTE == null || PORT == null) return false;
		conn.fd = NUMBER.getInt(descriptor);
		Object local = LOCAL.invoke(null, descriptor);
		if (!(local instanceof InetSocketAddress)) return false;
		InetSocketAddress from = (InetSocketAddress) local;
		return bind(conn, from.getAddress(), from.getPort(), (InetAddress) REMOTE.get(impl), PORT.getInt(impl));
	}

	static boolean bind(Conn conn, SSLSocket socket) {
		Socket carrier = socket;
		Object impl = null;
		try {
			// one that was put on top of another socket has no connection of its own
			Field above = Inside.SELF;
			Object self = above == null || !above.getDeclaringClass().isInstance(socket) ? null : above.get(socket);
			if (self instanceof Socket) carrier = (Socket) self;
			impl = IMPL == null ? null : IMPL.get(carrier);
			while (impl != null && DELEGATE != null && DELEGATE.getDeclaringClass().isInstance(impl)) impl = DELEGATE.get(impl);
			Object descriptor = impl == null || DESCRIPTOR == null ? null : DESCRIPTOR.get(impl);
			if (descriptor != null && NUMBER != null) conn.fd = NUMBER.getInt(descriptor);
			if (impl != null) conn.count = Tap.COUNTS.get(impl);
		} catch (Throwable problem) {
			Tap.failed("descriptor", problem);
		}
		return bind(conn, carrier.getLocalAddress(), carrier.getLocalPort(), carrier.getInetAddress(), carrier.getPort());
	}

	private static boolean bind(Conn conn, InetAddress local, int localPort, InetAddress remote, int remotePort) {
		if (local == null || remote == null) return false;
		conn.localAddress = local.getHostAddress();
		conn.localPort = localPort;
		conn.remotePort = remotePort;
		conn.remoteAddress = remote.getHostAddress();
		return true;
	}

	private static Method localAddress() {
		Class<?> net = Tap.find("sun.nio.ch.Net");
		try {
			Method method = net == null ? null : net.getDeclaredMethod("localAddress", FileDescriptor.class);
			if (method != null) method.setAccessible(true);
			return method;
		} catch (NoSuchMethodException missing) {
			return null;
		} catch (Throwable problem) {
			Tap.failed("method localAddress", problem);
			return null;
		}
	}

	static Field field(String className, String name) {
		Class<?> owner = Tap.find(className);
		return owner == null ? null : field(owner, name);
	}

	static Field field(Class<?> owner, String name) {
		try {
			Field field = owner.getDeclaredField(name);
			field.setAccessible(true);
			return field;
		} catch (NoSuchFieldException missing) {
			return null;
		} catch (Throwable problem) {
			Tap.failed("field " + name, problem);
			return null;
		}
	}
}

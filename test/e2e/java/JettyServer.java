import java.io.IOException;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.server.handler.AbstractHandler;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/** java JettyServer KEYSTORE COUNT: Jetty and java.net.http, HTTP/1.1 and HTTP/2, in one JVM. */
public final class JettyServer {
	public static void main(String[] arguments) throws Exception {
		SslContextFactory.Server keys = new SslContextFactory.Server();
		keys.setKeyStorePath(arguments[0]);
		keys.setKeyStorePassword("changeit");
		HttpConfiguration configuration = new HttpConfiguration();
		configuration.addCustomizer(new SecureRequestCustomizer());
		HttpConnectionFactory http1 = new HttpConnectionFactory(configuration);
		HTTP2ServerConnectionFactory http2 = new HTTP2ServerConnectionFactory(configuration);
		ALPNServerConnectionFactory alpn = new ALPNServerConnectionFactory();
		alpn.setDefaultProtocol(http1.getProtocol());
		Server server = new Server();
		ServerConnector connector =
				new ServerConnector(server, new SslConnectionFactory(keys, alpn.getProtocol()), alpn, http2, http1);
		connector.setHost("127.0.0.1");
		server.addConnector(connector);
		server.setHandler(
				new AbstractHandler() {
					@Override
					public void handle(String target, Request base, HttpServletRequest request, HttpServletResponse response)
							throws IOException {
						byte[] body = request.getInputStream().readAllBytes();
						response.setStatus(target.endsWith("/missing") ? 404 : 200);
						response.setContentLength(body.length);
						response.getOutputStream().write(body);
						base.setHandled(true);
					}
				});
		server.start();
		Https.client("http1", connector.getLocalPort(), Integer.parseInt(arguments[1]));
		Https.client("http2", connector.getLocalPort(), Integer.parseInt(arguments[1]));
		System.exit(0);
	}
}

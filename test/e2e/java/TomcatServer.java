import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.http2.Http2Protocol;
import org.apache.tomcat.util.net.SSLHostConfig;
import org.apache.tomcat.util.net.SSLHostConfigCertificate;

/** java TomcatServer KEYSTORE COUNT: Tomcat's NIO connector and java.net.http, HTTP/1.1 and HTTP/2, in one JVM. */
public final class TomcatServer {
	public static void main(String[] arguments) throws Exception {
		Tomcat tomcat = new Tomcat();
		File base = Files.createTempDirectory("tomcat").toFile();
		tomcat.setBaseDir(base.getPath());
		Connector connector = new Connector("org.apache.coyote.http11.Http11NioProtocol");
		connector.setPort(0);
		connector.setSecure(true);
		connector.setScheme("https");
		connector.setProperty("SSLEnabled", "true");
		SSLHostConfig host = new SSLHostConfig();
		SSLHostConfigCertificate certificate =
				new SSLHostConfigCertificate(host, SSLHostConfigCertificate.Type.UNDEFINED);
		certificate.setCertificateKeystoreFile(arguments[0]);
		certificate.setCertificateKeystorePassword("changeit");
		certificate.setCertificateKeystoreType("PKCS12");
		host.addCertificate(certificate);
		connector.addSslHostConfig(host);
		Http2Protocol http2 = new Http2Protocol();
		// a body of one byte in a frame of its own is an attack to Tomcat: GOAWAY with ENHANCE_YOUR_CALM
		http2.setOverheadDataThreshold(0);
		http2.setOverheadWindowUpdateThreshold(0);
		connector.addUpgradeProtocol(http2);
		tomcat.setConnector(connector);
		Context context = tomcat.addContext("", base.getPath());
		Tomcat.addServlet(context, "echo", new Echo());
		context.addServletMappingDecoded("/*", "echo");
		tomcat.start();
		Https.client("http1", connector.getLocalPort(), Integer.parseInt(arguments[1]));
		Https.client("http2", connector.getLocalPort(), Integer.parseInt(arguments[1]));
		System.exit(0);
	}

	private static final class Echo extends HttpServlet {
		@Override
		protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
			byte[] body = request.getInputStream().readAllBytes();
			response.setStatus(request.getRequestURI().endsWith("/missing") ? 404 : 200);
			response.setContentLength(body.length);
			response.getOutputStream().write(body);
		}
	}
}

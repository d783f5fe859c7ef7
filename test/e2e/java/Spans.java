import com.sun.net.httpserver.HttpsServer;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Scope;

/** java Spans KEYSTORE COUNT: like Traces, with spans of OpenTelemetry. */
public final class Spans {
	public static void main(String[] arguments) throws Exception {
		HttpsServer server = Https.serve(arguments[0]);
		int port = server.getAddress().getPort();
		Traces.ask(port, 0);
		for (int i = 1; i < Integer.parseInt(arguments[1]); i++) {
			SpanContext context =
					SpanContext.create(
							String.format("%032x", i), String.format("%016x", i + 256), TraceFlags.getSampled(), TraceState.getDefault());
			try (Scope scope = Span.wrap(context).makeCurrent()) {
				Traces.ask(port, i);
			}
		}
		System.exit(0);
	}
}

import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCalls;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.KeyStore;
import java.util.Iterator;
import javax.net.ssl.KeyManagerFactory;

/** java GrpcPair KEYSTORE COUNT: a server and a client of gRPC-java over Netty's OpenSSL in one JVM; echoes, one at a time and as streams. */
public final class GrpcPair {
	private static final MethodDescriptor.Marshaller<byte[]> BYTES =
			new MethodDescriptor.Marshaller<byte[]>() {
				@Override
				public InputStream stream(byte[] value) {
					return new ByteArrayInputStream(value);
				}

				@Override
				public byte[] parse(InputStream stream) {
					try {
						return stream.readAllBytes();
					} catch (IOException problem) {
						throw new UncheckedIOException(problem);
					}
				}
			};
	private static final MethodDescriptor<byte[], byte[]> ONE = method(MethodDescriptor.MethodType.UNARY, "One");
	private static final MethodDescriptor<byte[], byte[]> DOWN = method(MethodDescriptor.MethodType.SERVER_STREAMING, "Down");
	private static final MethodDescriptor<byte[], byte[]> FAIL = method(MethodDescriptor.MethodType.UNARY, "Fail");

	public static void main(String[] arguments) throws Exception {
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = new FileInputStream(arguments[0])) {
			keys.load(in, "changeit".toCharArray());
		}
		KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		factory.init(keys, "changeit".toCharArray());
		SslContext serverTls = GrpcSslContexts.configure(SslContextBuilder.forServer(factory), SslProvider.OPENSSL).build();
		SslContext clientTls =
				GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.OPENSSL)
						.trustManager(InsecureTrustManagerFactory.INSTANCE)
						.build();
		ServerServiceDefinition service =
				ServerServiceDefinition.builder("shop.Talk")
						.addMethod(
								ONE,
								ServerCalls.asyncUnaryCall(
										(request, response) -> {
											response.onNext(request);
											response.onCompleted();
										}))
						.addMethod(
								DOWN,
								ServerCalls.asyncServerStreamingCall(
										(request, response) -> {
											for (int i = 0; i < 3; i++) response.onNext(request);
											response.onCompleted();
										}))
						.addMethod(
								FAIL,
								ServerCalls.asyncUnaryCall(
										(request, response) -> response.onError(Status.NOT_FOUND.withDescription("no such thing").asRuntimeException())))
						.build();
		Server server = NettyServerBuilder.forPort(0).sslContext(serverTls).addService(service).build().start();
		ManagedChannel channel = NettyChannelBuilder.forAddress("localhost", server.getPort()).sslContext(clientTls).build();
		for (int i = 0; i < Integer.parseInt(arguments[1]); i++) {
			byte[] body = Https.body(i);
			byte[] got = ClientCalls.blockingUnaryCall(channel, ONE, CallOptions.DEFAULT, body);
			Https.print("grpc", "/shop.Talk/One", 0, body, got, "");
		}
		byte[] body = Https.body(2);
		for (Iterator<byte[]> all = ClientCalls.blockingServerStreamingCall(channel, DOWN, CallOptions.DEFAULT, body); all.hasNext(); )
			Https.print("grpc", "/shop.Talk/Down", 0, body, all.next(), "");
		try {
			ClientCalls.blockingUnaryCall(channel, FAIL, CallOptions.DEFAULT, body);
		} catch (StatusRuntimeException expected) {
			Https.print("grpc", "/shop.Talk/Fail", expected.getStatus().getCode().value(), body, new byte[0], "");
		}
		System.exit(0);
	}

	private static MethodDescriptor<byte[], byte[]> method(MethodDescriptor.MethodType type, String name) {
		return MethodDescriptor.<byte[], byte[]>newBuilder(BYTES, BYTES).setType(type).setFullMethodName("shop.Talk/" + name).build();
	}
}

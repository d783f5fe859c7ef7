import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.epoll.EpollEventLoopGroup;
import io.netty.channel.epoll.EpollServerSocketChannel;
import io.netty.channel.epoll.EpollSocketChannel;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpClientCodec;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.security.KeyStore;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;

/** java [-Depoll=true] NettyPair JDK|OPENSSL KEYSTORE COUNT: a server and a client of Netty in one JVM. */
public final class NettyPair {
	private static final int MOST = 4 << 20;

	public static void main(String[] arguments) throws Exception {
		SslProvider provider = SslProvider.valueOf(arguments[0]);
		KeyStore keys = KeyStore.getInstance("PKCS12");
		try (InputStream in = new FileInputStream(arguments[1])) {
			keys.load(in, "changeit".toCharArray());
		}
		KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
		factory.init(keys, "changeit".toCharArray());
		SslContext serverTls = SslContextBuilder.forServer(factory).sslProvider(provider).build();
		SslContext clientTls =
				SslContextBuilder.forClient()
						.sslProvider(provider)
						.trustManager(InsecureTrustManagerFactory.INSTANCE)
						.build();
		boolean isEpoll = Boolean.getBoolean("epoll");
		EventLoopGroup loops = isEpoll ? new EpollEventLoopGroup(2) : new NioEventLoopGroup(2);
		Channel server =
				new ServerBootstrap()
						.group(loops)
						.channel(isEpoll ? EpollServerSocketChannel.class : NioServerSocketChannel.class)
						.childHandler(
								new ChannelInitializer<Channel>() {
									@Override
									protected void initChannel(Channel channel) {
										channel.pipeline().addLast(serverTls.newHandler(channel.alloc()), new HttpServerCodec());
										channel.pipeline().addLast(new HttpObjectAggregator(MOST), new Echo());
									}
								})
						.bind("127.0.0.1", 0)
						.sync()
						.channel();
		BlockingQueue<byte[]> bodies = new ArrayBlockingQueue<>(1);
		BlockingQueue<Integer> statuses = new ArrayBlockingQueue<>(1);
		InetSocketAddress address = (InetSocketAddress) server.localAddress();
		Channel client =
				new Bootstrap()
						.group(loops)
						.channel(isEpoll ? EpollSocketChannel.class : NioSocketChannel.class)
						.handler(
								new ChannelInitializer<Channel>() {
									@Override
									protected void initChannel(Channel channel) {
										channel.pipeline().addLast(clientTls.newHandler(channel.alloc(), "localhost", address.getPort()));
										channel.pipeline().addLast(new HttpClientCodec(), new HttpObjectAggregator(MOST));
										channel
												.pipeline()
												.addLast(
														new SimpleChannelInboundHandler<FullHttpResponse>() {
															@Override
															protected void channelRead0(ChannelHandlerContext context, FullHttpResponse response) {
																statuses.add(response.status().code());
																bodies.add(ByteBufUtil.getBytes(response.content()));
															}
														});
									}
								})
						.connect(address)
						.sync()
						.channel();
		for (int i = 0; i < Integer.parseInt(arguments[2]); i++) {
			byte[] body = Https.body(i);
			String path = Https.path("netty", i);
			FullHttpRequest request =
					new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, path, Unpooled.wrappedBuffer(body));
			request.headers().set("host", "localhost").set("content-length", body.length);
			client.writeAndFlush(request).sync();
			int status = statuses.poll(10, TimeUnit.SECONDS);
			Https.print("netty", path, status, body, bodies.poll(10, TimeUnit.SECONDS), "");
		}
		client.close().sync();
		System.exit(0);
	}

	private static final class Echo extends SimpleChannelInboundHandler<FullHttpRequest> {
		@Override
		protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
			HttpResponseStatus status = request.uri().endsWith("/missing") ? HttpResponseStatus.NOT_FOUND : HttpResponseStatus.OK;
			DefaultFullHttpResponse response =
					new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, request.content().retain());
			response.headers().set("content-length", response.content().readableBytes());
			context.writeAndFlush(response);
		}
	}
}

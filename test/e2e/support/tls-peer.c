/*
 * HTTPS server and client of OpenSSL that use its calls in one way after the other:
 *   tls-peer PORT CERTIFICATE KEY WAY LOAD COUNT SIZE
 * The client, a process of its own, posts bodies made from ids (body.ts) to /echo/ID and compares the answers; the server prints
 * what it answered as nginx's log of these tests has it, and the client's port. Ends with 0 where every answer was right.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define SHIFTS 4093
#define ROOM (1 << 22)

static const char *way;
static int port, load, count, size;
static char *text;
static SSL_SESSION *session;

static int is_way(const char *name) { return strcmp(way, name) == 0; }

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s: ", way, what);
	ERR_print_errors_fp(stderr);
	fprintf(stderr, "(%s)\n", strerror(errno));
	exit(1);
}

static void make_text(void)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned state = 2463534242u;

	text = malloc(size + SHIFTS);
	for (int i = 0; i < size + SHIFTS; i++) {
		state ^= state << 13;
		state ^= state >> 17;
		state ^= state << 5;
		text[i] = letters[state & 63];
	}
}

static void body_of(const char *id, char *body)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "%s:", id);

	for (int i = 0; i < size; i++)
		body[i] = i < n ? head[i] : text[(int)(atoll(id) % SHIFTS) + i - n];
}

/* ------------------------------------------------------------------------------------------------ one end */

struct end {
	SSL *ssl;
	int fd;
	BIO *in, *out;          /* `handoff`, `batch`: the encrypted bytes are moved by us */
	char data[ROOM];        /* received and not used yet */
	size_t length;
};

static void wait_for(struct end *end, int ret)
{
	int error = SSL_get_error(end->ssl, ret);
	struct pollfd p = { .fd = end->fd, .events = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN };

	if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ)
		fail("the library");
	poll(&p, 1, 10000);
}

static void write_all(struct end *end, const char *from, size_t length)
{
	int is_partial = is_way("partial");

	while (length > 0) {
		size_t n = 0;
		/* the library must take a retry from another place, as partial writes have it */
		char *moved = is_partial ? memcpy(malloc(length), from, length) : NULL;
		int ret = SSL_write_ex(end->ssl, moved ? moved : from, length, &n);

		free(moved);
		if (ret <= 0)
			wait_for(end, ret);
		from += n;
		length -= n;
	}
}

/* 0: the other end has closed */
static int read_more(struct end *end)
{
	int want = is_way("partial") || is_way("whole") ? 3000 : 65536;
	int ret;

	if (is_way("peek")) {
		char first[8];

		SSL_peek(end->ssl, first, sizeof(first));
	}
	if (is_way("whole") || is_way("partial"))
		usleep(100);
	do {
		ret = SSL_read(end->ssl, end->data + end->length, want);
		if (ret <= 0 && SSL_get_error(end->ssl, ret) == SSL_ERROR_ZERO_RETURN)
			return 0;
		if (ret <= 0)
			wait_for(end, ret);
	} while (ret <= 0);
	end->length += ret;
	end->data[end->length] = 0;
	return 1;
}

/* length of the message at the front, head and body; 0: the other end has closed */
static size_t whole_message(struct end *end)
{
	for (;;) {
		char *blank = end->length ? strstr(end->data, "\r\n\r\n") : NULL;
		char *field = blank ? strcasestr(end->data, "content-length:") : NULL;

		if (field) {
			size_t whole = blank + 4 - end->data + atol(field + 15);

			if (end->length >= whole)
				return whole;
		}
		if (!read_more(end))
			return 0;
	}
}

static void drop(struct end *end, size_t length)
{
	memmove(end->data, end->data + length, end->length - length + 1);
	end->length -= length;
}

static void set_blocking(int fd, int is_blocking)
{
	int send = 4096, receive = 65536;   /* a smaller window has the kernel wait for its timers */

	if (is_blocking)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof(send));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int has_memory(void) { return is_way("handoff") || is_way("batch"); }

static void shake(struct end *end)
{
	int ret;

	while ((ret = SSL_do_handshake(end->ssl)) <= 0)
		wait_for(end, ret);
}

/* ------------------------------------------------------------------------------------------------ the server */

static int port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	if (getpeername(fd, (struct sockaddr *)&address, &length))
		fail("getpeername");
	return ntohs(address.sin_port);
}

static void answer(struct end *end)
{
	size_t whole = whole_message(end);
	char *blank, id[16] = {};
	char head[128];
	int n;

	if (!whole)
		return;
	sscanf(end->data, "POST /echo/%12[0-9]", id);
	blank = strstr(end->data, "\r\n\r\n") + 4;
	n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n",
		     (int)(whole - (blank - end->data)));
	write_all(end, head, n);
	write_all(end, blank, whole - (blank - end->data));
	drop(end, whole);
	printf("/echo/%s 200 OK %d\n", id, port_of(end->fd));
}

static void read_early(struct end *end)
{
	for (;;) {
		size_t n = 0;
		int ret = SSL_read_early_data(end->ssl, end->data + end->length, 16384, &n);

		if (ret == SSL_READ_EARLY_DATA_ERROR)
			fail("early data");
		end->length += n;
		end->data[end->length] = 0;
		if (ret == SSL_READ_EARLY_DATA_FINISH)
			return;
	}
}

/* what a thread that moves encrypted bytes for others was given to do */
struct job {
	struct end *end;
	int is_done;
};

static void *decrypt(void *of)
{
	struct job *job = of;
	struct end *end = job->end;
	int ret;

	if (!SSL_is_init_finished(end->ssl)) {
		SSL_do_handshake(end->ssl);
		return NULL;
	}
	while ((ret = SSL_read(end->ssl, end->data + end->length, 65536)) > 0) {
		end->length += ret;
		end->data[end->length] = 0;
	}
	if (SSL_get_error(end->ssl, ret) == SSL_ERROR_ZERO_RETURN)
		job->is_done = 1;
	if (end->length > 0) {
		char *blank = strstr(end->data, "\r\n\r\n");
		char *field = blank ? strcasestr(end->data, "content-length:") : NULL;

		if (field && end->length >= (size_t)(blank + 4 - end->data + atol(field + 15)))
			answer(end);
	}
	return NULL;
}

/* The encrypted bytes of two connections, received one after the other, then both decrypted; on this thread, or on another. */
static void serve_memory(SSL_CTX *context, int listener)
{
	struct end *ends[2];
	struct job jobs[2] = {};
	static char bytes[2][1 << 17];
	int open = 2;

	for (int i = 0; i < 2; i++) {
		ends[i] = calloc(1, sizeof(struct end));
		ends[i]->fd = accept(listener, NULL, NULL);
		ends[i]->ssl = SSL_new(context);
		ends[i]->in = BIO_new(BIO_s_mem());
		ends[i]->out = BIO_new(BIO_s_mem());
		SSL_set_bio(ends[i]->ssl, ends[i]->in, ends[i]->out);
		SSL_set_accept_state(ends[i]->ssl);
		jobs[i].end = ends[i];
	}
	while (open > 0) {
		int n[2] = { -1, -1 };

		/* both have something, or one is through */
		for (int i = 0; i < 2; i++) {
			struct pollfd p = { .fd = ends[i]->fd, .events = POLLIN };

			if (!jobs[i].is_done && poll(&p, 1, open == 2 ? 300 : 10000) < 0)
				fail("poll");
		}
		for (int i = 0; i < 2; i++)
			if (!jobs[i].is_done)
				n[i] = recv(ends[i]->fd, bytes[i], sizeof(bytes[i]), MSG_DONTWAIT);
		for (int i = 0; i < 2; i++) {
			pthread_t thread;

			if (jobs[i].is_done || n[i] < 0)
				continue;
			if (n[i] == 0)
				jobs[i].is_done = 1;
			BIO_write(ends[i]->in, bytes[i], n[i]);
			if (is_way("handoff")) {
				pthread_create(&thread, NULL, decrypt, &jobs[i]);
				pthread_join(thread, NULL);
			} else {
				decrypt(&jobs[i]);
			}
			if (jobs[i].is_done)
				open--;
		}
		for (int i = 0; i < 2; i++) {
			int left;

			while ((left = BIO_read(ends[i]->out, bytes[i], sizeof(bytes[i]))) > 0)
				if (send(ends[i]->fd, bytes[i], left, MSG_NOSIGNAL) != left)
					fail("send");
		}
	}
	for (int i = 0; i < 2; i++)
		close(ends[i]->fd);
}

static void serve_one(SSL_CTX *context, int fd)
{
	struct end *end = calloc(1, sizeof(*end));
	int sessions = is_way("again") ? count : 1;

	end->fd = fd;
	set_blocking(fd, !is_way("partial") && !is_way("whole"));
	for (int i = 0; i < sessions; i++) {
		end->ssl = SSL_new(context);
		SSL_set_fd(end->ssl, fd);
		SSL_set_accept_state(end->ssl);
		if (is_way("early"))
			read_early(end);
		shake(end);
		if (is_way("again") || is_way("early")) {
			answer(end);
			/* its close, then ours */
			read_more(end);
		} else {
			while (whole_message(end))
				answer(end);
		}
		SSL_shutdown(end->ssl);
		SSL_free(end->ssl);
	}
	close(fd);
	free(end);
}

/* ------------------------------------------------------------------------------------------------ the client */

static int keep_session(SSL *ssl, SSL_SESSION *given)
{
	(void)ssl;
	if (session)
		SSL_SESSION_free(session);
	session = given;
	return 1;
}

static int connected(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("connect");
	return fd;
}

static void close_session(struct end *end)
{
	int ret;

	/* ours, then its close */
	while ((ret = SSL_shutdown(end->ssl)) == 0)
		;
	SSL_free(end->ssl);
}

static void ask(struct end *end, int n, int from)
{
	char id[16], head[256];
	char *body = malloc(size), *message = malloc(size + 256);
	size_t whole, length, at = 0;

	snprintf(id, sizeof(id), "%03d%09d", load, n);
	body_of(id, body);
	length = snprintf(head, sizeof(head),
			  "POST /echo/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n",
			  id, size);
	memcpy(message, head, length);
	memcpy(message + length, body, size);
	length += size;
	if (from) {
		/* the first part goes before the handshake */
		if (SSL_write_early_data(end->ssl, message, length < 10000 ? length : 10000, &at) != 1)
			fail("early data");
		shake(end);
		if (SSL_get_early_data_status(end->ssl) != SSL_EARLY_DATA_ACCEPTED)
			fail("early data was refused");
	}
	write_all(end, message + at, length - at);
	whole = whole_message(end);
	if (!whole || memcmp(strstr(end->data, "\r\n\r\n") + 4, body, size))
		fail("another answer");
	drop(end, whole);
	free(body);
	free(message);
}

static void begin(SSL_CTX *context, struct end *end)
{
	end->ssl = SSL_new(context);
	SSL_set_fd(end->ssl, end->fd);
	SSL_set_connect_state(end->ssl);
	SSL_set_tlsext_host_name(end->ssl, "localhost");
}

static void run_client(int half)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct end *end = calloc(1, sizeof(*end));

	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, keep_session);
	if (is_way("partial"))
		SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (is_way("renegotiate"))
		SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	end->fd = connected();
	set_blocking(end->fd, !is_way("partial") && !is_way("whole"));
	for (int n = 0; n < count; n++) {
		int is_early = is_way("early") && n > 0;

		if (n > 0 && is_way("early"))
			end->fd = connected();
		if (n == 0 || is_way("early") || is_way("again")) {
			begin(context, end);
			if (is_early)
				SSL_set_session(end->ssl, session);
			else
				shake(end);
		}
		if (n > 0 && is_way("renegotiate") && (SSL_renegotiate(end->ssl) != 1 || SSL_do_handshake(end->ssl) != 1))
			fail("renegotiate");
		if (n > 0 && is_way("update") && SSL_key_update(end->ssl, SSL_KEY_UPDATE_REQUESTED) != 1)
			fail("key update");
		ask(end, half >= 0 ? n * 2 + half : n, is_early);
		if (is_way("early") || is_way("again"))
			close_session(end);
		if (is_way("early"))
			close(end->fd);
	}
	if (!is_way("early") && !is_way("again"))
		close_session(end);
	exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int one = 1, status, clients, connections;
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 8)
		return 2;
	port = atoi(argv[1]);
	way = argv[4];
	load = atoi(argv[5]);
	count = atoi(argv[6]);
	size = atoi(argv[7]);
	make_text();
	SSL_CTX_use_certificate_file(context, argv[2], SSL_FILETYPE_PEM);
	SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM);
	SSL_CTX_set_max_early_data(context, 16384);
	SSL_CTX_set_recv_max_early_data(context, 16384);
	SSL_CTX_set_options(context, SSL_OP_NO_ANTI_REPLAY | SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	if (is_way("partial"))
		SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (is_way("ahead"))
		SSL_CTX_set_read_ahead(context, 1);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	address.sin_port = htons(port);
	inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16))
		fail("listen");
	clients = has_memory() ? 2 : 1;
	connections = is_way("early") ? count : 1;
	for (int i = 0; i < clients; i++)
		if (fork() == 0)
			run_client(clients > 1 ? i : -1);
	if (has_memory())
		serve_memory(context, listener);
	else
		for (int i = 0; i < connections; i++)
			serve_one(context, accept(listener, NULL, NULL));
	fflush(stdout);
	for (int i = 0; i < clients; i++)
		if (wait(&status) < 0 || status != 0)
			return 1;
	return 0;
}

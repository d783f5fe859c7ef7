/*
 * One end of TCP connections, driven line by line: reads commands from stdin, answers each with one line, the return value of
 * the call or minus errno. Bytes follow a pattern of their position, so that whoever captured them can check each.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define SLOTS 8
#define MAX_BUFFERS 64
#define ROOM (64 << 20)

struct end {
	int fd;
	int listener;
	uint32_t seed;      /* of what we send: 0 client, 1 server */
	uint64_t sent;
	uint64_t received;
};

static struct end ends[SLOTS];
static struct end *e = &ends[0];
static uint8_t *out, *in;

static uint8_t pattern(uint64_t at, uint32_t seed)
{
	return (uint8_t)((at ^ (at >> 8) ^ (at >> 16) * 7) + seed * 101);
}

static void fill(size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = pattern(e->sent + i, e->seed);
}

/* what came must be what the other end sent */
static long came(long n)
{
	for (long i = 0; i < n; i++)
		if (in[i] != pattern(e->received + i, !e->seed)) {
			fprintf(stderr, "wrong byte at %llu\n", (unsigned long long)(e->received + i));
			exit(3);
		}
	if (n > 0)
		e->received += n;
	return n;
}

static long went(long n)
{
	if (n > 0)
		e->sent += n;
	return n;
}

static int cut(struct iovec *v, uint8_t *room, int buffers, size_t each)
{
	for (int i = 0; i < buffers; i++) {
		v[i].iov_base = room + i * each;
		v[i].iov_len = each;
	}
	return buffers;
}

static int address(const char *text, int port, struct sockaddr_storage *s, socklen_t *length)
{
	struct sockaddr_in *four = (void *)s;
	struct sockaddr_in6 *six = (void *)s;

	memset(s, 0, sizeof(*s));
	if (strchr(text, ':')) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		*length = sizeof(*six);
		return inet_pton(AF_INET6, text, &six->sin6_addr) == 1 ? AF_INET6 : -1;
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	*length = sizeof(*four);
	return inet_pton(AF_INET, text, &four->sin_addr) == 1 ? AF_INET : -1;
}

static int port_of(int fd)
{
	struct sockaddr_storage s;
	socklen_t length = sizeof(s);

	if (getsockname(fd, (void *)&s, &length))
		return -errno;
	return ntohs(s.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&s)->sin6_port : ((struct sockaddr_in *)&s)->sin_port);
}

static int fresh(int family)
{
	int on = 1, off = 0, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	return fd;
}

static void begin(int fd, uint32_t seed)
{
	e->fd = fd;
	e->seed = seed;
	e->sent = e->received = 0;
}

static int do_listen(const char *text, int port)
{
	struct sockaddr_storage s;
	socklen_t length;
	int family = address(text, port, &s, &length);

	e->listener = fresh(family);
	if (bind(e->listener, (void *)&s, length) || listen(e->listener, 16))
		return -errno;
	return port_of(e->listener);
}

/* `fd`: a socket that was connected before; -1: a new one */
static int do_connect(const char *text, int port, int fd)
{
	struct sockaddr_storage s;
	socklen_t length;
	int family = address(text, port, &s, &length);

	if (fd < 0)
		fd = fresh(family);
	begin(fd, 0);
	return connect(fd, (void *)&s, length) ? -errno : port_of(fd);
}

/* one side of a connection that never shook hands: both ends are told the numbers */
static int do_repair(const char *text, int local, int remote, uint32_t send, uint32_t receive, uint32_t seed)
{
	struct sockaddr_storage s;
	socklen_t length;
	int family = address(text, local, &s, &length);
	int fd = fresh(family), on = 1, queue;

	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)))
		return -errno;
	queue = TCP_SEND_QUEUE;
	setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue));
	if (setsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &send, sizeof(send)))
		return -errno;
	queue = TCP_RECV_QUEUE;
	setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue));
	if (setsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &receive, sizeof(receive)))
		return -errno;
	if (bind(fd, (void *)&s, length))
		return -errno;
	address(text, remote, &s, &length);
	if (connect(fd, (void *)&s, length))
		return -errno;
	struct tcp_repair_opt mss = {TCPOPT_MAXSEG, 16384};
	setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, &mss, sizeof(mss));
	begin(fd, seed);
	return 0;
}

static int do_repaired(void)
{
	int off = 0;

	return setsockopt(e->fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)) ? -errno : 0;
}

static long send_file(size_t n)
{
	char name[] = "/tmp/tcp-peer-XXXXXX";
	int file = mkstemp(name);
	off_t at = 0;
	long total = 0;

	unlink(name);
	for (size_t done = 0; done < n;)
		done += write(file, out + done, n - done);
	while (at < (off_t)n) {
		long r = sendfile(e->fd, file, &at, n - at);
		if (r <= 0)
			return -errno;
		total += r;
	}
	close(file);
	return total;
}

static long splice_out(size_t n)
{
	int p[2];
	long total = 0;

	if (pipe(p))
		return -errno;
	while ((size_t)total < n) {
		size_t step = n - total < 32768 ? n - total : 32768;
		long r;
		if (write(p[1], out + total, step) != (long)step)
			return -errno;
		for (size_t left = step; left > 0; left -= r) {
			r = splice(p[0], NULL, e->fd, NULL, left, 0);
			if (r <= 0)
				return -errno;
		}
		total += step;
	}
	close(p[0]);
	close(p[1]);
	return total;
}

static long splice_in(size_t n)
{
	int p[2];
	long total = 0;

	if (pipe(p))
		return -errno;
	while ((size_t)total < n) {
		size_t step = n - total < 32768 ? n - total : 32768;
		long r = splice(e->fd, NULL, p[1], NULL, step, 0);
		if (r <= 0)
			return -errno;
		for (long left = r; left > 0;) {
			long got = read(p[0], in + total + r - left, left);
			left -= got;
		}
		total += r;
	}
	close(p[0]);
	close(p[1]);
	return total;
}

/* as a 32-bit process calls: numbers and registers of another table. 3: read, 4: write */
static long call32(long number, uint8_t *bytes, size_t n)
{
#if defined(__x86_64__)
	uint8_t *low = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long r;

	memcpy(low, bytes, n);
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(number), "b"((long)e->fd), "c"(low), "d"(n) : "memory", "r8", "r9", "r10", "r11");
	r = (int)r;
	memcpy(bytes, low, n);
	munmap(low, n);
	return r;
#else
	return -ENOSYS;
#endif
}

/* kernel TLS, without a handshake: both ends have the same keys */
static int kernel_tls(int directions)
{
	struct tls12_crypto_info_aes_gcm_128 keys = {.info = {.version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128}};

	memset(keys.key, 7, sizeof(keys.key));
	if (setsockopt(e->fd, IPPROTO_TCP, TCP_ULP, "tls", 4))
		return -errno;
	if ((directions & 1) && setsockopt(e->fd, SOL_TLS, TLS_TX, &keys, sizeof(keys)))
		return -errno;
	if ((directions & 2) && setsockopt(e->fd, SOL_TLS, TLS_RX, &keys, sizeof(keys)))
		return -errno;
	return 0;
}

/* an alert beside the data, as OpenSSL sends it over kernel TLS */
static long alert(void)
{
	char control[CMSG_SPACE(1)] = {0}, bytes[2] = {1, 0};
	struct iovec v = {bytes, 2};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_TLS;
	c->cmsg_type = TLS_SET_RECORD_TYPE;
	c->cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(c) = 21;
	return sendmsg(e->fd, &m, 0) < 0 ? -errno : 2;
}

static long zero_copy(size_t n)
{
	int on = 1;
	struct pollfd p = {.fd = e->fd};
	struct msghdr m = {0};
	char control[256];
	long r;

	if (setsockopt(e->fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)))
		return -errno;
	r = send(e->fd, out, n, MSG_ZEROCOPY);
	if (r < 0)
		return -errno;
	poll(&p, 1, 1000);
	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	recvmsg(e->fd, &m, MSG_ERRQUEUE);
	return r;
}

struct flood {
	int fd, calls, size;
	uint64_t sent;
};

static void *flood(void *argument)
{
	struct flood *f = argument;
	uint8_t bytes[65536];

	memset(bytes, 'x', sizeof(bytes));
	for (int i = 0; i < f->calls; i++) {
		/* different lengths, so that a wrong position shows */
		long r = send(f->fd, bytes, f->size + i % 7, 0);
		if (r < 0)
			break;
		f->sent += r;
	}
	return NULL;
}

static long threads(int count, int calls, int size)
{
	pthread_t t[16];
	struct flood f[16];
	long total = 0;

	for (int i = 0; i < count; i++) {
		f[i] = (struct flood){.fd = e->fd, .calls = calls, .size = size};
		pthread_create(&t[i], NULL, flood, &f[i]);
	}
	for (int i = 0; i < count; i++) {
		pthread_join(t[i], NULL);
		total += f[i].sent;
	}
	return total;
}

/* bytes that nobody checks, in calls of one size */
static long long drain(uint64_t n, size_t each, int is_send)
{
	uint64_t total = 0;

	while (total < n) {
		size_t step = n - total < each ? n - total : each;
		long r = is_send ? write(e->fd, out, step) : read(e->fd, in, step);
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		total += r;
	}
	return total;
}

static long long run(char *line)
{
	char word[32] = "", text[64] = "";
	unsigned long long a = 0, b = 0, c = 0, d = 0, f = 0;
	struct iovec v[MAX_BUFFERS];
	struct msghdr m = {0};
	struct mmsghdr mm[MAX_BUFFERS];
	long r;

	sscanf(line, "%31s", word);
	if (!strcmp(word, "listen") || strstr(word, "connect") || !strcmp(word, "repair"))
		sscanf(line, "%*s %63s %llu %llu %llu %llu %llu", text, &a, &b, &c, &d, &f);
	else
		sscanf(line, "%*s %llu %llu %llu", &a, &b, &c);
	memset(mm, 0, sizeof(mm));
	m.msg_iov = v;

	if (!strcmp(word, "slot"))
		return e = &ends[a % SLOTS], 0;
	if (!strcmp(word, "listen"))
		return do_listen(text, a);
	if (!strcmp(word, "unlisten"))
		return close(e->listener);
	if (!strcmp(word, "connect"))
		return do_connect(text, a, -1);
	if (!strcmp(word, "reconnect"))
		return do_connect(text, a, e->fd);
	if (!strcmp(word, "disconnect")) {
		struct sockaddr none = {.sa_family = AF_UNSPEC};
		return connect(e->fd, &none, sizeof(none)) ? -errno : 0;
	}
	if (!strcmp(word, "repair"))
		return do_repair(text, a, b, c, d, f);
	if (!strcmp(word, "repaired"))
		return do_repaired();
	if (!strcmp(word, "accept")) {
		/* slot 0 listens for all */
		r = accept4(ends[0].listener, NULL, NULL, SOCK_CLOEXEC);
		if (r >= 0)
			begin(r, 1);
		return r < 0 ? -errno : 0;
	}
	if (!strcmp(word, "shutdown"))
		return shutdown(e->fd, SHUT_WR) ? -errno : 0;
	if (!strcmp(word, "close"))
		return close(e->fd) ? -errno : 0;
	if (!strcmp(word, "reset")) {
		struct linger l = {1, 0};
		setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
		return close(e->fd) ? -errno : 0;
	}
	if (!strcmp(word, "quiet"))
		return (long)(e->sent = e->received = 0);

	/* ways to send: total bytes, or buffers and their size */
	if (!strcmp(word, "write"))
		return fill(a), (r = went(write(e->fd, out, a))) < 0 ? -errno : r;
	if (!strcmp(word, "send"))
		return fill(a), (r = went(send(e->fd, out, a, 0))) < 0 ? -errno : r;
	if (!strcmp(word, "sendto"))
		return fill(a), (r = went(sendto(e->fd, out, a, MSG_NOSIGNAL, NULL, 0))) < 0 ? -errno : r;
	if (!strcmp(word, "writev"))
		return fill(a * b), (r = went(writev(e->fd, v, cut(v, out, a, b)))) < 0 ? -errno : r;
	if (!strcmp(word, "pwritev2"))
		return fill(a * b), (r = went(pwritev2(e->fd, v, cut(v, out, a, b), -1, 0))) < 0 ? -errno : r;
	if (!strcmp(word, "sendmsg")) {
		fill(a * b);
		m.msg_iovlen = cut(v, out, a, b);
		return (r = went(sendmsg(e->fd, &m, 0))) < 0 ? -errno : r;
	}
	if (!strcmp(word, "sendmmsg")) {
		long total = 0;
		fill(a * b);
		cut(v, out, a, b);
		for (unsigned i = 0; i < a; i++) {
			mm[i].msg_hdr.msg_iov = &v[i];
			mm[i].msg_hdr.msg_iovlen = 1;
		}
		r = sendmmsg(e->fd, mm, a, 0);
		for (long i = 0; i < r; i++)
			total += mm[i].msg_len;
		return r < 0 ? -errno : went(total);
	}
	if (!strcmp(word, "write32"))
		return fill(a), went(call32(4, out, a));
	if (!strcmp(word, "ktls"))
		return kernel_tls(a);
	if (!strcmp(word, "alert"))
		return alert();
	if (!strcmp(word, "zerocopy"))
		return fill(a), went(zero_copy(a));
	if (!strcmp(word, "sendfile"))
		return fill(a), went(send_file(a));
	if (!strcmp(word, "splice-out"))
		return fill(a), went(splice_out(a));
	if (!strcmp(word, "threads"))
		return threads(a, b, c);
	if (!strcmp(word, "pour"))
		return drain(a, b, 1);

	/* ways to receive */
	if (!strcmp(word, "read"))
		return (r = came(read(e->fd, in, a))) < 0 ? -errno : r;
	if (!strcmp(word, "recv"))
		return (r = came(recv(e->fd, in, a, 0))) < 0 ? -errno : r;
	if (!strcmp(word, "recvfrom"))
		return (r = came(recvfrom(e->fd, in, a, 0, NULL, NULL))) < 0 ? -errno : r;
	if (!strcmp(word, "peek"))
		return (r = recv(e->fd, in, a, MSG_PEEK)) < 0 ? -errno : r;
	if (!strcmp(word, "waitall"))
		return (r = came(recv(e->fd, in, a, MSG_WAITALL))) < 0 ? -errno : r;
	if (!strcmp(word, "trunc")) {
		r = recv(e->fd, NULL, a, MSG_TRUNC);
		if (r > 0)
			e->received += r;
		return r < 0 ? -errno : r;
	}
	if (!strcmp(word, "readv"))
		return (r = came(readv(e->fd, v, cut(v, in, a, b)))) < 0 ? -errno : r;
	if (!strcmp(word, "preadv2"))
		return (r = came(preadv2(e->fd, v, cut(v, in, a, b), -1, 0))) < 0 ? -errno : r;
	if (!strcmp(word, "recvmsg")) {
		m.msg_iovlen = cut(v, in, a, b);
		return (r = came(recvmsg(e->fd, &m, MSG_WAITALL))) < 0 ? -errno : r;
	}
	if (!strcmp(word, "recvmmsg")) {
		long total = 0;
		cut(v, in, a, b);
		for (unsigned i = 0; i < a; i++) {
			mm[i].msg_hdr.msg_iov = &v[i];
			mm[i].msg_hdr.msg_iovlen = 1;
		}
		r = recvmmsg(e->fd, mm, a, MSG_WAITALL, NULL);
		for (long i = 0; i < r; i++)
			total += mm[i].msg_len;
		return r < 0 ? -errno : came(total);
	}
	if (!strcmp(word, "read32"))
		return came(call32(3, in, a));
	if (!strcmp(word, "splice-in"))
		return came(splice_in(a));
	if (!strcmp(word, "readall")) {
		uint64_t total = 0;
		while (total < a) {
			r = came(read(e->fd, in, a - total));
			if (r <= 0)
				break;
			total += r;
		}
		return total;
	}
	if (!strcmp(word, "sink"))
		return drain(a, b, 0);
	return -ENOSYS;
}

int main(void)
{
	char line[256];

	signal(SIGPIPE, SIG_IGN);
	out = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	in = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin))
		printf("%lld\n", run(line));
	return 0;
}

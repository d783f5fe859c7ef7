/*
 * Open-loop HTTP/1.1 load: request n is due at start + n / rate, whatever became of the ones before it, and its latency
 * counts from then. One thread, epoll, one request at a time on each connection. Prints one JSON object.
 *
 *   openloop ports=8080,8081 path=/small [rate=10000 count=50000 warmup=10000 | seconds=4 warmup_seconds=1]
 *            [connections=64] [spin_us=0] [body_bytes=100 text=FILE load=100] [close=1] [tolerant=1]
 *
 * ports: connections go round over them. With rate the first `warmup` of `count` requests are sent and not measured.
 * Without it the loop is closed: each connection asks again at once, for `seconds` after `warmup_seconds`, and latency
 * counts from sending. The last spin_us before a request is due are not slept: a sleeper of a virtual machine wakes some
 * 50 us late, a spinner takes the processor from the others. With body_bytes each request is a POST to path + id, with the
 * body that test/e2e/support/body.ts makes from the id; load is the first three digits of every id. close: a new
 * connection for each request. tolerant: a request whose connection breaks or cannot be opened counts as failed, and the
 * load goes on; without it that ends the program.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 4096
#define MAX_PORTS 256
#define HEAD_BYTES 16384
#define SHIFTS 4093
/* 64 steps for each power of two: at most 1.6 % wide */
#define STEP_BITS 6
#define STEPS (1 << STEP_BITS)
#define BUCKETS (STEPS * 48)
/* past this nothing more is waited for; tolerant: only what breaks is a failure, not what a slow machine takes long for */
#define GIVE_UP_NS 10000000000LL
#define GIVE_UP_TOLERANT_NS 60000000000LL

struct histogram {
	uint64_t counts[BUCKETS];
	uint64_t total;
	int64_t max;
	double sum;
};

struct connection {
	int fd;
	bool busy;
	/* when its request was due, and when it was really sent */
	int64_t due, sent;
	uint64_t number;
	/* what is still to be written */
	char head[256];
	struct iovec out[3];
	int out_count, out_at;
	/* the answer so far: its head, then bytes still to come of the body or of a chunk */
	enum { HEAD, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, LAST, DONE } state;
	char in[HEAD_BYTES];
	size_t in_len;
	int64_t left;
};

static struct connection connections[MAX_CONNECTIONS];
static int idle[MAX_CONNECTIONS], idle_count;
static struct histogram from_due, from_sent, lateness;
static uint64_t done, failed, measured, bad_status, received_bytes, most_waiting;
static int epoll_fd;
static const char *path, *load_prefix;
static const char *text;
static size_t body_bytes, text_bytes;
static uint64_t warmup;
/* of a closed loop: what is sent before this is not measured; 0: by number */
static int64_t measured_from;
static int ports[MAX_PORTS], port_count, connection_count;
static bool is_closing, is_tolerant;

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "openloop: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int bucket_of(int64_t ns)
{
	uint64_t v = ns < 0 ? 0 : ns;
	if (v < 2 * STEPS)
		return v;
	int shift = 63 - __builtin_clzll(v) - STEP_BITS;
	int b = shift * STEPS + (int)(v >> shift);
	return b < BUCKETS ? b : BUCKETS - 1;
}

/* the middle of a bucket */
static double value_of(int b)
{
	if (b < 2 * STEPS)
		return b;
	int shift = b / STEPS - 1;
	return ((double)(b - shift * STEPS) + 0.5) * (double)(1ULL << shift);
}

static void record(struct histogram *h, int64_t ns)
{
	h->counts[bucket_of(ns)]++;
	h->total++;
	h->sum += ns;
	if (ns > h->max)
		h->max = ns;
}

static double percentile_us(const struct histogram *h, double p)
{
	uint64_t want = (uint64_t)(p / 100 * h->total + 0.5), seen = 0;
	if (want < 1)
		want = 1;
	for (int b = 0; b < BUCKETS; b++) {
		seen += h->counts[b];
		if (seen >= want)
			return (value_of(b) < h->max ? value_of(b) : h->max) / 1000;
	}
	return h->max / 1000.0;
}

static void print_histogram(const char *name, const struct histogram *h)
{
	printf("\"%s\":{\"p50Us\":%.2f,\"p90Us\":%.2f,\"p99Us\":%.2f,\"p999Us\":%.2f,\"maxUs\":%.2f,\"meanUs\":%.2f}",
	       name, percentile_us(h, 50), percentile_us(h, 90), percentile_us(h, 99), percentile_us(h, 99.9),
	       h->max / 1000.0, h->total ? h->sum / h->total / 1000 : 0);
}

/* false where nobody listens and that is tolerated */
static bool open_connection(struct connection *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	to.sin_port = htons(ports[(c - connections) % port_count]);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		if (!is_tolerant)
			die("connect");
		close(c->fd);
		c->fd = -1;
		return false;
	}
	int one = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0)
		die("epoll_ctl");
	return true;
}

static void close_connection(struct connection *c)
{
	close(c->fd);
	c->fd = -1;
}

/* its request will not be answered */
static void fail(struct connection *c, const char *what)
{
	if (!is_tolerant)
		die(what);
	if (c->fd >= 0)
		close_connection(c);
	failed++;
	done++;
	c->busy = false;
	idle[idle_count++] = c - connections;
}

static void watch(struct connection *c, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

/* writes as much as goes */
static void flush(struct connection *c)
{
	while (c->out_at < c->out_count) {
		ssize_t n = writev(c->fd, c->out + c->out_at, c->out_count - c->out_at);
		if (n < 0) {
			if (errno != EAGAIN) {
				fail(c, "write");
				return;
			}
			watch(c, EPOLLIN | EPOLLOUT);
			return;
		}
		while (n > 0) {
			struct iovec *v = &c->out[c->out_at];
			size_t k = (size_t)n < v->iov_len ? (size_t)n : v->iov_len;
			v->iov_base = (char *)v->iov_base + k;
			v->iov_len -= k;
			n -= k;
			if (v->iov_len == 0)
				c->out_at++;
		}
		while (c->out_at < c->out_count && c->out[c->out_at].iov_len == 0)
			c->out_at++;
	}
}

static void send_request(struct connection *c, uint64_t number, int64_t due)
{
	static char prefixes[MAX_CONNECTIONS][16];
	char id[16] = "";
	int n;

	c->busy = true;
	if (c->fd < 0 && !open_connection(c)) {
		fail(c, "connect");
		return;
	}
	c->due = due;
	c->number = number;
	c->in_len = 0;
	c->state = HEAD;
	c->left = 0;
	c->out_at = 0;
	c->out_count = 1;
	if (body_bytes == 0) {
		n = snprintf(c->head, sizeof(c->head), "GET %s HTTP/1.1\r\nHost: polytap\r\n%s\r\n", path,
			     is_closing ? "Connection: close\r\n" : "");
	} else {
		snprintf(id, sizeof(id), "%s%09llu", load_prefix, (unsigned long long)number);
		n = snprintf(c->head, sizeof(c->head), "POST %s%s HTTP/1.1\r\nHost: polytap\r\n%sContent-Length: %zu\r\n\r\n", path,
			     id, is_closing ? "Connection: close\r\n" : "", body_bytes);
		char *prefix = prefixes[c - connections];
		snprintf(prefix, 16, "%s:", id);
		size_t prefix_bytes = body_bytes < 13 ? body_bytes : 13;
		size_t shift = strtoull(id, NULL, 10) % SHIFTS;
		c->out[1] = (struct iovec){ prefix, prefix_bytes };
		c->out[2] = (struct iovec){ (void *)(text + shift), body_bytes - prefix_bytes };
		c->out_count = body_bytes > prefix_bytes ? 3 : 2;
	}
	c->out[0] = (struct iovec){ c->head, n };
	c->sent = now_ns();
	flush(c);
}

static void finish(struct connection *c)
{
	int64_t now = now_ns();
	if (measured_from ? c->sent >= measured_from : c->number >= warmup) {
		measured++;
		record(&from_due, now - c->due);
		record(&from_sent, now - c->sent);
		record(&lateness, c->sent - c->due);
	}
	done++;
	c->busy = false;
	if (is_closing)
		close_connection(c);
	idle[idle_count++] = c - connections;
}

/* the head is there: status, and how the body ends */
static void read_head(struct connection *c, size_t head_bytes)
{
	if (strncmp(c->in, "HTTP/1.1 200", 12) != 0)
		bad_status++;
	for (char *line = c->in; line < c->in + head_bytes; line = strchr(line, '\n') + 1) {
		if (strncasecmp(line, "content-length:", 15) == 0) {
			c->left = strtoll(line + 15, NULL, 10);
			c->state = c->left == 0 ? DONE : BODY;
		} else if (strncasecmp(line, "transfer-encoding: chunked", 26) == 0) {
			c->left = 0;
			c->state = CHUNK_SIZE;
		}
	}
	if (c->state == HEAD) {
		errno = EPROTO;
		die("an answer that ends with its connection");
	}
}

/* takes bytes of an answer; returns how many of them were part of it */
static size_t take(struct connection *c, const char *bytes, size_t n)
{
	size_t i = 0;
	while (i < n && c->state != DONE) {
		if (c->state == BODY || c->state == CHUNK) {
			size_t k = (int64_t)(n - i) < c->left ? n - i : (size_t)c->left;
			i += k;
			c->left -= k;
			if (c->left == 0)
				c->state = c->state == BODY ? DONE : CHUNK_END;
			continue;
		}
		char byte = bytes[i++];
		if (c->state == HEAD) {
			if (c->in_len == HEAD_BYTES - 1)
				die("a head too long");
			c->in[c->in_len++] = byte;
			if (byte == '\n' && c->in_len >= 4 && memcmp(c->in + c->in_len - 4, "\r\n\r\n", 4) == 0) {
				c->in[c->in_len] = 0;
				read_head(c, c->in_len);
			}
		} else if (c->state == CHUNK_SIZE) {
			if (byte == '\n')
				c->state = c->left == 0 ? LAST : CHUNK;
			else if (byte != '\r')
				c->left = c->left * 16 + (byte <= '9' ? byte - '0' : (byte | 32) - 'a' + 10);
		} else if (byte == '\n') {
			/* no trailers here: the line after the last chunk is empty */
			c->state = c->state == LAST ? DONE : CHUNK_SIZE;
		}
	}
	return i;
}

static void on_readable(struct connection *c)
{
	static char bytes[1 << 18];
	for (;;) {
		ssize_t n = read(c->fd, bytes, sizeof(bytes));
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			if (n == 0)
				errno = ECONNRESET;
			if (c->busy)
				fail(c, "read");
			else if (is_tolerant)
				close_connection(c);
			else
				die("read");
			return;
		}
		received_bytes += n;
		if (take(c, bytes, n) != (size_t)n) {
			errno = EPROTO;
			die("more than an answer");
		}
		if (c->state == DONE) {
			finish(c);
			return;
		}
		/* a short read emptied the socket */
		if ((size_t)n < sizeof(bytes))
			return;
	}
}

static const char *argument(int argc, char **argv, const char *name, const char *standard)
{
	size_t n = strlen(name);

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
			return argv[i] + n + 1;
	return standard;
}

static void read_ports(const char *list)
{
	for (const char *at = list; at && *at && port_count < MAX_PORTS; at = strchr(at, ',')) {
		if (*at == ',')
			at++;
		ports[port_count++] = atoi(at);
	}
}

static void read_text(const char *file_name)
{
	FILE *file = fopen(file_name, "rb");
	if (file == NULL)
		die(file_name);
	char *bytes = malloc(1 << 21);
	text_bytes = fread(bytes, 1, 1 << 21, file);
	fclose(file);
	text = bytes;
	if (body_bytes + SHIFTS > text_bytes + 13) {
		errno = EINVAL;
		die("text too short");
	}
}

/* a few points of the curve, for whoever draws it */
static void print_curve(const char *name, const struct histogram *h)
{
	static const double points[] = { 1, 5, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99 };

	printf("\"%s\":[", name);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		printf("%s[%g,%.2f]", i ? "," : "", points[i], percentile_us(h, points[i]));
	printf("]");
}

int main(int argc, char **argv)
{
	double rate = atof(argument(argc, argv, "rate", "0"));
	uint64_t count = strtoull(argument(argc, argv, "count", "0"), NULL, 10);
	int64_t seconds_ns = atof(argument(argc, argv, "seconds", "0")) * 1e9;
	int64_t warmup_ns = atof(argument(argc, argv, "warmup_seconds", "0")) * 1e9;
	int64_t spin = atoi(argument(argc, argv, "spin_us", "0")) * 1000LL;
	bool is_open = rate > 0;

	read_ports(argument(argc, argv, "ports", ""));
	path = argument(argc, argv, "path", "");
	warmup = strtoull(argument(argc, argv, "warmup", "0"), NULL, 10);
	connection_count = atoi(argument(argc, argv, "connections", "64"));
	body_bytes = strtoull(argument(argc, argv, "body_bytes", "0"), NULL, 10);
	load_prefix = argument(argc, argv, "load", "000");
	is_closing = atoi(argument(argc, argv, "close", "0"));
	is_tolerant = atoi(argument(argc, argv, "tolerant", "0"));
	if (port_count < 1 || !*path || connection_count < 1 || connection_count > MAX_CONNECTIONS ||
	    (is_open ? count == 0 : seconds_ns <= 0)) {
		fprintf(stderr, "usage: openloop ports=PORT,... path=PATH (rate=N count=N | seconds=N) ...: see openloop.c\n");
		return 2;
	}
	if (body_bytes > 0)
		read_text(argument(argc, argv, "text", ""));
	/* the default lets timers be 50 microseconds late */
	prctl(PR_SET_TIMERSLACK, 1);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < connection_count; i++) {
		connections[i].fd = -1;
		if (!is_closing)
			open_connection(&connections[i]);
		idle[idle_count++] = i;
	}

	double step = is_open ? 1e9 / rate : 0;
	int64_t start = now_ns() + 10000000;
	int64_t last_due = is_open ? start + (int64_t)(count * step) : start + warmup_ns + seconds_ns;
	uint64_t next = 0;
	if (!is_open)
		measured_from = start + warmup_ns;
	while (is_open ? done < count : now_ns() < last_due || done < next) {
		int64_t now = now_ns();
		/* everything that is due, as far as there are connections: the rest keeps its due time */
		for (int tries = idle_count; tries > 0 && (is_open ? next < count : now < last_due) && idle_count > 0; tries--) {
			int64_t due = is_open ? start + (int64_t)(next * step) : now_ns();
			if (is_open && due > now)
				break;
			/* the one that waits longest, so that all are used evenly */
			int which = idle[0];
			memmove(idle, idle + 1, --idle_count * sizeof(idle[0]));
			send_request(&connections[which], next++, due);
		}
		if (is_open && idle_count == 0 && next < count) {
			int64_t waiting = (int64_t)((now - start) / step) - (int64_t)next;
			if (waiting > 0 && (uint64_t)waiting > most_waiting)
				most_waiting = waiting;
		}
		if (now > last_due + (is_tolerant ? GIVE_UP_TOLERANT_NS : GIVE_UP_NS)) {
			failed += (is_open ? count : next) - done;
			break;
		}
		int64_t wait = 100000000;
		if (is_open && next < count && idle_count > 0) {
			wait = start + (int64_t)(next * step) - now_ns() - spin;
			if (wait < 0)
				wait = 0;
		} else if (!is_open && idle_count > 0) {
			/* nobody listens: not a busy loop */
			wait = 1000000;
		}
		struct timespec timeout = { wait / 1000000000, wait % 1000000000 };
		struct epoll_event events[64];
		int n = epoll_pwait2(epoll_fd, events, 64, &timeout, NULL);
		if (n < 0 && errno != EINTR)
			die("epoll_pwait2");
		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			if (c->fd < 0)
				continue;
			if (events[i].events & EPOLLOUT) {
				watch(c, EPOLLIN);
				flush(c);
			}
			if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				on_readable(c);
		}
	}
	double seconds = (now_ns() - start) / 1e9;
	double measured_seconds = is_open ? seconds : (last_due - measured_from) / 1e9;
	printf("{\"requests\":%llu,\"measured\":%llu,\"failed\":%llu,\"statusErrors\":%llu,\"seconds\":%.3f,\"requestsPerSecond\":%.1f,\"mostWaiting\":%llu,",
	       (unsigned long long)done, (unsigned long long)measured, (unsigned long long)failed,
	       (unsigned long long)bad_status, seconds, (is_open ? done : measured) / measured_seconds,
	       (unsigned long long)most_waiting);
	print_histogram("fromDue", &from_due);
	printf(",");
	print_histogram("fromSent", &from_sent);
	printf(",");
	print_histogram("lateness", &lateness);
	printf(",");
	print_curve("curve", &from_due);
	printf("}\n");
	return failed > 0 && !is_tolerant ? 1 : 0;
}

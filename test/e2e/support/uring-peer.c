/*
 * An HTTP/1.1 echo server and its client whose every socket call goes through io_uring. How completions come:
 *   plain    on the way back from whatever system call the thread is in, as by default
 *   timer    as plain, and the thread reads a timer meanwhile: another call with a buffer of its own
 *   defer    only when they are waited for (kernel 6.1)
 *   sqpoll   from a thread of the kernel
 *
 * serve HOW                          prints its port
 * fetch HOW PORT CONNECTIONS REQUESTS BYTES   posts, compares what comes back, prints how many were right; after its first
 *                                             connection it prints "first" and goes on at SIGUSR1
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define ROOM (4 << 20)

static struct io_uring ring;
static int timer = -1;
static char *head, *body, *back;
static char trap[65536];

static void die(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	exit(4);
}

static void begin(const char *how)
{
	struct io_uring_params params = {0};
	struct itimerspec often = {{0, 2000000}, {0, 2000000}};
	int error;

	if (!strcmp(how, "sqpoll"))
		params.flags = IORING_SETUP_SQPOLL, params.sq_thread_idle = 50;
	else if (!strcmp(how, "defer"))
		params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	error = io_uring_queue_init_params(8, &ring, &params);
	if (error)
		die("io_uring", -error);
	if (!strcmp(how, "timer")) {
		timer = timerfd_create(CLOCK_MONOTONIC, 0);
		timerfd_settime(timer, 0, &often, NULL);
	}
	memset(trap, 'T', sizeof(trap));
	head = calloc(1, 4096);
	body = malloc(ROOM);
	back = malloc(ROOM);
}

/* submits the one entry and waits for it */
static int done(void)
{
	struct io_uring_cqe *cqe;
	int result;

	io_uring_submit(&ring);
	if (timer >= 0) {
		while (io_uring_peek_cqe(&ring, &cqe))
			if (read(timer, trap, sizeof(trap)) < 0)
				die("timer", EIO);
	} else {
		result = io_uring_wait_cqe(&ring, &cqe);
		if (result)
			die("wait", -result);
	}
	result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return result;
}

static void send_all(int fd, const char *from, size_t n)
{
	while (n > 0) {
		io_uring_prep_send(io_uring_get_sqe(&ring), fd, from, n, MSG_NOSIGNAL);
		int sent = done();
		if (sent <= 0)
			die("send", -sent);
		from += sent;
		n -= sent;
	}
}

static int receive(int fd, char *to, size_t n)
{
	io_uring_prep_recv(io_uring_get_sqe(&ring), fd, to, n, 0);
	return done();
}

/* a head into `head`, a body into `to`; returns the body's length, -1 where the connection ended */
static long message(int fd, char *to)
{
	size_t got = 0, length, have;
	char *end = NULL;

	while (!end) {
		int n = receive(fd, head + got, 4095 - got);
		if (n <= 0)
			return -1;
		got += n;
		head[got] = 0;
		end = strstr(head, "\r\n\r\n");
	}
	char *field = strcasestr(head, "\r\ncontent-length:");
	length = field ? strtoul(field + 17, NULL, 10) : 0;
	if (length > ROOM)
		die("length", EMSGSIZE);
	end += 4;
	have = head + got - end;
	memcpy(to, end, have);
	while (have < length) {
		int n = receive(fd, to + have, length - have);
		if (n <= 0)
			return -1;
		have += n;
	}
	return length;
}

static void serve(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	long n;

	if (bind(listener, (void *)&at, size) || listen(listener, 64) || getsockname(listener, (void *)&at, &size))
		die("listen", errno);
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	for (;;) {
		io_uring_prep_accept(io_uring_get_sqe(&ring), listener, NULL, NULL, 0);
		int fd = done();
		if (fd < 0)
			die("accept", -fd);
		while ((n = message(fd, body)) >= 0) {
			int m = sprintf(back, "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n\r\n", n);
			memcpy(back + m, body, n);
			send_all(fd, back, m + n);
		}
		close(fd);
	}
}

static void fetch(int port, int connections, int requests, size_t bytes)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	int right = 0, signal;
	sigset_t go_on;

	sigemptyset(&go_on);
	sigaddset(&go_on, SIGUSR1);
	sigprocmask(SIG_BLOCK, &go_on, NULL);
	for (int c = 0; c < connections; c++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		io_uring_prep_connect(io_uring_get_sqe(&ring), fd, (void *)&to, sizeof(to));
		int error = done();
		if (error)
			die("connect", -error);
		for (int r = 0; r < requests; r++) {
			int m = sprintf(back, "POST /%d/%d HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", c, r, bytes);
			for (size_t i = 0; i < bytes; i++)
				back[m + i] = 'a' + (i * 7 + i / 251 + c * 3 + r) % 26;
			send_all(fd, back, m + bytes);
			if (message(fd, body) == (long)bytes && !memcmp(body, back + m, bytes))
				right++;
		}
		close(fd);
		if (c == 0) {
			printf("first\n");
			fflush(stdout);
			sigwait(&go_on, &signal);
		}
	}
	printf("%d\n", right);
}

int main(int count, char **words)
{
	if (count < 3)
		return 2;
	begin(words[2]);
	if (!strcmp(words[1], "serve"))
		serve();
	else if (count == 7)
		fetch(atoi(words[3]), atoi(words[4]), atoi(words[5]), atoi(words[6]));
	else
		return 2;
	return 0;
}

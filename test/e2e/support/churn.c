/*
 * Many short connections, and many open ones. Every request has a number of its own in its path, and the answer is that
 * number: whoever mixes two connections shows it.
 *
 * serve PORT PROCESSES                         one epoll loop each, the port shared; prints "ready"
 * fetch PORT SECONDS RATE PROCESSES FIRST      one request a connection; prints requests, wrong ones, failed ones
 * hold PORT COUNT PROCESSES FIRST              opens so many, one request each, prints "held OPEN WRONG FAILED"; after a line
 *                                              on its standard input a second request on each, and prints "again …"
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

struct counts {
	uint64_t right, wrong, failed;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void answer(int fd)
{
	char in[512], out[256];
	ssize_t n = read(fd, in, sizeof(in) - 1);
	unsigned long long number;
	int closes, length;
	char digits[32];

	if (n <= 0) {
		close(fd);
		return;
	}
	in[n] = 0;
	number = strtoull(in + 5, NULL, 10);
	closes = strstr(in, "close") != NULL;
	length = sprintf(digits, "%llu", number);
	n = sprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s", length, closes ? "Connection: close\r\n" : "", digits);
	if (write(fd, out, n) != n || closes)
		close(fd);
}

static void serve(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), loop = epoll_create1(0);
	struct epoll_event events[256], e = {.events = EPOLLIN, .data.fd = listener};

	setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (bind(listener, (void *)&at, sizeof(at)) || listen(listener, 4096)) {
		perror("listen");
		exit(1);
	}
	epoll_ctl(loop, EPOLL_CTL_ADD, listener, &e);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(loop, events, 256, -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd != listener) {
				answer(events[i].data.fd);
				continue;
			}
			for (int k = 0; k < 64; k++) {
				int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
				if (fd < 0)
					break;
				e.data.fd = fd;
				epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e);
			}
		}
	}
}

/* source addresses of 127.0.0.0/8 in turn: one has 28,000 ports */
static int open_to(int port, uint64_t number)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number % 8)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (void *)&from, sizeof(from)) || connect(fd, (void *)&to, sizeof(to))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void ask(int fd, uint64_t number, int closes, struct counts *counts)
{
	char text[512], *body;
	int n = sprintf(text, "GET /%llu HTTP/1.1\r\nHost: x\r\n%s\r\n", (unsigned long long)number, closes ? "Connection: close\r\n" : "");

	if (write(fd, text, n) != n || (n = read(fd, text, sizeof(text) - 1)) <= 0) {
		counts->failed++;
		return;
	}
	text[n] = 0;
	body = strstr(text, "\r\n\r\n");
	if (body && strtoull(body + 4, NULL, 10) == number)
		counts->right++;
	else
		counts->wrong++;
}

static void fetch(int port, double seconds, double rate, uint64_t number, struct counts *counts)
{
	double start = now(), end = start + seconds;
	char rest[64];

	for (uint64_t done = 0;; done++) {
		double due = start + done / rate, at = now();
		if (at >= end)
			return;
		if (due > at + 0.0005)
			usleep((due - at) * 1e6);
		int fd = open_to(port, number);
		if (fd < 0) {
			counts->failed++;
			continue;
		}
		ask(fd, number++, 1, counts);
		/* the server's end has closed first */
		while (read(fd, rest, sizeof(rest)) > 0)
			;
		close(fd);
	}
}

static void hold(int port, uint64_t count, uint64_t first, struct counts *counts, int from_parent, int to_parent)
{
	int *fds = calloc(count, sizeof(int));
	char byte = 0;

	for (uint64_t i = 0; i < count; i++) {
		fds[i] = open_to(port, first + i);
		if (fds[i] < 0)
			counts->failed++;
		else
			ask(fds[i], first + i, 0, counts);
	}
	(void)!write(to_parent, &byte, 1);
	(void)!read(from_parent, &byte, 1);
	memset(counts, 0, sizeof(*counts));
	for (uint64_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			ask(fds[i], first + i + 1000000000, 0, counts);
	for (uint64_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void print(const char *word, struct counts *counts, int processes)
{
	struct counts sum = {0};

	for (int i = 0; i < processes; i++) {
		sum.right += counts[i].right;
		sum.wrong += counts[i].wrong;
		sum.failed += counts[i].failed;
	}
	printf("%s %llu %llu %llu\n", word, (unsigned long long)sum.right, (unsigned long long)sum.wrong,
	       (unsigned long long)sum.failed);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int serves = argc == 4 && !strcmp(argv[1], "serve"), holds = argc == 6 && !strcmp(argv[1], "hold");
	int processes = atoi(argv[serves ? 3 : holds ? 4 : 5]), port = atoi(argv[2]);
	struct counts *counts = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int down[2], up[2];
	char byte = 0, line[16];

	signal(SIGPIPE, SIG_IGN);
	(void)!pipe(down);
	(void)!pipe(up);
	for (int i = 0; i < processes; i++) {
		if (fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (serves)
			serve(port);
		else if (holds)
			hold(port, atoll(argv[3]) / processes, strtoull(argv[5], NULL, 10) + i * 10000000ull, &counts[i], down[0], up[1]);
		else
			fetch(port, atof(argv[3]), atof(argv[4]) / processes, strtoull(argv[6], NULL, 10) + i * 100000000ull, &counts[i]);
		_exit(0);
	}
	if (holds) {
		for (int i = 0; i < processes; i++)
			(void)!read(up[0], &byte, 1);
		print("held", counts, processes);
		(void)!fgets(line, sizeof(line), stdin);
		for (int i = 0; i < processes; i++)
			(void)!write(down[1], &byte, 1);
	}
	while (wait(NULL) > 0)
		;
	print(holds ? "again" : "fetched", counts, processes);
	return 0;
}

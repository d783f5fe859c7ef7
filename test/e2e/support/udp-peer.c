/*
 * Datagrams: each has a length of its own, and its bytes follow from that.
 *
 * echo ADDRESS            binds to it, prints the port, and sends back what comes
 * ask ADDRESS PORT WHAT…  WHAT: a length, or LENGTH*COUNT, which is one call that the kernel cuts up (UDP_SEGMENT); waits for
 *                         each answer, and prints how many were right
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static unsigned char out[1 << 16], in[1 << 16];

static socklen_t address(struct sockaddr_storage *at, const char *text, int port)
{
	struct sockaddr_in *v4 = (void *)at;
	struct sockaddr_in6 *v6 = (void *)at;

	memset(at, 0, sizeof(*at));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1)
		exit(2);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	return sizeof(*v6);
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void echo(const char *text)
{
	struct sockaddr_storage at, from;
	socklen_t length = address(&at, text, 0);
	int fd = socket(at.ss_family, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (void *)&at, length) || getsockname(fd, (void *)&at, &length))
		fail("bind");
	printf("%d\n", ntohs(((struct sockaddr_in *)&at)->sin_port));
	fflush(stdout);
	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, in, sizeof(in), 0, (void *)&from, &size);

		if (n < 0 || sendto(fd, in, n, 0, (void *)&from, size) != n)
			fail("echo");
	}
}

static void fill(unsigned char *to, int length)
{
	for (int i = 0; i < length; i++)
		to[i] = length + i * 7;
}

static int ask(int fd, const char *what)
{
	int length = atoi(what), count = 1, right = 0;
	const char *star = strchr(what, '*');
	unsigned char expected[1 << 16];

	if (star)
		count = atoi(star + 1);
	for (int i = 0; i < count; i++)
		fill(out + i * length, length);
	if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &(int){star ? length : 0}, sizeof(int)))
		fail("UDP_SEGMENT");
	if (send(fd, out, length * count, 0) != length * count)
		fail("send");
	fill(expected, length);
	for (int i = 0; i < count; i++) {
		ssize_t n = recv(fd, in, sizeof(in), 0);

		if (n < 0)
			fail("recv");
		right += n == length && !memcmp(in, expected, length);
	}
	return right;
}

int main(int argc, char **argv)
{
	struct sockaddr_storage at;
	struct timeval patience = {.tv_sec = 60};
	int fd, right = 0;

	if (argc == 3 && !strcmp(argv[1], "echo"))
		echo(argv[2]);
	if (argc < 4 || strcmp(argv[1], "ask"))
		return 2;
	socklen_t length = address(&at, argv[2], atoi(argv[3]));
	fd = socket(at.ss_family, SOCK_DGRAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (fd < 0 || connect(fd, (void *)&at, length))
		fail("connect");
	for (int i = 4; i < argc; i++)
		right += ask(fd, argv[i]);
	printf("%d\n", right);
	return 0;
}

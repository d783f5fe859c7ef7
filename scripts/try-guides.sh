#!/bin/sh
# Follows the guides from an empty folder, with nothing but the packed package: makes, builds, tests and runs a plugin of each kind.
# The build must be there already; the package is packed without building it again.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
cd "$folder"

quiet() {
	if ! "$@" >"$folder/log" 2>&1; then
		printf 'failed: %s\n' "$*"
		cat "$folder/log"
		exit 1
	fi
}

(cd "$root" && npm pack --ignore-scripts --silent --pack-destination "$folder" >/dev/null)
tarball=$(ls "$folder"/polytap-*.tgz)
version() { node -p "require('$root/node_modules/$1/package.json').version"; }

# one installation for the three plugins: Node.js looks for packages upwards
echo '{ "private": true }' >package.json
quiet npm install --prefer-offline --no-audit --no-fund --ignore-scripts "$tarball" \
	"typescript@$(version typescript)" "@types/node@$(version @types/node)"
PATH=$folder/node_modules/.bin:$PATH

for kind in source parser sink; do
	name=my-$kind
	quiet polytap create "$kind" "$name"
	if polytap create "$kind" "$name" >/dev/null 2>&1; then
		echo "polytap create overwrote $name"
		exit 1
	fi
	cd "$name"
	quiet npm test
	quiet polytap check -c polytap.yaml
	quiet polytap list "$name" -c polytap.yaml
	polytap run -c polytap.yaml --for 2s >out 2>"$folder/log" || { cat "$folder/log"; exit 1; }
	[ ! -e exchanges.jsonl ] || cat exchanges.jsonl >>out
	grep -q '"polytap.exchange/v1"' out || { echo "$name wrote nothing"; cat "$folder/log"; exit 1; }
	cd ..
	echo "$name: made, built, tested, run"
done

#!/bin/sh
# The end-to-end test with a real Kubernetes on this machine: API server, controller manager, scheduler and kubelet are built with
# Go from the module k8s.io/kubernetes (some 10 minutes on two processors, once; 350 MB), etcd, containerd and runc are Debian's.
# Needs root, apt-get and Go.
#
# GOPROXY and the rest of Go's environment hold. XDG_CACHE_HOME: where what was built is kept, below polytap/kubernetes.
set -eu
cd "$(dirname "$0")/.."
version=v1.34.4
cache=${XDG_CACHE_HOME:-$HOME/.cache}/polytap/kubernetes
programs='kube-apiserver kube-controller-manager kube-scheduler kubelet'

say() { printf '\n== %s\n' "$*"; }

PATH=$PATH:/usr/sbin:/sbin
needs='etcd-server:etcd containerd:containerd runc:runc busybox-static:busybox nginx-light:nginx curl:curl openssl:openssl iptables:iptables'
absent=''
for need in $needs; do command -v "${need#*:}" >/dev/null 2>&1 || absent="$absent ${need%%:*}"; done
if [ -n "$absent" ]; then
	say "installing$absent"
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $absent >/dev/null || {
		echo "test-kubernetes: not installed:$absent (apt-get update?)" >&2
		exit 1
	}
fi

if [ "$(cat "$cache/bin/version" 2>/dev/null)" != "$version" ]; then
	command -v go >/dev/null || {
		echo "test-kubernetes: Go is not installed" >&2
		exit 1
	}
	say "building Kubernetes $version into $cache"
	mkdir -p "$cache/module" "$cache/bin"
	cd "$cache/module"
	source=$(GOFLAGS=-mod=mod go mod download -json "k8s.io/kubernetes@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	# its own staging folders are modules by themselves where it is not the main one
	{
		printf 'module polytap.test/kubernetes\n\ngo 1.24.0\n\nrequire k8s.io/kubernetes %s\n\n' "$version"
		sed -n "s#^[[:space:]]*\(k8s.io/[a-z-]*\) => ./staging/.*#replace \1 => \1 v0.${version#v1.}#p" "$source/go.mod"
	} >go.mod
	cp "$source/go.sum" go.sum
	chmod u+w go.sum
	stamp=k8s.io/component-base/version
	for program in $programs; do
		say "$program"
		CGO_ENABLED=0 GOFLAGS='-mod=mod -buildvcs=false' nice -n 15 go build -trimpath \
			-ldflags "-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=34" \
			-o "$cache/bin/$program" "k8s.io/kubernetes/cmd/$program"
	done
	echo "$version" >"$cache/bin/version"
	cd - >/dev/null
fi

[ -e dist/core/app/cli.js ] || npm run --silent build
say "the test"
POLYTAP_KUBERNETES=1 exec node_modules/.bin/ava --config ava.e2e.config.js --timeout 20m dist/test/e2e/kubernetes.test.js

#!/bin/sh
# A container image without a registry: polytap from its packed tarball, this machine's Node.js and libraries, nothing else in it.
#   npm pack && sh deploy/image.sh polytap-0.1.0.tgz polytap:0.1.0 polytap.tar
# The archive is for `ctr -n k8s.io images import`, `docker load -i` and `podman load -i`. deploy/Dockerfile builds on a published base image.
set -eu
tarball=$(realpath "$1")
tag=$2
archive=$(realpath -m "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
blobs=$work/image/blobs/sha256
mkdir -p "$root/usr/bin" "$root/etc" "$root/tmp" "$root/proc" "$root/sys" "$root/dev" "$root/var/log/polytap" "$blobs"

# files and what they need of libraries, at the same paths
put() {
	for file; do
		for path in "$file" $(ldd "$file" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'); do
			mkdir -p "$root$(dirname "$path")"
			cp -L "$path" "$root$path"
		done
	done
}
node=$(realpath "$(command -v node)")
put "$node" "$(ldconfig -p | awk '$1 == "libbpf.so.1" { print $NF; exit }')"
[ "$node" = /usr/bin/node ] || ln -s "$node" "$root/usr/bin/node"
npm install --global --prefix "$root/usr" --no-fund --no-audit --loglevel error "$tarball"
echo 'root:x:0:0:root:/:/nonexistent' >"$root/etc/passwd"

# Moves a file among the blobs and prints the members that name it: image-spec, descriptor.md
blob() {
	digest=$(sha256sum "$2" | cut -d' ' -f1)
	printf '"mediaType":"application/vnd.oci.image.%s","digest":"sha256:%s","size":%s' "$1" "$digest" "$(stat -c %s "$2")"
	mv "$2" "$blobs/$digest"
}
digest_of() { printf '%s' "$1" | sed 's/.*sha256:\([0-9a-f]*\).*/\1/'; }

tar -C "$root" --sort=name --owner 0 --group 0 --numeric-owner -cf "$work/layer" .
layer=$(blob layer.v1.tar "$work/layer")
# root inside, with the capabilities that whoever runs it grants
cat >"$work/config" <<END
{"architecture":"$(node -p 'process.arch === "x64" ? "amd64" : process.arch')","os":"linux","config":{
"Entrypoint":["/usr/bin/node","/usr/lib/node_modules/polytap/dist/core/app/cli.js"],"Cmd":["run","-c","/etc/polytap/polytap.yaml"]},
"rootfs":{"type":"layers","diff_ids":["sha256:$(digest_of "$layer")"]}}
END
config=$(blob config.v1+json "$work/config")
echo "{\"schemaVersion\":2,\"config\":{$config},\"layers\":[{$layer}]}" >"$work/manifest"
manifest=$(blob manifest.v1+json "$work/manifest")
cd "$work/image"
echo '{"imageLayoutVersion":"1.0.0"}' >oci-layout
echo "{\"schemaVersion\":2,\"manifests\":[{$manifest,\"annotations\":{
\"io.containerd.image.name\":\"docker.io/library/$tag\",\"org.opencontainers.image.ref.name\":\"${tag##*:}\"}}]}" >index.json
# what `docker load` before version 25 reads
echo "[{\"Config\":\"blobs/sha256/$(digest_of "$config")\",\"RepoTags\":[\"$tag\"],
\"Layers\":[\"blobs/sha256/$(digest_of "$layer")\"]}]" >manifest.json
tar -cf "$archive" *

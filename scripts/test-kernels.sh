#!/bin/sh
# End-to-end tests on this kernel and on Debian's 6.1 and 6.12 in QEMU (software emulation, nothing is installed in the
# machine that is emulated: its root is this one's, read-only). Needs root, apt-get, and qemu-system-x86, busybox-static,
# cpio, kmod, xz-utils, which it installs where they are missing.
#
#   test-kernels.sh [here|6.1|6.12|all] [test files of test/e2e, without .test.ts]
#
# KERNEL_CACHE: where unpacked kernels are kept. KERNEL_COMMAND: run this in the machine instead of tests.
set -eu
cd "$(dirname "$0")/.."
repository=$PWD
cache=${KERNEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/polytap/kernels}
limit=${KERNEL_SECONDS:-2400}
which=${1:-all}
[ $# -gt 0 ] && shift
tests=${*:-"ebpf-calls ebpf-positions ebpf-closes ebpf-udp unix-sockets wire tls"}

say() { printf '\n== %s\n' "$*"; }

needs='qemu-system-x86:qemu-system-x86_64 busybox-static:busybox cpio:cpio kmod:depmod xz-utils:xz iproute2:ip'
absent=''
for need in $needs; do command -v "${need#*:}" >/dev/null 2>&1 || [ -x "/sbin/${need#*:}" ] || absent="$absent ${need%%:*}"; done
if [ "$which" != here ] && [ -n "$absent" ]; then
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $absent >/dev/null || {
		echo "test-kernels: not installed:$absent" >&2
		exit 1
	}
fi
PATH=$PATH:/usr/sbin:/sbin

files=''
for test in $tests; do files="$files dist/test/e2e/$test.test.js"; done
# shellcheck disable=SC2016
command=${KERNEL_COMMAND:-"node_modules/.bin/ava --config ava.e2e.config.js --timeout 40m $files"}

# Prints the folder of the newest kernel that the meta-package asks for, fetched and unpacked once.
kernel() {
	package=$(apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
	[ -n "$package" ] || {
		echo "test-kernels: no package $1: apt-get update?" >&2
		return 1
	}
	folder=$cache/$package
	if [ ! -e "$folder/ready" ]; then
		mkdir -p "$folder"
		(cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download "$package" && dpkg -x ./*.deb . && rm -f ./*.deb)
		version=$(ls "$folder/lib/modules")
		depmod -b "$folder" "$version"
		touch "$folder/ready"
	fi
	printf '%s\n' "$folder"
}

# Prints the modules that these need and themselves, in the order of loading.
modules() {
	modprobe -d "$1" -S "$2" --show-depends -a virtio_pci 9pnet_virtio 9p overlay 2>/dev/null |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++'
}

# Boots it and runs the command in it; the answer is the command's.
machine() {
	folder=$(kernel "$1") || return 1
	version=$(ls "$folder/lib/modules")
	work=$(mktemp -d)
	mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/dev" "$work/root/lower" "$work/root/over" "$work/root/new"
	cp "$(command -v busybox)" "$work/root/bin/busybox"
	count=0
	: >"$work/root/order"
	for module in $(modules "$folder" "$version"); do
		count=$((count + 1))
		case $module in
		*.xz) xz -dc "$module" >"$work/root/$count.ko" ;;
		*) cp "$module" "$work/root/$count.ko" ;;
		esac
		echo "$count.ko" >>"$work/root/order"
	done
	printf 'REPOSITORY="%s"\nKERNEL="%s"\nCOMMAND='"'%s'"'\n' "$repository" "$folder" "$command" >"$work/root/polytap-run"
	cat >"$work/root/init" <<-'INIT'
		#!/bin/busybox sh
		b=/bin/busybox
		$b mount -t proc proc /proc
		$b mount -t devtmpfs devtmpfs /dev
		while read -r module; do $b insmod "/$module" || echo "insmod $module failed"; done </order
		$b mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288 root /lower || echo "no 9p root"
		$b mount -t tmpfs tmpfs /over
		$b mkdir /over/upper /over/work
		$b cp /polytap-run /over/upper/polytap-run
		$b mount -t overlay -o lowerdir=/lower,upperdir=/over/upper,workdir=/over/work overlay /new || echo "no overlay"
		. /polytap-run
		$b umount /proc /dev
		exec $b switch_root /new /bin/sh "$REPOSITORY/scripts/kernels/guest.sh"
	INIT
	chmod 755 "$work/root/init"
	(cd "$work/root" && find . | cpio -o -H newc --quiet) >"$work/initrd"
	timeout "$limit" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 4096 -nographic -no-reboot \
		-kernel "$(ls "$folder"/boot/vmlinuz-*)" -initrd "$work/initrd" \
		-append "console=ttyS0 quiet loglevel=3 panic=-1" \
		-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
		</dev/null 2>&1 | tee "$work/output" || true
	status=$(tr -d '\r' <"$work/output" | sed -n 's/^polytap-exit \([0-9]*\)$/\1/p' | tail -n 1)
	rm -rf "$work"
	[ "${status:-1}" -eq 0 ]
}

failed=''
run() {
	say "$1"
	shift
	"$@" || failed="$failed $name"
}

for name in here 6.1 6.12; do
	[ "$which" = all ] || [ "$which" = "$name" ] || continue
	case $name in
	here) run "this kernel, $(uname -r)" sh -c "$command" ;;
	6.1) run "Debian's 6.1" machine linux-image-amd64 ;;
	6.12) run "Debian's 6.12" machine linux-image-6.12-amd64 ;;
	esac
done
say "kernels: ${failed:+FAILED on$failed}${failed:-all that were asked for are green}"
[ -z "$failed" ]

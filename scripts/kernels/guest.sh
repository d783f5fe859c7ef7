#!/bin/sh
# The first process of a machine that test-kernels.sh started: its root is the host's, with a memory of its own on top.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for folder in /dev/shm /tmp /run /var/tmp; do mount -t tmpfs tmpfs "$folder"; done
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -sf /proc/self/fd /dev/fd
ip link set lo up
hostname guest
ulimit -n 65536
# test-kernels.sh wrote: REPOSITORY, KERNEL (unpacked), COMMAND
. /polytap-run
# where the kernel looks for what it needs itself
mkdir -p /lib/modules
mount --bind "$KERNEL/lib/modules" /lib/modules
for module in tls nf_tables nft_numgen nft_counter veth; do modprobe "$module" 2>/dev/null; done
HOME=/tmp/home
export HOME
mkdir -p "$HOME"
# everything takes some ten times as long here
POLYTAP_TEST_PATIENCE=${POLYTAP_TEST_PATIENCE:-10}
export POLYTAP_TEST_PATIENCE
cd "$REPOSITORY" || exit 1
echo "kernel $(uname -r)"
sh -c "$COMMAND"
echo "polytap-exit $?"
sync
echo o >/proc/sysrq-trigger
# no program can be read any more
while :; do :; done

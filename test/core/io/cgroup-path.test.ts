import test from "ava";
import { type CgroupFacts, cgroupFacts } from "../../../core/io/cgroup-path.js";

const ID = "5f3c8f4a0b6f4c58b2c7d1f0a9e8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0";
const UID = "0f8b9f5e-6d2c-4b1a-9c3e-7a5d4e3f2b1c";
const UNDERSCORED = UID.replaceAll("-", "_");

/** Shapes of real paths, by who makes them. */
const rows: readonly (readonly [who: string, path: string, expected: Partial<CgroupFacts>])[] = [
	["no container", "/", {}],
	["a login", "/user.slice/user-1000.slice/session-4.scope", {}],
	["a systemd unit", "/system.slice/nginx.service", { unit: "nginx.service" }],
	[
		"a unit of an instance",
		"/system.slice/system-postgresql.slice/postgresql@15-main.service",
		{ unit: "postgresql@15-main.service" },
	],
	["an escaped unit", "/system.slice/my\\x2dapp.service", { unit: "my-app.service" }],
	["a user's unit", "/user.slice/user-1000.slice/user@1000.service/app.slice/app.service", { unit: "app.service" }],
	["Docker, cgroupfs driver", `/docker/${ID}`, { runtime: "docker", container: ID }],
	["Docker, systemd driver", `/system.slice/docker-${ID}.scope`, { runtime: "docker", container: ID }],
	["Docker, with a cgroup inside", `/docker/${ID}/init.scope`, { runtime: "docker", container: ID }],
	["Docker in Docker", `/docker/${"0".repeat(64)}/docker/${ID}`, { runtime: "docker", container: ID }],
	[
		"Docker, rootless",
		`/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`,
		{ runtime: "docker", container: ID },
	],
	["containerd's own tool", `/default/${ID}`, { runtime: "containerd", container: ID }],
	["nerdctl", `/system.slice/nerdctl-${ID}.scope`, { runtime: "containerd", container: ID }],
	[
		"Kubernetes, containerd, systemd driver",
		`/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${UNDERSCORED}.slice/cri-containerd-${ID}.scope`,
		{ runtime: "containerd", container: ID, podUid: UID },
	],
	[
		"Kubernetes, containerd, a guaranteed pod",
		`/kubepods.slice/kubepods-pod${UNDERSCORED}.slice/cri-containerd-${ID}.scope`,
		{ runtime: "containerd", container: ID, podUid: UID },
	],
	["Kubernetes, cgroupfs driver", `/kubepods/burstable/pod${UID}/${ID}`, { container: ID, podUid: UID }],
	[
		"Kubernetes in a tree of its own",
		`/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${UNDERSCORED}.slice/cri-containerd-${ID}.scope`,
		{ runtime: "containerd", container: ID, podUid: UID },
	],
	[
		"Kubernetes, containerd, three parts in one",
		`/system.slice/containerd.service/kubepods-besteffort-pod${UNDERSCORED}.slice:cri-containerd:${ID}`,
		{ runtime: "containerd", container: ID, podUid: UID },
	],
	[
		"Kubernetes, CRI-O",
		`/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UNDERSCORED}.slice/crio-${ID}.scope`,
		{ runtime: "cri-o", container: ID, podUid: UID },
	],
	["a static pod", `/kubepods/besteffort/pod${"a1".repeat(16)}/${ID}`, { container: ID, podUid: "a1".repeat(16) }],
	["podman, systemd", `/machine.slice/libpod-${ID}.scope/container`, { runtime: "podman", container: ID }],
	[
		"podman, rootless",
		`/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`,
		{ runtime: "podman", container: ID },
	],
	["podman, cgroupfs", `/libpod_parent/libpod-${ID}`, { runtime: "podman", container: ID }],
	["LXC", "/lxc.payload.web/system.slice/nginx.service", { runtime: "lxc", container: "web" }],
	[
		"systemd-nspawn",
		"/machine.slice/systemd-nspawn@web.service/payload",
		{ runtime: "nspawn", container: "web", unit: "systemd-nspawn@web.service" },
	],
	["digits that are no id", "/docker/5f3c8f4a0b6f", {}],
	["a conmon that watches a container", `/machine.slice/libpod-conmon-${ID}.scope`, {}],
];

for (const [who, path, expected] of rows)
	test(`cgroup path: ${who}`, (t) => {
		t.deepEqual(cgroupFacts(path), { runtime: null, container: null, podUid: null, unit: null, ...expected });
	});

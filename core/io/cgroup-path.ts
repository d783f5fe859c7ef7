/** What a cgroup path says of who runs a process. */
export interface CgroupFacts {
	/** Who made the container; null: it is none, or nobody tells. */
	readonly runtime: "docker" | "containerd" | "cri-o" | "podman" | "lxc" | "nspawn" | null;
	/** Of the container: 64 hexadecimal digits, or the name of an LXC or nspawn container. */
	readonly container: string | null;
	/** Of the Kubernetes pod, with dashes. */
	readonly podUid: string | null;
	/** The innermost systemd unit: `nginx.service`, `user@1000.service`. */
	readonly unit: string | null;
}

const HEX_ID = "[0-9a-f]{64}";
/** Scopes and folders that runtimes make, by their prefix; the first that fits counts. */
const RUNTIMES: readonly (readonly [RegExp, Exclude<CgroupFacts["runtime"], null>])[] = [
	[new RegExp(`^(?:docker-|docker-moby-)(${HEX_ID})\\.scope$`), "docker"],
	[new RegExp(`^cri-containerd[-:](${HEX_ID})(?:\\.scope)?$`), "containerd"],
	[new RegExp(`^nerdctl-(${HEX_ID})\\.scope$`), "containerd"],
	[new RegExp(`^crio-(${HEX_ID})(?:\\.scope)?$`), "cri-o"],
	[new RegExp(`^libpod-(?:payload-)?(${HEX_ID})(?:\\.scope)?$`), "podman"],
	[/^lxc\.payload\.(.+)$/, "lxc"],
	[/^machine-(?:lxc|libvirt).*\.scope$/, "lxc"],
	[/^systemd-nspawn@(.+)\.service$/, "nspawn"],
];
const BARE_ID = new RegExp(`^(${HEX_ID})$`);
/** Of the cgroupfs driver: folders named after the pod, with a bare id inside. */
const PARENTS: readonly (readonly [RegExp, Exclude<CgroupFacts["runtime"], null>])[] = [
	[/^docker$/, "docker"],
	[/^lxc$/, "lxc"],
	[/^libpod_parent$/, "podman"],
	[/^(?:default|k8s\.io|moby)$/, "containerd"],
];
/** `pod1234…` of the cgroupfs driver, `…-pod1234….slice` of systemd's, where dashes are underscores. */
const POD =
	/(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/;
const UNIT = /\.(?:service|socket|mount|swap)$/;

/** A path of the cgroup v2 hierarchy, or of version 1: `/system.slice/docker-ID.scope`. */
export function cgroupFacts(path: string): CgroupFacts {
	// a containerd task's path may come as `slice:prefix:id`
	const parts = path.split(/[/]/).flatMap((part) => splitTriple(part));
	let runtime: CgroupFacts["runtime"] = null;
	let container: string | null = null;
	let podUid: string | null = null;
	let unit: string | null = null;
	for (const [index, part] of parts.entries()) {
		const pod = POD.exec(part)?.[1];
		if (pod !== undefined) podUid = withDashes(pod);
		if (UNIT.test(part)) unit = unescapeUnit(part);
		const named = RUNTIMES.map(([pattern, name]) => ({ found: pattern.exec(part), name })).find(({ found }) => found);
		if (named !== undefined) {
			runtime = named.name;
			container = named.found?.[1] ?? part;
			continue;
		}
		const bare = BARE_ID.exec(part)?.[1];
		const before = parts[index - 1] ?? "";
		const parent = PARENTS.find(([pattern]) => pattern.test(before));
		if (bare !== undefined) {
			container = bare;
			runtime = parent?.[1] ?? (podUid === null ? null : runtime);
		} else if (parent?.[1] === "lxc" && part !== "") {
			container = part;
			runtime = "lxc";
		}
	}
	// a unit that runs containers is not the unit of what runs in them
	if (container !== null && runtime !== "nspawn") unit = null;
	return { runtime, container, podUid, unit };
}

/** `kubepods-besteffort-pod1234.slice:cri-containerd:ID` as one path segment. */
function splitTriple(part: string): string[] {
	const [slice, prefix, id, ...rest] = part.split(":");
	if (id === undefined || rest.length > 0 || slice === undefined) return [part];
	return [slice, `${prefix}-${id}`];
}

function withDashes(uid: string): string {
	const hex = uid.replace(/[-_]/g, "");
	// a static pod's is a hash without dashes, and is shown so
	if (!/[-_]/.test(uid)) return uid;
	return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** `\x2d` is a dash. */
function unescapeUnit(name: string): string {
	return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/**
 * Every native function that polytap calls, with its signature. koffi cannot check a signature: a wrong one crashes, so they
 * all stand here and the end-to-end tests call each one.
 */
import koffi from "koffi";
import { PolytapError } from "../../core/index.js";

/** A native pointer. Opaque; null is NULL. */
export type Pointer = object | null;

type Call<A extends readonly unknown[], R> = (...args: A) => R;

interface Native {
	openFile: Call<[path: string, options: null], Pointer>;
	load: Call<[object: Pointer], number>;
	closeObject: Call<[object: Pointer], void>;
	findMap: Call<[object: Pointer, name: string], Pointer>;
	mapFd: Call<[map: Pointer], number>;
	setMaxEntries: Call<[map: Pointer, entries: number], number>;
	initialValue: Call<[map: Pointer, size: [number]], Pointer>;
	findProgram: Call<[object: Pointer, name: string], Pointer>;
	attach: Call<[program: Pointer], Pointer>;
	programFd: Call<[program: Pointer], number>;
	setAutoload: Call<[program: Pointer, isLoaded: boolean], number>;
	/** The number of a function or tracepoint in the kernel's type information; negative: it has none. */
	vmlinuxId: Call<[name: string, attachType: number], number>;
	setExpectedAttachType: Call<[program: Pointer, type: number], number>;
	/** Loads a program by hand; `options` is `struct bpf_prog_load_opts`. Negative: an error number. */
	loadProgram: Call<
		[type: number, name: string, license: string, code: Uint8Array, count: number, options: Uint8Array],
		number
	>;
	attachUprobe: Call<[program: Pointer, pid: number, path: string, offset: number, options: Uint8Array], Pointer>;
	attachCgroup: Call<[program: Pointer, cgroupFd: number], Pointer>;
	/** Of a program that walks over kernel objects; `options` is `struct bpf_iter_attach_opts`, null: all of them. */
	attachIterator: Call<[program: Pointer, options: Uint8Array | null], Pointer>;
	linkFd: Call<[link: Pointer], number>;
	/** A descriptor whose reading runs the program. */
	createIterator: Call<[linkFd: number], number>;
	destroyLink: Call<[link: Pointer], number>;
	lookup: Call<[fd: number, key: Uint8Array, value: Uint8Array], number>;
	update: Call<[fd: number, key: Uint8Array, value: Uint8Array, flags: number], number>;
	/** Looks up and deletes up to `count` entries, and says how many; not 0: there are no more. */
	takeBatch: Call<
		[fd: number, from: null, next: Uint8Array, keys: Uint8Array, values: Uint8Array, count: [number], options: null],
		number
	>;
	remove: Call<[fd: number, key: Uint8Array], number>;
	nextKey: Call<[fd: number, key: null, next: Uint8Array], number>;
	/** What the kernel says of a program or map, into a structure of that size. */
	objectInfo: Call<[fd: number, info: Uint8Array, size: [number]], number>;
	/** Statistics of all programs are kept until the descriptor is closed. */
	enableStats: Call<[type: number], number>;
	possibleCpus: Call<[], number>;
	majorVersion: Call<[], number>;
	minorVersion: Call<[], number>;
	silence: Call<[print: null], Pointer>;
}

interface System {
	mmap: Call<[address: null, length: number, protection: number, flags: number, fd: number, offset: number], Pointer>;
	munmap: Call<[address: Pointer, length: number], number>;
	epollCreate: Call<[flags: number], number>;
	epollControl: Call<[epoll: number, operation: number, fd: number, event: Uint8Array], number>;
	/** On the thread pool. Resolves with the number of ready descriptors, -1 for an error. */
	epollWait: (epoll: number, events: Uint8Array, maxEvents: number, timeoutMs: number) => Promise<number>;
	close: Call<[fd: number], number>;
	schedYield: Call<[], number>;
	/** The bpf system call itself, for what libbpf 1.0 does not know. */
	bpf: Call<[number: number, command: number, attributes: Uint8Array, size: number], number>;
}

let native: Native | null = null;
let system: System | null = null;

/** Throws LIBBPF_MISSING. */
export function libbpf(): Native {
	if (native !== null) return native;
	let lib: ReturnType<typeof koffi.load>;
	try {
		lib = koffi.load("libbpf.so.1");
	} catch (error) {
		throw new PolytapError(
			"LIBBPF_MISSING",
			"libbpf.so.1 could not be loaded",
			"install it: apt-get install libbpf1",
			error,
		);
	}
	const bind = binderOf(lib);
	native = {
		openFile: bind("void *bpf_object__open_file(const char *path, void *options)"),
		load: bind("int bpf_object__load(void *object)"),
		closeObject: bind("void bpf_object__close(void *object)"),
		findMap: bind("void *bpf_object__find_map_by_name(void *object, const char *name)"),
		mapFd: bind("int bpf_map__fd(void *map)"),
		setMaxEntries: bind("int bpf_map__set_max_entries(void *map, uint32_t entries)"),
		initialValue: bind("void *bpf_map__initial_value(void *map, _Out_ size_t *size)"),
		findProgram: bind("void *bpf_object__find_program_by_name(void *object, const char *name)"),
		attach: bind("void *bpf_program__attach(void *program)"),
		programFd: bind("int bpf_program__fd(void *program)"),
		setAutoload: bind("int bpf_program__set_autoload(void *program, bool autoload)"),
		vmlinuxId: bind("int libbpf_find_vmlinux_btf_id(const char *name, int type)"),
		setExpectedAttachType: bind("int bpf_program__set_expected_attach_type(void *program, int type)"),
		loadProgram: bind(
			"int bpf_prog_load(int type, const char *name, const char *license, void *code, size_t count, void *options)",
		),
		attachUprobe: bind(
			"void *bpf_program__attach_uprobe_opts(void *program, int pid, const char *path, size_t offset, void *options)",
		),
		attachCgroup: bind("void *bpf_program__attach_cgroup(void *program, int cgroup_fd)"),
		attachIterator: bind("void *bpf_program__attach_iter(void *program, void *options)"),
		linkFd: bind("int bpf_link__fd(void *link)"),
		createIterator: bind("int bpf_iter_create(int link_fd)"),
		destroyLink: bind("int bpf_link__destroy(void *link)"),
		lookup: bind("int bpf_map_lookup_elem(int fd, void *key, _Out_ void *value)"),
		update: bind("int bpf_map_update_elem(int fd, void *key, void *value, uint64_t flags)"),
		takeBatch: bind(
			"int bpf_map_lookup_and_delete_batch(int fd, void *from, _Out_ void *next, _Out_ void *keys, _Out_ void *values, _Inout_ uint32_t *count, void *options)",
		),
		remove: bind("int bpf_map_delete_elem(int fd, void *key)"),
		nextKey: bind("int bpf_map_get_next_key(int fd, void *key, _Out_ void *next)"),
		objectInfo: bind("int bpf_obj_get_info_by_fd(int fd, _Out_ void *info, _Inout_ uint32_t *size)"),
		enableStats: bind("int bpf_enable_stats(int type)"),
		possibleCpus: bind("int libbpf_num_possible_cpus()"),
		majorVersion: bind("uint32_t libbpf_major_version()"),
		minorVersion: bind("uint32_t libbpf_minor_version()"),
		silence: bind("void *libbpf_set_print(void *print)"),
	};
	return native;
}

/** C's types stand in the signature, TypeScript's in `Native` and `System`: nobody can compare them. */
function binderOf(lib: ReturnType<typeof koffi.load>) {
	return <F>(signature: string): F => {
		const bound: unknown = lib.func(signature);
		return bound as F;
	};
}

export function libc(): System {
	if (system !== null) return system;
	const lib = koffi.load("libc.so.6");
	const bind = binderOf(lib);
	const wait = lib.func("int epoll_wait(int epoll, void *events, int max, int timeout)");
	system = {
		mmap: bind("void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)"),
		munmap: bind("int munmap(void *address, size_t length)"),
		epollCreate: bind("int epoll_create1(int flags)"),
		epollControl: bind("int epoll_ctl(int epoll, int operation, int fd, void *event)"),
		epollWait: (epoll, events, maxEvents, timeoutMs) =>
			new Promise((resolve) => {
				wait.async(epoll, events, maxEvents, timeoutMs, (error: unknown, ready: number) =>
					resolve(error === null || error === undefined ? ready : -1),
				);
			}),
		close: bind("int close(int fd)"),
		schedYield: bind("int sched_yield(void)"),
		bpf: bind("long syscall(long number, int command, void *attributes, unsigned int size)"),
	};
	return system;
}

/** Native memory for a call's pointers inside structures, and its address there. Freed when `use` returns. */
export function withMemory<T>(content: Uint8Array, use: (address: bigint) => T): T {
	const pointer = koffi.alloc("uint8_t", content.length);
	try {
		new Uint8Array(view(pointer, content.length)).set(content);
		return use(koffi.address(pointer));
	} finally {
		koffi.free(pointer);
	}
}

/** `errno` of the last native call. */
export function errno(): number {
	return koffi.errno();
}

/** Native memory as an ArrayBuffer, without a copy. It must stay mapped for as long as anybody reads it. */
export function view(pointer: Pointer, bytes: number): ArrayBuffer {
	return koffi.view(pointer, bytes) as ArrayBuffer;
}

import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bodyOf, idOf } from "./body.js";
import type { Certificate } from "./certificate.js";
import { freePort } from "./port.js";
import { Program, runProgram } from "./program.js";
import type { Scope } from "./scope.js";

export interface NginxOptions {
	readonly sendfile?: boolean;
	readonly workers?: number;
	/** Log every request as `URI STATUS COMPLETION`, COMPLETION being `OK` or nothing. */
	readonly accessLog?: boolean;
	/** Sizes of the static files: `/static/SIZE/0` to `/static/SIZE/15`. */
	readonly staticSizes?: readonly number[];
	readonly netns?: string | null;
	/** TLS, with HTTP/1.1 and HTTP/2. */
	readonly tls?: Certificate;
	/** Otherwise one that nobody has. */
	readonly port?: number;
	/** In a mount namespace of its own, with this file in the place of another. */
	readonly instead?: { readonly of: string; readonly file: string };
	/** Without TLS, by prior knowledge; HTTP/1.1 no more. */
	readonly http2?: boolean;
	/** `/echo/` answers so much later. */
	readonly delayMs?: number;
}

export const STATIC_FILES = 16;
/** The answer of `/small`. */
export const SMALL_BODY = "polytap ".repeat(12);
const ECHO_MODULE = "/usr/lib/nginx/modules/ngx_http_echo_module.so";

export interface Nginx {
	readonly port: number;
	readonly program: Program;
	readonly accessLog: string;
	/** Folder of `/files/`, for a test to put files into. */
	readonly files: string;
	/** Requests handled since the start, by nginx's own count, calls of this left out. */
	requests(): Promise<number>;
	/** Pids of the workers. */
	workers(): Promise<readonly number[]>;
	/** Stops in an orderly way, so that the log is complete. */
	stop(): Promise<void>;
}

/**
 * `/small`: 96 bytes. `/echo/ID`: the request's body back. `/static/SIZE/N`: the body of id N. `/files/NAME`: whatever is
 * in `files`. `/status`: counters. Listens on IPv4 and IPv6, any loopback address.
 */
export async function startNginx(scope: Scope, options: NginxOptions = {}): Promise<Nginx> {
	const folder = await scope.folder();
	const files = join(folder, "files");
	await mkdir(files);
	for (const size of options.staticSizes ?? []) {
		const sized = join(folder, "static", String(size));
		await mkdir(sized, { recursive: true });
		for (let n = 0; n < STATIC_FILES; n++) await writeFile(join(sized, String(n)), bodyOf(idOf(0, n), size));
	}
	const port = options.port ?? (await freePort());
	const accessLog = join(folder, "access.log");
	await writeFile(join(folder, "nginx.conf"), configOf(folder, port, options));
	const { instead } = options;
	const line = ["nginx", "-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "error.log")];
	const mount = 'mount --bind "$0" "$1" && shift && exec "$@"';
	const own = instead === undefined ? [] : ["unshare", "-m", "sh", "-c", mount, instead.file, instead.of];
	const [command, ...args] = [...own, ...line] as [string, ...string[]];
	const program = new Program(command, args, { netns: options.netns ?? null });
	scope.defer(() => program.stop("SIGTERM"));
	const { netns } = options;
	let asked = 0;
	// written when it listens
	await program.until(() => existsSync(join(folder, "nginx.pid")), 60_000);
	return {
		port,
		program,
		accessLog,
		files,
		async requests() {
			const url = `http://127.0.0.1:${port}/status`;
			const { stdout } = await runProgram(
				"curl",
				["-s", "-m", "10", ...(options.http2 === true ? ["--http2-prior-knowledge"] : []), url],
				60_000,
				{ netns: netns ?? null },
			);
			const count = /\n\s*\d+\s+\d+\s+(\d+)/.exec(stdout)?.[1];
			if (count === undefined) throw new Error(`unreadable nginx status: ${stdout}`);
			asked++;
			return Number(count) - asked;
		},
		async workers() {
			const children = await readFile(`/proc/${program.pid}/task/${program.pid}/children`, "latin1");
			return children.trim().split(" ").map(Number);
		},
		async stop() {
			await program.stop("SIGQUIT");
		},
	};
}

function sleepOf({ delayMs = 0 }: NginxOptions): string {
	return delayMs > 0 ? `echo_sleep ${delayMs / 1000}; ` : "";
}

function configOf(folder: string, port: number, options: NginxOptions): string {
	const { tls } = options;
	const secure = tls !== undefined ? " ssl http2" : options.http2 === true ? " http2" : "";
	return `
load_module ${ECHO_MODULE};
daemon off;
user root;
worker_processes ${options.workers ?? 1};
pid ${folder}/nginx.pid;
error_log ${folder}/error.log warn;
events { worker_connections 4096; }
http {
	default_type text/plain;
	sendfile ${options.sendfile === true ? "on" : "off"};
	keepalive_requests 1000000000;
	keepalive_timeout 600s;
	client_max_body_size 0;
	client_body_buffer_size 2m;
	client_body_temp_path ${folder}/body;
	proxy_temp_path ${folder}/proxy;
	fastcgi_temp_path ${folder}/fastcgi;
	scgi_temp_path ${folder}/scgi;
	uwsgi_temp_path ${folder}/uwsgi;
	log_format brief '$request_uri $status $request_completion';
	access_log ${options.accessLog === true ? `${folder}/access.log brief buffer=1m` : "off"};
	server {
		listen ${port}${secure} backlog=4096;
		listen [::]:${port}${secure} ipv6only=on backlog=4096;
		${tls === undefined ? "" : `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};`}
		location = /small { return 200 "${SMALL_BODY}"; }
		location = /status { stub_status; access_log off; }
		location /echo/ { ${sleepOf(options)}echo_read_request_body; echo_request_body; }
		location /static/ { root ${folder}; }
		location /files/ { root ${folder}; }
	}
}
`;
}

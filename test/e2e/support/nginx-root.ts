import { runProgram } from "./program.js";

const SCRIPT = `set -eu
root=$1
nginx=$(readlink -f "$(command -v nginx)")
mkdir -p "$root/etc" "$root/tmp" "$root/proc" "$root/sys" "$root/dev" "$root/var/log/nginx" "$root/var/lib/nginx"
for file in "$nginx" $(ldd "$nginx" | awk '$2 == "=>" && $3 ~ /^\\// { print $3 } $1 ~ /^\\// { print $1 }'); do
	mkdir -p "$root$(dirname "$file")"
	cp -L "$file" "$root$file"
done
echo 'root:x:0:0:root:/:/nonexistent' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo "$nginx"`;

/** Lays nginx with the libraries that it needs and no more below the folder; returns its path in there. */
export async function nginxRoot(folder: string): Promise<string> {
	return (await runProgram("sh", ["-c", SCRIPT, "sh", folder], 120_000)).stdout.trim();
}

#!/bin/sh
# Builds dist/java/polytap-agent.jar from sources/java-agent/agent. Needs a JDK and ASM (Debian: openjdk-17-jdk-headless,
# libasm-java). Where one is missing it says so in one line and leaves the jar out; --strict makes that an error.
set -eu
cd "$(dirname "$0")/.."

strict=no
[ "${1:-}" = --strict ] && strict=yes
jar=dist/java/polytap-agent.jar

missing() {
	printf '\nbuild-java-agent: !!! %s: the Java agent is not built\n\n' "$*" >&2
	[ "$strict" = no ] && exit 0
	exit 1
}

javac=''
for candidate in "${JAVA_HOME:-/none}/bin/javac" "$(command -v javac 2>/dev/null || true)" /usr/lib/jvm/*/bin/javac; do
	if [ -n "$candidate" ] && [ -x "$candidate" ]; then
		javac=$candidate
		break
	fi
done
[ -n "$javac" ] || missing 'there is no javac'
java=$(dirname "$(readlink -f "$javac")")/java

folder=${ASM_FOLDER:-/usr/share/java}
asm=$folder/asm.jar
commons=$folder/asm-commons.jar
tree=$folder/asm-tree.jar
for each in "$asm" "$commons" "$tree"; do
	[ -e "$each" ] || missing "there is no $each"
done

if [ -e "$jar" ] && [ -z "$(find sources/java-agent/agent scripts/build-java-agent.sh package.json "$asm" -newer "$jar" -print)" ]; then
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(node -p 'JSON.parse(require("node:fs").readFileSync("package.json")).version')
mkdir -p "$work/classes" "$work/pack" "$work/generated/polytap/agent" dist/java
cat >"$work/generated/polytap/agent/Version.java" <<JAVA
package polytap.agent;

final class Version {
	static final String TEXT = "$version";

	private Version() {}
}
JAVA
find sources/java-agent/agent/src "$work/generated" -name '*.java' | LC_ALL=C sort >"$work/sources"
"$javac" --release 8 -g:lines,source -Xlint:-options -encoding UTF-8 -cp "$asm:$commons" -d "$work/classes" @"$work/sources"
"$javac" -encoding UTF-8 -cp "$asm:$commons:$tree" -d "$work/pack" sources/java-agent/agent/build/PackJar.java
"$java" -cp "$work/pack:$asm:$commons:$tree" PackJar "$work/classes" "$asm" "$commons" "$version" "$jar"

#!/bin/sh
# All tests, on a clean clone too. The last line is `N passed, N failed`; the exit code is 1 where anything failed.
set -u
cd "$(dirname "$0")/.."

passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log" "$log.status"' EXIT

title() { printf '\n== %s\n' "$*"; }

# One step that either holds or does not.
step() {
	title "$1"
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED: %s\n' "$*"
	fi
}

# Every generator can tell whether its output is what it would write now.
generated_is_fresh() {
	for generator in scripts/generate-*.mjs; do
		[ -e "$generator" ] || continue
		node "$generator" --check || return 1
	done
}

# AVA marks each test that passed, and says `1 test failed`, `1 uncaught exception` and so on at the end.
suite() {
	title "$1"
	shift
	{
		NO_COLOR=1 "$@" 2>&1
		echo $? >"$log.status"
	} | tee "$log"
	counts=$(awk '
		/^ *✔ / { passed++ }
		/^ *[0-9]+ (tests?|known failures?|hooks?) failed$/ { failed += $1 }
		/^ *[0-9]+ (uncaught exceptions?|unhandled rejections?)$/ { failed += $1 }
		/^ *[0-9]+ tests? remained pending/ { failed += $1 }
		END { print passed + 0, failed + 0 }
	' "$log")
	suite_passed=${counts% *}
	suite_failed=${counts#* }
	status=$(cat "$log.status")
	if [ "$status" -ne 0 ] && [ "$suite_failed" -eq 0 ]; then
		printf 'FAILED: %s ended with exit code %s\n' "$*" "$status"
		suite_failed=1
	fi
	passed=$((passed + suite_passed))
	failed=$((failed + suite_failed))
}

summary() {
	printf '\n%s passed, %s failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ]
	exit
}

title setup
if ! sh scripts/setup.sh; then
	failed=1
	summary
fi
PATH=$PWD/node_modules/.bin:$PATH

step "format and lint" biome ci .
step types tsc -p tsconfig.json --noEmit
step "generated files are up to date" generated_is_fresh
suite "unit tests" ava
if ls dist/test/e2e/*.test.js >/dev/null 2>&1; then
	suite "end-to-end tests" ava --config ava.e2e.config.js
fi
summary

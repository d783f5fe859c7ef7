#!/bin/sh
# The main job on this machine, in one command. See demo.mjs.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
exec node scripts/demo.mjs "$@"

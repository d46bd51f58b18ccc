#!/usr/bin/env bash
# The mutation score of the kernels: see Mutants.java, which holds the options.
# Usage: run.sh [OPTION...]; the build is native/target/cmake unless --build DIR says otherwise
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bin=${JAVA_HOME:+$JAVA_HOME/bin/}
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
"${bin}javac" -d "$classes" "$here"/*.java
"${bin}java" -cp "$classes" Mutants --root "$here/../../../.." "$@"

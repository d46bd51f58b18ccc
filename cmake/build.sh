#!/usr/bin/env bash
# Configures and builds the native libraries; incremental when run again.
# Usage: build.sh BUILD_DIR STAGING_DIR [SKIP_TESTS], true to leave out the native tests
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 staging=$2 tests=ON
[ "${3:-false}" = true ] && tests=OFF
"$here/prerequisites.sh"
started=$SECONDS
cmake -S "$here/../native" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBEVEL_TESTS=$tests --log-level=NOTICE
cmake --build "$build"
mkdir -p "$staging"
for library in libbevel.so libbevel_cuda.so; do
  if [ -f "$build/$library" ]; then
    cmp -s "$build/$library" "$staging/$library" || cp "$build/$library" "$staging/$library"
    # Java compares what it has unpacked with this, instead of reading the library out of the jar at every start.
    echo "$(sha256sum <"$staging/$library" | cut -d ' ' -f 1) $(stat -c %s "$staging/$library")" >"$staging/$library.sha256"
  else
    rm -f "$staging/$library" "$staging/$library.sha256" # of an earlier build that had nvcc
  fi
done
mkdir -p "$build/reports"
echo $((SECONDS - started)) >"$build/reports/build.seconds"

#!/usr/bin/env bash
# The library has threads of its own (native/thread_pool.hpp): no OpenMP in its sources, no libgomp among what it needs.
# Usage: no_openmp_test.sh ROOT LIBBEVEL
set -euo pipefail
root=$1 library=$2
if grep -rnE 'pragma omp|#include <omp\.h>|\bomp_[a-z]+' "$root/kernels" "$root/native" --include='*.[ch]*' --include='*.cu*' --exclude-dir=target -I; then
  echo "OpenMP in libbevel's sources: its runtime ends the host's process when a thread cannot be created" >&2
  exit 1
fi
needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[ -n "$needed" ]
if grep -q gomp <<<"$needed"; then
  echo "$library needs $needed" >&2
  exit 1
fi
readelf -d "$library" | grep -q NODELETE || { echo "$library can be unloaded under its threads" >&2; exit 1; }

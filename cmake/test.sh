#!/usr/bin/env bash
# Runs the native tests, then the emulated CUDA kernels, then a sample of the mutants, and leaves counts and times for the summary.
# Usage: test.sh BUILD_DIR
set -euo pipefail
build=$1
for tier in native emulation mutants; do
  reports=$build/reports/$tier
  rm -rf "$reports"
  mkdir -p "$reports"
  started=$SECONDS
  # Emulated kernels run on one thread; the native tests bring threads of their own.
  [ $tier = emulation ] && parallel=$(nproc) || parallel=1
  # The mutants are tests of the tests before them, and may be left out (src/test/native/CMakeLists.txt tells why).
  [ $tier = mutants ] && none=ignore || none=error
  GTEST_OUTPUT="xml:$reports/" ctest --test-dir "$build" --parallel "$parallel" --output-on-failure --no-tests=$none -L "^$tier\$"
  echo $((SECONDS - started)) >"$build/reports/$tier.seconds"
done

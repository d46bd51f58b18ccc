#!/usr/bin/env bash
# Runs the native tests, then the emulated CUDA kernels, and leaves counts and times for the summary. Usage: test.sh BUILD_DIR
set -euo pipefail
build=$1
for tier in native emulation; do
  reports=$build/reports/$tier
  rm -rf "$reports"
  mkdir -p "$reports"
  started=$SECONDS
  GTEST_OUTPUT="xml:$reports/" ctest --test-dir "$build" --output-on-failure --no-tests=error -L "^$tier\$"
  echo $((SECONDS - started)) >"$build/reports/$tier.seconds"
done

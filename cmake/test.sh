#!/usr/bin/env bash
# Runs the native tests, the emulated CUDA kernels among them. Usage: test.sh BUILD_DIR
set -euo pipefail
started=$SECONDS
ctest --test-dir "$1" --output-on-failure --no-tests=error
echo "bevel: native tests took $(( (SECONDS - started) / 60 )) min $(( (SECONDS - started) % 60 )) s"

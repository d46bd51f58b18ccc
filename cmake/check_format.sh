#!/usr/bin/env bash
# Checks the formatting of C, C++ and CUDA with clang-format 14, the major version .clang-format was written for. With --fix it formats.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v clang-format-14 >/dev/null; then
  echo "bevel: clang-format 14 is not installed; the formatting of C++ and CUDA was not checked"
  exit 0
fi
mapfile -t files < <(find native kernels bench src/test/native -path '*/target/*' -prune -o -type f \
  \( -name '*.h' -o -name '*.hpp' -o -name '*.cpp' -o -name '*.c' -o -name '*.cu' -o -name '*.cuh' \) -print)
if [ "${1:-}" = --fix ]; then
  clang-format-14 -i "${files[@]}"
elif ! clang-format-14 --dry-run --Werror "${files[@]}"; then
  echo "bevel: run cmake/check_format.sh --fix" >&2
  exit 1
fi

#!/usr/bin/env bash
# Installs what the native build needs and the machine lacks (Debian 12+, Ubuntu 24.04+), and says so.
# Elsewhere, or without the right to install, it names the packages and stops.
set -euo pipefail

missing=()
need() { # a package, and a test that it is there
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
has_header() { [ -f "/usr/include/$1" ] || [ -f "/usr/local/include/$1" ]; }

need g++ g++ --version
need cmake cmake --version
need ninja-build ninja --version
need libgtest-dev has_header gtest/gtest.h
[ ${#missing[@]} -eq 0 ] && required_missing=0 || required_missing=1
# Without these a check is skipped and says so: the formatting of C++ and CUDA; DLPack's own header beside ours.
need clang-format-14 clang-format-14 --version
need libdlpack-dev has_header dlpack/dlpack.h

[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    as_root=(none)
  fi
fi

if ! command -v apt-get >/dev/null || [ "${as_root[0]:-}" = none ]; then
  [ "$required_missing" -eq 0 ] && exit 0
  echo "bevel: the native build needs these packages, and this script may not install them here: ${missing[*]}" >&2
  exit 1
fi

echo "bevel: installing ${missing[*]} with apt-get"
"${as_root[@]}" apt-get update -qq || true
if ! DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then
  [ "$required_missing" -eq 0 ] && { echo "bevel: ${missing[*]} could not be installed; going on without"; exit 0; }
  echo "bevel: apt-get could not install: ${missing[*]}; install these packages by hand" >&2
  exit 1
fi

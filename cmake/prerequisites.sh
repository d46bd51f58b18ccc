#!/usr/bin/env bash
# Installs what the native build needs and the machine lacks (Debian 12+, Ubuntu 24.04+), and says so.
# Elsewhere, or without the right to install, it names the packages and stops.
set -euo pipefail

required=()
optional=()
has_header() { [ -f "/usr/include/$1" ] || [ -f "/usr/local/include/$1" ]; }
need() { # list, package, and a test that it is there
  local -n list=$1
  local package=$2
  shift 2
  "$@" >/dev/null 2>&1 || list+=("$package")
}

need required g++ g++ --version
need required cmake cmake --version
need required ninja-build ninja --version
need required libgtest-dev has_header gtest/gtest.h
# Without these a check is skipped and says so: the formatting of C++ and CUDA; DLPack's own header beside ours; a C program that
# finds Bevel with pkg-config.
need optional clang-format-14 clang-format-14 --version
need optional libdlpack-dev has_header dlpack/dlpack.h
need optional pkg-config pkg-config --version
# Java draws the text of its pictures with the system's fonts.
need optional fontconfig fc-list --version
need optional fonts-dejavu-core test -d /usr/share/fonts/truetype/dejavu

[ ${#required[@]} -gt 0 ] || [ ${#optional[@]} -gt 0 ] || exit 0

as_root=()
may_install=yes
command -v apt-get >/dev/null || may_install=no
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root=(sudo -n); else may_install=no; fi
fi
if [ "$may_install" = no ]; then
  [ ${#required[@]} -eq 0 ] && exit 0
  echo "bevel: the native build needs these packages, and this script may not install them here: ${required[*]}" >&2
  exit 1
fi

install() {
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
echo "bevel: installing ${required[*]} ${optional[*]} with apt-get"
"${as_root[@]}" apt-get update -qq || echo "bevel: apt-get update failed; trying with the package lists at hand"
if [ ${#required[@]} -gt 0 ] && ! install "${required[@]}"; then
  echo "bevel: apt-get could not install: ${required[*]}; install these packages by hand" >&2
  exit 1
fi
if [ ${#optional[@]} -gt 0 ] && ! install "${optional[@]}"; then
  echo "bevel: ${optional[*]} could not be installed; going on without"
fi

#!/usr/bin/env bash
# Installs Bevel into an empty folder, moves it, and builds and runs a C and a C++ program against it: as a CMake package, with pkg-config,
# and beside a newer dlpack.h. Usage: test.sh BUILD_DIR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed() { echo "installed: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$scratch/first" >/dev/null
mv "$scratch/first" "$scratch/moved"
prefix=$scratch/moved
library=$(echo "$prefix"/lib*/libbevel.so.0 "$prefix"/lib/*/libbevel.so.0 | tr ' ' '\n' | grep -v '\*' | head -n 1)
[ -e "$library" ] || failed "no libbevel.so.0"
objdump -p "$library" | grep -q 'SONAME *libbevel\.so\.0$' || failed "the SONAME must be libbevel.so.0"

cmake -S "$here" -B "$scratch/stranger" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$scratch/stranger" >/dev/null
for program in from_c from_cpp; do
  [ "$("$scratch/stranger/$program")" = 100 ] || failed "$program, built as a CMake package, must print the version 100"
done

if command -v pkg-config >/dev/null; then
  export PKG_CONFIG_PATH=$(dirname "$library")/pkgconfig LD_LIBRARY_PATH=$(dirname "$library")
  read -ra flags <<<"$(pkg-config --cflags --libs bevel)"
  cc -std=c99 -Wall -Wextra -pedantic -Werror "$here/program.c" "${flags[@]}" -o "$scratch/with_pkg_config"
  [ "$("$scratch/with_pkg_config")" = 100 ] || failed "the program built with pkg-config must print the version 100"

  # A dlpack.h of a later 1.x declares more than ours: it must be the one that counts, first or second.
  mkdir -p "$scratch/newer/dlpack"
  sed -n '/^#ifndef DLPACK_DLPACK_H_/,/^#endif .* DLPACK_DLPACK_H_/p' "$prefix/include/bevel/dlpack.h" |
    sed -e 's/MINOR_VERSION 0/MINOR_VERSION 9/' -e 's/kDLMAIA = 17/kDLMAIA = 17, kDLOfAVersionToCome = 77/' >"$scratch/newer/dlpack/dlpack.h"
  for language in 'cc -std=c99' 'c++ -std=c++11 -x c++'; do
    $language -Wall -Wextra -Werror -DNEWER_DLPACK -I"$scratch/newer" "$here/program.c" "${flags[@]}" -o "$scratch/beside_newer"
    [ "$("$scratch/beside_newer")" = 100 ] || failed "the program built by $language beside a newer dlpack.h must print the version 100"
  done
else
  echo "installed: pkg-config is not installed; only the CMake package was tried"
fi
echo "installed: C and C++ programs build and run against an installed prefix"

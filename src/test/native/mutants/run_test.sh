#!/usr/bin/env bash
# The runner on a project of one operator: what it must report, and with which status. Usage: run_test.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{native,kernels/tiny,src/test/native,mutants}

cat >"$root/native/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(tiny LANGUAGES CXX)
set(ROOT ${CMAKE_CURRENT_SOURCE_DIR}/..)
add_library(bevel SHARED ${ROOT}/kernels/tiny/tiny.cpp)
target_include_directories(bevel PRIVATE ${ROOT}/kernels)
set_target_properties(bevel PROPERTIES SOVERSION 0)
add_subdirectory(${ROOT}/src/test/native tests)
END
cat >"$root/src/test/native/CMakeLists.txt" <<'END'
add_library(bevel_cuda_emulated SHARED ${ROOT}/kernels/tiny/tiny_device.cpp)
target_include_directories(bevel_cuda_emulated PRIVATE ${ROOT}/kernels)
foreach(test tiny_test tiny_cuda_test)
  add_executable(${test} ${test}.cpp)
endforeach()
target_link_libraries(tiny_test PRIVATE bevel)
target_link_libraries(tiny_cuda_test PRIVATE bevel_cuda_emulated)
END
cat >"$root/kernels/tiny/tiny.hpp" <<'END'
#pragma once
constexpr int kFactor = 3;
constexpr int kSpare = 1;
END
for place in tiny:sum tiny_device:device_sum; do
  cat >"$root/kernels/tiny/${place%:*}.cpp" <<END
#include "tiny/tiny.hpp"
int ${place#*:}(const int* numbers, int count) {
  int sum = 0;
  for (int i = 0;
       i < count; ++i) sum += kFactor * numbers[i];
  return sum;
}
END
done
for place in tiny_test:sum tiny_cuda_test:device_sum; do
  cat >"$root/src/test/native/${place%:*}.cpp" <<END
int ${place#*:}(const int* numbers, int count);
int main() {
  const int numbers[] = {1, 2, 4};
  return ${place#*:}(numbers, 3) == 21 ? 0 : 1;
}
END
done
mutant() { # name, tier, file, old, new
  printf '=== %s\ntier: %s\nkind: of the test\nfile: %s\nwhy: It is planted.\n--- old\n%s\n--- new\n%s\n' "$@"
}
write() { { printf 'cuda: tiny_cuda_test\ncpu: tiny_test\n' && cat; } >"$root/mutants/tiny.mutants"; }
javac -d "$root/classes" "$here"/*.java
cmake -S "$root/native" -B "$root/build" -G Ninja >/dev/null

status=0 output=
run() {
  status=0
  output=$(java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$root/classes" Mutants --root "$root" --build "$root/build" --mutants "$root/mutants" --jobs 1 "$@" 2>&1) || status=$?
}
expect() { # status, and what the output says
  local wanted=$1 text
  shift
  for text in "$@"; do
    if [ $status != "$wanted" ] || ! grep -qF -- "$text" <<<"$output"; then
      printf 'mutants: expected status %s and "%s", got status %s and:\n%s\n' "$wanted" "$text" "$status" "$output" >&2
      exit 1
    fi
  done
}

loop='for (int i = 0; i < count; ++i)' short='for (int i = 0; i + 1 < count; ++i)'
killed() {
  mutant tail cpu kernels/tiny/tiny.cpp "$loop" "$short"
  mutant factor cuda kernels/tiny/tiny.hpp 'kFactor = 3' 'kFactor = 2' # a header: only what reads it is compiled again
}
survivor() { mutant spare cpu kernels/tiny/tiny.hpp 'kSpare = 1' 'kSpare = 2'; }
sources() { find "$root/native" "$root/kernels" "$root/src" -type f -exec sha256sum {} + | sort; }
before=$(sources)

killed | write
run
expect 0 "tiny/tail" "tiny/factor" "| all | 1 of 1 | 1 of 1 | 0 | 0 |"
run
expect 0 "measured before: 2" "| all | 1 of 1 | 1 of 1 | 0 | 0 |"
run --tier cpu --fresh
expect 0 "measured before: 0" "| all | 0 of 0 | 1 of 1 | 0 | 0 |"
{ killed && survivor; } | write
run --keep-going
expect 1 "SURVIVED tiny/spare" "| all | 1 of 1 | 1 of 2 | 1 | 0 |"
printf 'tiny/spare\tNothing reads it.\n' >"$root/mutants/known_survivors.tsv"
run --report "$root/score.md"
expect 0 "| all | 1 of 1 | 1 of 2 | 1 | 0 |"
grep -qF 'Nothing reads it.' "$root/score.md"
printf 'tiny/tail\tOnce it survived.\n' >>"$root/mutants/known_survivors.tsv"
run
expect 0 "tiny/tail is killed now: take it out"
run --sample 1 --seed 7
expect 0 "--seed 7"
first=$(grep -o 'tiny/[a-z]* *[KS][A-Z]*' <<<"$output")
run --sample 1 --seed 7
expect 0 "$first"

{ killed && mutant broken cpu kernels/tiny/tiny.cpp 'int sum = 0;' 'int sum = ;'; } | write
run --keep-going
expect 2 "tiny/broken" "DOES_NOT_COMPILE"
{ killed && mutant gone cpu kernels/tiny/tiny.cpp 'no such text' ''; } | write
run --only tail
expect 2 "tiny/gone: its old text must be once in kernels/tiny/tiny.cpp, it is there 0 times"
{ killed && mutant twice cpu kernels/tiny/tiny.cpp 'numbers' 'others'; } | write
run
expect 2 "tiny/twice" "2 times"
killed | write
run --operator other
expect 2 "--operator must be one of [tiny], got other"
[ "$before" = "$(sources)" ] || { echo "mutants: the sources are no longer what they were" >&2; exit 1; }
sed -i 's/== 21/== 22/' "$root/src/test/native/tiny_test.cpp"
run
expect 2 "tests fail without any mutant"

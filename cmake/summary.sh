#!/usr/bin/env bash
# Prints how many tests ran, native ones included, and the minutes of each tier. Usage: summary.sh NATIVE_BUILD_DIR SUREFIRE_REPORTS_DIR
set -euo pipefail
native=$1 surefire=$2

# Lines of the reports that match; none is no failure.
matches() { # pattern, files…
  local pattern=$1
  shift
  { cat "$@" 2>/dev/null || true; } | { grep -oE "$pattern" || true; }
}
# Sum of an attribute over the elements of XML reports that stand for suites.
sum() { # element, attribute, files…
  local element=$1 attribute=$2
  shift 2
  matches "<$element [^>]*" "$@" | matches " $attribute=\"[0-9.]+\"" - | tr -cd '0-9.\n' |
    awk '{ total += $1 } END { printf "%d", total + 0.5 }'
}
minutes() { printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); }
seconds() { cat "$native/reports/$1.seconds" 2>/dev/null || echo 0; }

total=0 failed=0 skipped=0
for tier in native emulation; do
  count=$(sum testsuites tests "$native/reports/$tier/"*.xml)
  failed=$((failed + $(sum testsuites failures "$native/reports/$tier/"*.xml)))
  skipped=$((skipped + $(matches '<testcase [^>]*result="skipped"' "$native/reports/$tier/"*.xml | wc -l)))
  total=$((total + count))
  echo "bevel: $tier tests: $count in $(minutes "$(seconds $tier)")"
done
java=$(sum testsuite tests "$surefire/"TEST-*.xml)
failed=$((failed + $(sum testsuite failures "$surefire/"TEST-*.xml) + $(sum testsuite errors "$surefire/"TEST-*.xml)))
skipped=$((skipped + $(sum testsuite skipped "$surefire/"TEST-*.xml)))
total=$((total + java))
echo "bevel: Java tests: $java in $(minutes "$(sum testsuite time "$surefire/"TEST-*.xml)")"
echo "bevel: native build: $(minutes "$(seconds build)")"
echo "bevel: sample of mutants: $(minutes "$(seconds mutants)")"
echo "$((total - failed - skipped)) passed, $failed failed, $skipped skipped"

#!/usr/bin/env bash
# A compiler launcher: runs nvcc (with -Xptxas -v) and keeps what ptxas says of each kernel beside the object, in
# OBJECT.ptxas, instead of printing it. Usage: capture_ptxas.sh NVCC ARGUMENT...
set -uo pipefail

object= source= previous=
for argument in "$@"; do
  [ "$previous" = -o ] && object=$argument
  case $argument in *.cu) source=$argument ;; esac
  previous=$argument
done
if [ -z "$object" ] || [ -z "$source" ]; then
  exec "$@" # no compilation: a link, a query
fi

messages=$(mktemp)
trap 'rm -f "$messages"' EXIT
"$@" 2>"$messages"
status=$?
# ptxas speaks in lines that begin with its name; the numbers of a function follow in an indented line.
is_report='^ptxas info|^ +[0-9]+ bytes stack frame'
grep -Ev "$is_report" "$messages" >&2
[ $status -eq 0 ] || exit $status
{
  echo "source: $(realpath "$source")"
  grep -E "$is_report" "$messages"
} >"$object.ptxas"

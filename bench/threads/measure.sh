#!/usr/bin/env bash
# What threads cost and gain: seconds of a training and times of kernels for several candidates (a build and its settings), in turns,
# alone on the machine, beside one busy process, beside two, and under a quota of one processor.
#
# Usage: measure.sh [--rounds N] [--steps N] [--seconds S] [--situations LIST] [--measures LIST] [--bench ARGUMENTS]...
#                   [--data DIR] OUT NAME=TREE[,VARIABLE=VALUE]... ...
#   OUT           folder of results.csv and table.md; lines of results that are there are kept, and new ones added
#   NAME=TREE     a candidate: a checkout of Bevel that is built (it has ./bevel and its jars), and environment variables for it
#   --rounds      each round runs every candidate once in every situation, in another order each time (default 3)
#   --situations  some of alone,one,two,quota (default all)
#   --measures    some of train,kernels (default both)
#   --steps       of a training of bevdepth-demo (default 12)
#   --seconds     for each measurement of a kernel (default 1)
#   --bench       what `bevel bench` runs for the kernels' times; may be given several times (default: lift-splat --case bevdet --threads 1,2);
#                 Bevel's plain kernel only, unless it says --variant
#   --data        a data set with split sim_train; by default one is simulated into OUT/data
#
# Example: measure.sh /tmp/m now=. sleep=.,GOMP_SPINCOUNT=0 single=.,OMP_NUM_THREADS=1 before=../before
#
# "quota" is a cgroup of one processor where this user may make one, else one processor by affinity; the table says which. Trainings must
# have the same losses, within 3 % (LibTorch adds in another order with other threads), and kernels are verified by the benchmark, or the script ends.
set -euo pipefail

rounds=3 steps=12 seconds=1 situations=alone,one,two,quota measures=train,kernels data= benches=()
while [[ ${1:-} == --* ]]; do
  [ $# -ge 2 ] || { echo "measure.sh: $1 needs a value" >&2; exit 2; }
  case $1 in
    --rounds) rounds=$2 ;; --steps) steps=$2 ;; --seconds) seconds=$2 ;; --situations) situations=$2 ;; --measures) measures=$2 ;; --bench) benches+=("$2") ;;
    --data) data=$2 ;;
    *) echo "measure.sh: no option $1" >&2; exit 2 ;;
  esac
  shift 2
done
[ $# -ge 2 ] || { sed -n '2,22s/^# \{0,1\}//p' "$0" >&2; exit 2; }
fault() { echo "measure.sh: $1" >&2; exit 2; }
[[ $rounds =~ ^[1-9][0-9]*$ ]] || fault "--rounds must be 1 or more, got '$rounds'"
[[ $steps =~ ^[1-9][0-9]*$ ]] || fault "--steps must be 1 or more, got '$steps'"
[[ $situations =~ ^(alone|one|two|quota)(,(alone|one|two|quota))*$ ]] || fault "--situations must be some of alone,one,two,quota, got '$situations'"
[[ $measures =~ ^(train|kernels)(,(train|kernels))*$ ]] || fault "--measures must be some of train,kernels, got '$measures'"
[ ${#benches[@]} -gt 0 ] || benches=("lift-splat --case bevdet --threads 1,2")
out=$1
shift
names=() trees=() settings=()
for candidate in "$@"; do
  name=${candidate%%=*} rest=${candidate#*=}
  tree=${rest%%,*}
  [[ $candidate == ?*=* ]] || fault "a candidate must be NAME=TREE, got '$candidate'"
  [[ " ${names[*]-} " != *" $name "* ]] || fault "two candidates are called '$name'"
  [ -x "$tree/bevel" ] || { echo "measure.sh: $candidate: $tree has no ./bevel" >&2; exit 2; }
  names+=("$name") trees+=("$(cd "$tree" && pwd)")
  [ "$rest" = "$tree" ] && settings+=("") || settings+=("${rest#*,}")
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
results=$out/results.csv
[ -f "$results" ] || echo "round,situation,candidate,measure,value" >"$results"

busy=() group=
finish() {
  [ ${#busy[@]} -eq 0 ] || kill "${busy[@]}" 2>/dev/null || true
  busy=()
  [ -z "$group" ] || rmdir "$group" 2>/dev/null || true
}
trap finish EXIT

# A cgroup of one processor, version 2 or 1; the empty string where none may be made.
make_group() {
  local top
  for top in /sys/fs/cgroup /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu,cpuacct; do
    local new=$top/bevel-measure-$$
    [ -f "$top/cgroup.procs" ] && mkdir "$new" 2>/dev/null || continue
    if { echo "100000 100000" >"$new/cpu.max"; } 2>/dev/null ||
      { echo 100000 >"$new/cpu.cfs_period_us" && echo 100000 >"$new/cpu.cfs_quota_us"; } 2>/dev/null; then
      echo "$new"
      return
    fi
    rmdir "$new"
  done
}
quota="a cgroup of one processor"
if [[ ,$situations, == *,quota,* ]]; then
  group=$(make_group)
  [ -n "$group" ] || quota="one processor by affinity (taskset -c 0): no cgroup may be made here"
fi

# Runs a command of a candidate in a situation.
run_in() { # situation, index of the candidate, arguments of ./bevel
  local situation=$1 index=$2 variables=() options=${BEVEL_JAVA_OPTIONS:-}
  shift 2
  [ -z "${settings[index]}" ] || IFS=, read -ra variables <<<"${settings[index]}"
  local command=(env "${variables[@]}" "${trees[index]}/bevel" "$@")
  if [ "$situation" = quota ] && [ -n "$group" ]; then
    command=(bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "${command[@]}")
  elif [ "$situation" = quota ]; then
    command=(taskset -c 0 env BEVEL_JAVA_OPTIONS="$options -XX:ActiveProcessorCount=1" "${command[@]}")
  fi
  "${command[@]}" >"$out/last.log" 2>&1 || { cat "$out/last.log" >&2; echo "measure.sh: failed: ${command[*]}" >&2; exit 1; }
}

note() { echo "$1,$2,$3,$4,$5" >>"$results"; } # round, situation, candidate, measure, value

train() { # round, situation, index
  local folder=$out/run history
  rm -rf "$folder"
  run_in "$2" "$3" train --config bevdepth-demo --data "$data" --split sim_train --steps "$steps" --seed 1 --out "$folder"
  history=$folder/history.csv
  # The first step loads and compiles; the total of all has it, the seconds a step have not.
  note "$1" "$2" "${names[$3]}" "training (s)" "$(awk -F, 'END { print $2 }' "$history")"
  note "$1" "$2" "${names[$3]}" "step (s)" "$(awk -F, 'NR == 2 { first = $2; n = $1 } END { printf "%.4f", ($2 - first) / ($1 - n) }' "$history")"
  local losses
  losses=$(awk -F, 'NR > 1 { printf "%s ", $4 }' "$history")
  if [ -f "$out/losses" ]; then
    awk -v a="$(cat "$out/losses")" -v b="$losses" 'BEGIN {
      n = split(a, x, " "); if (split(b, y, " ") != n) exit 1
      for (i = 1; i <= n; ++i) if ((x[i] - y[i]) ^ 2 > (0.03 * x[i]) ^ 2) exit 1
    }' || { echo "measure.sh: ${names[$3]}: losses differ: $losses; before: $(cat "$out/losses")" >&2; exit 1; }
  else
    echo "$losses" >"$out/losses"
  fi
}

kernels() { # round, situation, index
  local json=$out/kernels.json bench words
  for bench in "${benches[@]}"; do
    read -ra words <<<"$bench"
    [[ " $bench " == *" --variant "* ]] || words+=(--variant bevel)
    run_in "$2" "$3" bench "${words[@]}" --seconds "$seconds" --json "$json"
    # Bevel's own passes, one JSON field a line.
    awk -F'"' -v ROUND="$1,$2,${names[$3]}" '
      $2 ~ /^(op|case|pass|dtype|variant)$/ { field[$2] = $4 }
      $2 == "threads" { threads = $3; gsub(/[^0-9]/, "", threads) }
      $2 == "median_ms" { ms = $3; gsub(/[^0-9.eE-]/, "", ms) }
      /}/ && field["variant"] ~ /^bevel/ {
        printf "%s,%s %s %s %s %s on %s thread(s) (ms),%s\n", ROUND, field["op"], field["case"], field["pass"], field["dtype"], field["variant"], threads, ms
      }
    ' "$json" | tee -a "$results" | grep -q . || { echo "measure.sh: no results of the kernels in $json" >&2; exit 1; }
  done
}

if [ -z "$data" ] && [[ ,$measures, == *,train,* ]]; then
  data=$out/data
  [ -d "$data" ] ||
    "${trees[0]}/bevel" simulate --out "$data" --scenes 1 --seconds 8 --seed 1 --image-size 800x450 --lidar-sweeps 0 >"$out/last.log" 2>&1 ||
    { cat "$out/last.log" >&2; exit 1; }
fi

before=$(awk -F, '$1 + 0 > last { last = $1 } END { print last + 0 }' "$results")
for ((round = before + 1; round <= before + rounds; ++round)); do
  for situation in ${situations//,/ }; do
    case $situation in alone | quota) others=0 ;; one) others=1 ;; two) others=2 ;; esac
    for ((i = 0; i < others; ++i)); do
      (while :; do :; done) &
      busy+=($!)
    done
    for ((i = 0; i < ${#names[@]}; ++i)); do
      index=$(((i + round) % ${#names[@]}))
      for measure in ${measures//,/ }; do
        echo "round $round of $((before + rounds)), $situation, ${names[index]}, $measure" >&2
        case $measure in train | kernels) "$measure" "$round" "$situation" "$index" ;; esac
      done
    done
    [ ${#busy[@]} -eq 0 ] || { kill "${busy[@]}" && wait "${busy[@]}" 2>/dev/null || true; }
    busy=()
  done
done

# Medians by measure and situation, and of the pairs of a round how the first candidate does against each other one.
{
  echo "Medians (least–most) of $((before + rounds)) round(s) on $(nproc) processors; quota: $quota."
  awk -F, -v order="$(IFS=,; echo "${names[*]}")" '
    function median(values, n) { return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2 }
    function sorted(list, to,    n, i, j, t) {
      n = split(list, to, " ")
      for (i = 2; i <= n; ++i) for (j = i; j > 1 && to[j - 1] + 0 > to[j] + 0; --j) { t = to[j]; to[j] = to[j - 1]; to[j - 1] = t }
      return n
    }
    NR > 1 {
      seen = $2 SUBSEP $3 SUBSEP $4
      values[seen] = values[seen] " " $5
      of_round[$1, $2, $3, $4] = $5
      if (!($4 in measures)) { measures[$4]; measure[++m] = $4 }
      if (!($2 in situations)) { situations[$2]; situation[++s] = $2 }
      if ($1 > last) last = $1
    }
    END {
      c = split(order, candidate, ",")
      for (i = 1; i <= m; ++i) {
        printf "\n| %s |", measure[i]; for (k = 1; k <= c; ++k) printf " %s |", candidate[k]
        printf "\n|---|"; for (k = 1; k <= c; ++k) printf "---:|"
        printf "\n"
        for (j = 1; j <= s; ++j) {
          printf "| %s |", situation[j]
          for (k = 1; k <= c; ++k) {
            n = sorted(values[situation[j], candidate[k], measure[i]], v)
            if (n) printf " %.3g (%.3g–%.3g) |", median(v, n), v[1], v[n]; else printf " |"
          }
          printf "\n"
        }
      }
      if (c < 2) exit
      printf "\n| pairs: %s against | measure | situation | pairs | median ratio | 95 %% interval |\n|---|---|---|---:|---:|---|\n", candidate[1]
      for (k = 2; k <= c; ++k) for (i = 1; i <= m; ++i) for (j = 1; j <= s; ++j) {
        list = ""
        for (r = 1; r <= last; ++r) {
          a = of_round[r, situation[j], candidate[1], measure[i]]; b = of_round[r, situation[j], candidate[k], measure[i]]
          if (a != "" && b > 0) list = list " " a / b
        }
        n = sorted(list, v)
        if (!n) continue
        # Order statistics that hold the median with 95 %; too few pairs have no such interval.
        low = int(n / 2 - 0.98 * sqrt(n)); interval = low < 1 || n < 6 ? "too few pairs" : sprintf("%.3f to %.3f", v[low], v[n + 1 - low])
        printf "| %s | %s | %s | %d | %.3f | %s |\n", candidate[k], measure[i], situation[j], n, median(v, n), interval
      }
    }' "$results"
} | tee "$out/table.md"

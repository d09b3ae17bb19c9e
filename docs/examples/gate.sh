#!/bin/sh
# A step of an ingestion job: purifies a dataset, tries again when the machine is at fault, and lets the job go on only
# where nothing is poisoned and something was judged. Usage: gate.sh NAME SOURCE [OPTION...]
#
# Exit codes: 0 no poison found and at least one class clean, 8 poison found (the repaired dataset is in
# record/NAME/purified), 9 nobody could tell (record/NAME/verdict.json has the reasons of each class): no class is clean,
# or, with `--fail-on undecided` among the options, not every one; others as dataelixir gives them. What a killed run left behind is replaced; with `--state DIR` among the options, what it had
# worked out already is not worked out again.
set -u

name=$1
shift
tries=${TRIES:-3}

while :; do
  verdict=$(${DATAELIXIR:-npx dataelixir} purify "$@" --save-folder-name "$name")
  code=$?
  case $code in
    0 | 8) break ;;
    2 | 3 | 4 | 6 | 7) exit "$code" ;; # configuration, dataset, weights, state, output: trying again would not help
    129 | 130 | 143) exit "$code" ;;   # somebody wants it to end
  esac
  tries=$((tries - 1))
  echo "gate: ended with $code, $tries tries left" >&2
  [ "$tries" -gt 0 ] || exit "$code"
  sleep "${PAUSE:-10}"
done

case $verdict in
  *'"targetLabels":[]'*) ;;
  *)
    echo "gate: $name is poisoned: record/$name/verdict.json" >&2
    exit 8
    ;;
esac
# only a class with samples can be clean
case $code$verdict in
  0*'"state":"clean"'*) exit 0 ;;
esac
echo "gate: $name could not be judged, which is not the same as clean: record/$name/verdict.json" >&2
exit 9

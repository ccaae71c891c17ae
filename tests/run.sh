#!/usr/bin/env bash
# All tests: on SQLite and memory, on PostgreSQL and Redis, and in a browser. Only those of tests/faults
# are for `make test-faults`.
# Each part runs even if one before it failed; the exit code says whether all passed.
set -uo pipefail
cd "$(dirname "$0")/.."

pytest=("${VENV:-.venv}/bin/python" -m pytest --quiet)
failed=0

run() {
  printf '\n== %s\n' "$1"
  shift
  "${pytest[@]}" "$@" || failed=1
}

elsewhere=(--ignore=tests/browser --ignore=tests/faults)
# In the order of their names, as the longest is among the first: otherwise one worker ends long before the
# other.
two=(--numprocesses=2 --dist=loadfile --no-loadscope-reorder)
run 'SQLite and memory' tests "${elsewhere[@]}" "${two[@]}" --ignore=tests/test_topology.py --stack=small \
  -m 'not on_postgresql'
run 'PostgreSQL and Redis' tests "${elsewhere[@]}" "${two[@]}" --stack=full -m 'not one_stack'
# Most of these wait for what takes its time, such as a lease that lapses: hence more than there are cores.
run 'Browser' tests/browser --stack=browser -m 'not alone' --numprocesses=3 --dist=loadfile
run 'Browser, typing' tests/browser --stack=browser -m alone
exit "$failed"

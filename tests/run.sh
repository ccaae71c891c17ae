#!/usr/bin/env bash
# All tests: on SQLite and memory, on PostgreSQL and Redis, and in a browser.
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

run 'SQLite and memory' tests --ignore=tests/browser --stack=small
run 'PostgreSQL and Redis' tests --ignore=tests/browser --stack=full
# What lies in unproven/ has not passed as a whole yet.
run 'Browser' tests/browser --ignore=tests/browser/unproven --stack=browser
exit "$failed"

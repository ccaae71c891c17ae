#!/usr/bin/env bash
# What the tests need beside Python: Chromium, w3m, Redis, PostgreSQL, nginx, a C compiler and a font with
# emoji.
# Installs what is missing where it may (root, apt); otherwise names it.
set -euo pipefail

missing=()

has() { command -v "$1" >/dev/null 2>&1; }

has chromium-headless-shell || has chromium || has chromium-browser || has google-chrome || missing+=(chromium)
has w3m || missing+=(w3m)
has redis-server || missing+=(redis-server)
has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
has nginx || has /usr/sbin/nginx || missing+=(nginx)
has cc || has gcc || missing+=(gcc libc6-dev)
if has fc-list; then
  grep -qi 'emoji' <<<"$(fc-list : family)" || missing+=(fonts-noto-color-emoji)
else
  compgen -G '/usr/share/fonts/truetype/noto/NotoColorEmoji*' >/dev/null ||
    missing+=(fonts-noto-color-emoji)
fi

[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! has apt-get; then
  echo "The tests need these packages, which only root can install here: ${missing[*]}." >&2
  exit 1
fi

echo "Installing ${missing[*]}."
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq </dev/null
# Without windows and what belongs to them it needs two thirds of the CPU; not every distribution has it.
if apt-cache show chromium-headless-shell >/dev/null 2>&1; then
  missing=("${missing[@]/%chromium/chromium-headless-shell}")
fi
# The tests start their own servers; RUNLEVEL keeps the packages from starting others.
if ! RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null; then
  echo "The tests need these packages, which could not be installed: ${missing[*]}." >&2
  exit 1
fi

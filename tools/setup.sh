#!/usr/bin/env bash
# Installs the Debian packages that the build needs and that are missing; --tests adds those that tests are left out without, --lint those of
# `make lint`, --sanitize those of the sanitizer builds and valgrind, --fuzz those of `make fuzz`.
# Does nothing, without root, when all are there.
set -euo pipefail

packages=(g++ cmake ninja-build pkg-config nlohmann-json3-dev libcli11-dev libfmt-dev libutf8proc-dev libgtest-dev libgmock-dev libbenchmark-dev)
for argument in "$@"; do
  case "$argument" in
    --lint) packages+=(python3 clang-format clang-tidy cppcheck) ;;
    --tests) packages+=(python3 mandoc zsh fish) ;;
    --sanitize) packages+=(clang-19 libclang-rt-19-dev llvm-19 valgrind) ;;
    --fuzz) packages+=(clang-19 libclang-rt-19-dev python3-venv) ;;
    *) echo "usage: tools/setup.sh [--tests] [--lint] [--sanitize] [--fuzz]" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is no Debian; make sure that the equivalents of these are installed: ${packages[*]}" >&2
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "setup: installing ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup: neither root nor sudo: ask someone who is to run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq </dev/null
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null

#!/usr/bin/env bash
# Rewrites all sources in the house format.
set -euo pipefail
cd "$(dirname "$0")/.." || exit 1
tools/sources.sh | xargs clang-format -i

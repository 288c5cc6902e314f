#!/usr/bin/env bash
# Resolve pyproject.toml into requirements/*.txt, every file with its hash. Needs `uv` on the PATH.
# `scripts/lock.sh` keeps what still fits; `scripts/lock.sh --upgrade` takes the newest releases.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
compile() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate "$@"; }

# dev first: it holds everything, and the others take the same releases.
compile "$@" pyproject.toml --group build --group dev --output-file requirements/dev.txt
compile --constraints requirements/dev.txt pyproject.toml --output-file requirements/runtime.txt
compile --constraints requirements/dev.txt --group build --output-file requirements/build.txt
# What an extra adds to runtime.txt; `make setup` installs those that EXTRAS names.
extra() {
  python3 -c 'import sys, tomllib
print(*tomllib.load(sys.stdin.buffer)["project"]["optional-dependencies"][sys.argv[1]], sep="\n")' "$1" <pyproject.toml
}
for name in aws azure google litellm postgres valkey; do
  extra "$name" | compile --constraints requirements/dev.txt - --output-file "requirements/$name.txt"
done
# A Python of its own, for a server that a test calls.
compile tests/real/openai_server/requirements.in --output-file tests/real/openai_server/requirements.txt
# The same, for LiteLLM's own clients.
compile tests/real/litellm_client/requirements.in --output-file tests/real/litellm_client/requirements.txt
# The same, for the program that fuzzes the management API by its description.
compile tests/real/openapi/requirements.in --output-file tests/real/openapi/requirements.txt

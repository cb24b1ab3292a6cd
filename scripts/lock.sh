#!/bin/sh
# Pins every requirements file to the newest versions, with hashes, for all systems and Pythons from 3.11 on.
set -eu
compile() {
    command="uv pip compile --upgrade --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate"
    PATH="$root/.venv/bin:$PATH" $command --quiet --custom-compile-command "$command $1.in -o $1.txt" "$1.in" -o "$1.txt"
}
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" && compile requirements-dev
cd "$root/template/{{ cookiecutter.project_slug }}" && compile requirements && compile requirements-service

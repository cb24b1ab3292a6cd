#!/bin/sh
# Pins every requirements file to the newest versions, with hashes, for all systems and Pythons from 3.11 on.
set -eu
compile() {
    name=$1
    shift
    command="uv pip compile --upgrade --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate${*:+ $*}"
    PATH="$root/.venv/bin:$PATH" $command --quiet --custom-compile-command "$command $name.in -o $name.txt" "$name.in" -o "$name.txt"
}
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" && compile requirements-dev
cd "$root/template/{{ cookiecutter.project_slug }}" && compile requirements && compile requirements-service
compile requirements-exercises --no-deps

#!/bin/sh
# Pins every requirements file to the newest versions, with hashes, for all systems and Pythons from 3.11 on.
# KEEP=1 keeps the versions that are pinned already, for a package more or less.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
project="$root/template/{{ cookiecutter.project_slug }}"
compile() {
    folder=$1 name=$2
    shift 2
    set -- --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate "$@"
    said="uv pip compile --upgrade $* $name.in -o $name.txt"
    [ -n "${KEEP:-}" ] || set -- --upgrade "$@"
    cd "$folder"
    PATH="$root/.venv/bin:$PATH" uv pip compile --quiet --custom-compile-command "$said" "$@" "$name.in" -o "$name.txt"
}
compile "$root" requirements-dev
compile "$project" requirements
compile "$project" requirements-service
compile "$project" requirements-exercises --no-deps
# Tests run with the packages of a project, at the same versions.
compile "$root/packages" requirements-tests --constraint "../template/{{ cookiecutter.project_slug }}/requirements.txt"

#!/usr/bin/env bash
# Makes .venv and installs the locked packages into it, each checked against its hash.
#   tools/setup.sh run     what Imvume needs
#   tools/setup.sh test    and what its tests need
# PYTHON=python3.13 chooses an interpreter; else the first of 3.11 to 3.13 that is found.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-run}" in
    run) lock=requirements.lock ;;
    test) lock=requirements-test.lock ;;
    *) echo "usage: tools/setup.sh run|test" >&2; exit 64 ;;
esac

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

find_python() {
    local each
    for each in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if command -v "$each" >/dev/null && fits "$each"; then echo "$each"; return; fi
    done
    echo "Imvume needs Python 3.11 to 3.13, and found none. On Debian and Ubuntu: apt-get install python3 python3-venv" >&2
    exit 69
}

if [ ! -x .venv/bin/python ] || ! fits .venv/bin/python; then
    python=$(find_python)
    rm -rf .venv
    # Debian keeps ensurepip in a package of its own; the system's pip can do its work.
    if ! "$python" -m venv .venv 2>/dev/null; then
        rm -rf .venv
        "$python" -m venv --without-pip .venv
        if ! "$python" -m pip --python .venv/bin/python install --quiet pip 2>/dev/null; then
            rm -rf .venv
            echo "This Python makes no virtual environment with pip. On Debian and Ubuntu: apt-get install python3-venv" >&2
            exit 69
        fi
    fi
fi

# A lock that was installed is not installed again; the test lock holds all of the other one.
stamp=.venv/installed
wanted=$(cat "$lock" pyproject.toml | sha256sum | cut -d' ' -f1)
if ! grep -qs "$wanted" "$stamp"; then
    echo "Installing the packages of $lock into .venv; the first time this takes a minute."
    .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement "$lock"
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
    [ "$lock" = requirements-test.lock ] && cat requirements.lock pyproject.toml | sha256sum | cut -d' ' -f1 > "$stamp"
    echo "$wanted" >> "$stamp"
fi

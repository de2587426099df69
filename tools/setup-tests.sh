#!/usr/bin/env bash
# Installs the system packages that some tests lean on. What cannot be had is said plainly, and
# the tests that need it are skipped: they say so themselves.
set -uo pipefail

declare -A why=(
    [chromium]="a real browser drives the console"
    [espeak-ng]="speech that is heard in recordings"
    [mariadb-server]="a real server to read call records from"
    [sip-tester]="real telephones call a real Asterisk"
    [sox]="recordings in formats that our own code did not write"
    [ffmpeg]="recordings in formats that our own code did not write"
    [age]="packs are opened with the stock tool"
    [restic]="the bench compares with it"
    [borgbackup]="the bench compares with it"
)

# In words to begin with: dpkg knows what is there without asking anybody.
missing=()
for package in "${!why[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | cut -c1-2)" = ii ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

tell() {
    echo "Not installed, so the tests that need them are skipped:"
    local package
    for package in "$@"; do echo "  $package: ${why[$package]}"; done
}

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        tell "${missing[@]}"
        echo "To have them: sudo apt-get install ${missing[*]}"
        exit 0
    fi
    as_root=(sudo -n)
fi
if ! command -v apt-get >/dev/null; then
    tell "${missing[@]}"
    exit 0
fi

# RUNLEVEL: what is installed for a test is not to be started as a service of this machine.
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq "$@" >/dev/null 2>&1
}

echo "Installing for the tests: ${missing[*]}"
for _ in 1 2 3; do apt update && break; sleep 5; done
if ! apt install --yes --no-install-recommends "${missing[@]}"; then
    # One that this distribution does not have must not cost the others.
    left=()
    for package in "${missing[@]}"; do
        apt install --yes --no-install-recommends "$package" || { sleep 2; apt install --yes --no-install-recommends "$package"; } || left+=("$package")
    done
    [ ${#left[@]} -gt 0 ] && tell "${left[@]}"
fi
exit 0

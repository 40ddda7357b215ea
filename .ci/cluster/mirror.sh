#!/usr/bin/env bash
# Print the address from which this machine takes Debian's packages:  mirror.sh debian|debian-security
set -euo pipefail
shopt -s nullglob
found=$(awk -v end="/$1/?\$" '($1 == "URIs:" || $1 == "deb") && $2 ~ end {print $2; exit}' \
    /etc/apt/sources.list.d/*.sources /etc/apt/sources.lis[t])
if [ -z "$found" ]; then
    echo "no address of $1 in the apt sources of this machine (Debian 12 is expected)" >&2
    exit 1
fi
echo "$found"

#!/usr/bin/env bash
# A Docker engine of our own, and a base image where no registry can be reached:
#   docker.sh up DIR | down DIR
# Export DOCKER_HOST=unix://DIR/docker.sock to talk to it. Needs root, docker.io and mmdebstrap.
#
# The base image has the packages of Debian's slim image, taken from the same archive, and not
# its bytes; it also carries this machine's certificates, so that pip and uv work in the build.
set -euo pipefail
action=$1 dir=$(realpath -m "$2")
here=$(realpath "$(dirname "$0")")
export DOCKER_HOST=unix://$dir/docker.sock
base=debian:bookworm-slim

down() {
    if [ -s "$dir/docker.pid" ]; then kill "$(cat "$dir/docker.pid")" 2>/dev/null || true; fi
}

engine_up() {
    if docker version >/dev/null 2>&1; then return; fi
    setsid dockerd --host "$DOCKER_HOST" --data-root "$dir/docker" --exec-root "$dir/docker-exec" \
        --pidfile "$dir/docker.pid" >"$dir/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 120); do
        if docker version >/dev/null 2>&1; then return; fi
        sleep .5
    done
    echo "the Docker engine does not answer:" >&2
    tail -n 20 "$dir/dockerd.log" >&2
    return 1
}

base_image() {
    trap 'tail -n 20 "$dir/mmdebstrap.log" >&2' ERR
    if docker image inspect $base >/dev/null 2>&1; then return; fi
    local debian security certificates=/etc/ssl/certs/ca-certificates.crt
    debian=$("$here/mirror.sh" debian)
    security=$("$here/mirror.sh" debian-security)
    printf '[global]\ncert = %s\n' /usr/local/share/ca-certificates/host-ca.crt >"$dir/pip.conf"
    printf 'system-certs = true\n' >"$dir/uv.toml"
    TMPDIR=/dev/shm mmdebstrap --quiet --variant=minbase \
        --aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='mkdir -p "$1"/etc/uv "$1"/usr/local/share/ca-certificates' \
        --customize-hook="upload $certificates /usr/local/share/ca-certificates/host-ca.crt" \
        --customize-hook="upload $dir/pip.conf /etc/pip.conf" \
        --customize-hook="upload $dir/uv.toml /etc/uv/uv.toml" \
        --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin' \
        bookworm - "deb $debian bookworm main" "deb $debian bookworm-updates main" \
        "deb $security bookworm-security main" 2>"$dir/mmdebstrap.log" |
        docker import --change 'CMD ["bash"]' - $base >/dev/null
}

up() {
    mkdir -p "$dir"
    engine_up
    base_image
    docker version --format 'Docker {{.Server.Version}}'
}

"$action"

#!/usr/bin/env bash
# Install what the rehearsal needs on Debian 12:  packages.sh DIR
# Docker, SLURM and mmdebstrap from bookworm; Apptainer, which bookworm lacks, from sid, beside
# the C library that it was built with. Hosts are those of this machine's own apt sources.
set -euo pipefail
dir=$(realpath -m "$1")
here=$(realpath "$(dirname "$0")")
mkdir -p "$dir"
export DEBIAN_FRONTEND=noninteractive
retry=(-o Acquire::Retries=3)

from_bookworm() {
    apt-get "${retry[@]}" -qq update
    apt-get "${retry[@]}" -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends \
        docker.io iptables mmdebstrap slurm-wlm munge \
        python3 patchelf squashfs-tools squashfuse fuse2fs uidmap containernetworking-plugins
}

apptainer_from_sid() {
    local apt=$dir/apt-sid root=$dir/apt-sid/root libraries=/opt/apptainer-libs options package mirror
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,debs} "$root" $libraries
    mirror=$("$here/mirror.sh" debian)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" \
        >"$apt/sources.list"
    options=(
        "${retry[@]}" -qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root
    )
    apt-get "${options[@]}" update
    (cd "$apt/debs" && apt-get "${options[@]}" download \
        apptainer/sid libc6/sid libseccomp2/sid libsqlite3-0/sid)
    for package in "$apt"/debs/*.deb; do dpkg-deb -x "$package" "$root"; done
    cp -a "$root"/usr/lib/x86_64-linux-gnu/*.so* $libraries/
    cp -a "$root/etc/apptainer" /etc/
    cp -a "$root/usr/lib/x86_64-linux-gnu/apptainer" /usr/lib/x86_64-linux-gnu/
    cp -a "$root/usr/bin/apptainer" /usr/bin/
    mkdir -p /var/lib/apptainer/mnt/session
    local binary
    for binary in /usr/bin/apptainer /usr/lib/x86_64-linux-gnu/apptainer/bin/starter; do
        patchelf --force-rpath --set-interpreter $libraries/ld-linux-x86-64.so.2 \
            --set-rpath $libraries:/usr/lib/x86_64-linux-gnu $binary
    done
    ln -sf apptainer /usr/bin/singularity
    # Root has no more rights in a container here than a user.
    sed -i 's/^root default capabilities = full/root default capabilities = no/' \
        /etc/apptainer/apptainer.conf
}

# All that is said goes to a log, whose end is told when something fails.
exec 3>&1 4>&2 >"$dir/packages.log" 2>&1
# shellcheck disable=SC2154  # code is set in the trap itself
trap 'code=$?; if [ "$code" != 0 ]; then tail -n 25 "$dir/packages.log" >&4; fi; exit "$code"' EXIT
from_bookworm
if ! command -v apptainer; then apptainer_from_sid; fi
chmod 666 /dev/fuse # users mount the image file itself
apptainer --version >&3

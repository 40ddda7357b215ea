#!/usr/bin/env bash
# One-node SLURM on this machine, without systemd:  slurm.sh up DIR | down DIR
# Jobs may use no more memory than they asked for: the kernel kills what takes more.
# Export SLURM_CONF=DIR/slurm.conf to talk to it. Needs root, slurm-wlm and munge.
set -euo pipefail
action=$1 dir=$(realpath -m "$2") host=$(hostname -s)

down() {
    for name in slurmd slurmctld; do
        if [ -s "$dir/$name.pid" ]; then kill "$(cat "$dir/$name.pid")" 2>/dev/null || true; fi
    done
}

write_configuration() {
    local memory
    memory=$(($(awk '/MemTotal/{print $2}' /proc/meminfo) / 1024 - 512))
    cat >"$dir/slurm.conf" <<EOF
ClusterName=ci
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=$dir/log/jobcomp.log
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=2000
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
SwitchType=switch/none
ReturnToService=2
PropagateResourceLimits=NONE
MinJobAge=300
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=ci Nodes=$host Default=YES MaxTime=04:00:00 State=UP
EOF
    local cgroup=autodetect
    # SLURM 22 does not find out by itself where both versions are mounted.
    if [ -d /sys/fs/cgroup/memory ]; then cgroup=cgroup/v1; fi
    printf 'CgroupPlugin=%s\nCgroupMountpoint=/sys/fs/cgroup\nConstrainRAMSpace=yes\n' \
        "$cgroup" >"$dir/cgroup.conf"
}

munge_up() {
    install -d -o munge -g munge -m 755 /run/munge
    if [ ! -s /etc/munge/munge.key ]; then
        (umask 377 && head -c 1024 /dev/urandom >/etc/munge/munge.key)
        chown munge: /etc/munge/munge.key
    fi
    if munge -n >/dev/null 2>&1; then return; fi
    runuser -u munge -- /usr/sbin/munged
    for _ in $(seq 40); do
        if munge -n 2>/dev/null | unmunge >/dev/null 2>&1; then return; fi
        sleep .25
    done
    echo "munged does not answer" >&2
    return 1
}

up() {
    mkdir -p "$dir"/{state,spool,log}
    chmod 755 "$dir" "$dir/log"
    write_configuration
    munge_up
    export SLURM_CONF=$dir/slurm.conf
    slurmctld -f "$SLURM_CONF"
    slurmd -f "$SLURM_CONF"
    for _ in $(seq 80); do
        if sinfo -h -o %T 2>/dev/null | grep -qx idle; then return; fi
        sleep .5
    done
    echo "SLURM's node does not become idle:" >&2
    tail -n 20 "$dir"/log/slurm*.log >&2
    return 1
}

"$action"

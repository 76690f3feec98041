# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes without QEMU that run what real ones run: an SSH server, and etcd and flanneld when they have what they need.

Nothing but systemd is played: shell scripts wait where path units would.
"""

from __future__ import annotations

import flannel
from clients import listening, wait_for

SSH = {
    "ansible_connection": "ssh",
    "ansible_user": "root",
    "ansible_become": False,
    # Machines of a rack are made anew all the time, so no key is kept, and no connection to one that is gone.
    "ansible_ssh_args": "-o ControlMaster=no -o ConnectTimeout=30",
    "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
}
ETCD = """
while :; do
    until [ -e /etc/ssl/etcd/complete ]; do sleep 0.2; done
    (
        set -a; . /etc/ssl/etcd/etcd.env
        # No fsync: many disks of test machines are slow, and nobody cuts the power here.
        exec setpriv --reuid=etcd --regid=etcd --clear-groups /usr/bin/etcd --unsafe-no-fsync >> /tmp/etcd.log 2>&1
    ) &
    echo $! > /run/etcd.pid
    wait $!
    rm -f /run/etcd.pid
    sleep 1
done
"""
# What `systemctl stop` does with it; it is all right when it does not run.
STOP_ETCD = (
    "if [ -e /run/etcd.pid ]; then kill $(cat /run/etcd.pid); fi; while [ -e /run/etcd.pid ]; do sleep 0.1; done"
)
RESTART_ETCD = "kill $(cat /run/etcd.pid)"
# flanneld is not in Debian; it lies where nothing else does.
FLANNEL_PLACE = "/srv"
FLANNEL = f"""
while :; do
    until [ -e /etc/ssl/etcd/flannel-complete ]; do sleep 0.2; done
    (
        set -a; . /etc/ssl/etcd/flannel.env
        exec {FLANNEL_PLACE}/{flannel.PROGRAM} --ip-masq >> /tmp/flannel.log 2>&1
    ) &
    echo $! > /run/flannel.pid
    wait $!
    rm -f /run/flannel.pid
    sleep 1
done
"""
RESTART_FLANNEL = "kill $(cat /run/flannel.pid)"
# As much of a container engine as playbooks/verify.yml uses: a container is a network namespace in flannel's subnet,
# with busybox for an image.
ENGINE = r"""#!/bin/bash
set -eu
. /run/flannel/subnet.env
own=${FLANNEL_SUBNET%/*} command=$1
shift
case $command in
run)
    [ "$1" = -d ] && detach=yes && shift || detach=
    while [[ $1 == --* ]]; do
        case $1 in --name) name=$2; shift 2 ;; --label) shift 2 ;; *) shift ;; esac
    done
    [ "$1" = busybox ] || { echo "no such image: $1" >&2; exit 125; }
    shift
    ip link show containers > /dev/null 2>&1 || {
        ip link add containers type bridge
        ip addr add "$FLANNEL_SUBNET" dev containers
        ip link set containers mtu "$FLANNEL_MTU" up
    }
    echo 1 > /proc/sys/net/ipv4/ip_forward
    [ $detach ] && number=2 || number=3
    ip netns add "$name"
    ip link add "c$number" mtu "$FLANNEL_MTU" type veth peer name eth0 netns "$name"
    ip link set "c$number" master containers up
    ip -n "$name" link set lo up
    ip -n "$name" addr add "${own%.*}.$number/${FLANNEL_SUBNET#*/}" dev eth0
    ip -n "$name" link set eth0 mtu "$FLANNEL_MTU" up
    ip -n "$name" route add default via "$own"
    [ -e /opt/busybox ] || { mkdir /opt/busybox; busybox --install -s /opt/busybox; }
    program=(ip netns exec "$name" env PATH=/opt/busybox "$@")
    if [ $detach ]; then
        setsid "${program[@]}" < /dev/null > /dev/null 2>&1 &
        echo "$name"
    else
        status=0
        "${program[@]}" || status=$?
        ip netns delete "$name"
        exit $status
    fi
    ;;
inspect) ip -n "$1" -4 -o addr show dev eth0 | sed 's/.*inet //; s,/.*,,' ;;
rm)
    shift
    for name; do
        ip netns pids "$name" 2> /dev/null | xargs -r kill -9
        ip netns delete "$name" 2> /dev/null || true
    done
    ;;
*) echo "$command: not known here" >&2; exit 125 ;;
esac
"""


class LightNode:
    """A machine of the rack with an address, an SSH server and the stand-ins for its units."""

    def __init__(self, rack, name, mac, address, overlay=False):
        self.rack, self.name, self.mac, self.address, self.overlay = rack, name, mac, address, overlay
        self.start()

    def start(self):
        """A blank machine."""
        binds = [(str(flannel.ensure_flannel()), FLANNEL_PLACE, True)] if self.overlay else []
        self.machine = self.rack.add_node(self.name, self.mac, binds)
        key = (self.rack.directory / "id_ed25519.pub").read_text()
        self.machine.run(
            f"ip addr add {self.address}/24 dev eth0; ip route add default via 10.10.0.1;"
            "ssh-keygen -A > /dev/null; mkdir -p -m 700 /root/.ssh /run/sshd; cat > /root/.ssh/authorized_keys;"
            "install -d -o etcd -g etcd -m 700 /var/lib/etcd; rm -rf /var/lib/etcd/*; /usr/sbin/sshd",
            input=key,
        )
        self.units = [self.machine.popen(script) for script in [ETCD, *([FLANNEL] if self.overlay else [])]]
        self.machine.run("cat > /usr/local/bin/engine; chmod +x /usr/local/bin/engine", input=ENGINE)
        wait_for(lambda: listening(self.machine, 22), f"{self.name} listens on 22", 60)

    def lose(self):
        """Gone with its disk."""
        self.rack.remove_node(self.name)
        for unit in self.units:
            unit.wait(60)

    def variables(self):
        """Its line in the inventory."""
        key = str(self.rack.directory / "id_ed25519")
        return {"mac_address": self.mac, "ipv4_address": self.address, "ansible_ssh_private_key_file": key, **SSH}

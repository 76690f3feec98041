# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that installs a machine from its live system. Its settings are in install.env beside it."""

from __future__ import annotations

SCRIPT = r"""#!/bin/bash
# Installs this machine; made by pfrack.cluster. Ends with a restart, or with a reason and an untouched disk.
set -u -o pipefail
. "$(dirname "$0")/install.env"
WORK=/run/pfrack
MARKER=pfrack-install-id
# The disk of an image that never ran has this identity; its first boot makes another one.
FRESH="00000000-0000-0000-0000-000000000001 00000000-0000-4000-a000-000000000001"
MAC=$(cat /sys/class/net/*/address 2> /dev/null | grep -v '^00:00:00:00:00:00$' | paste -s -d ,)
case $FAMILY in fedora-coreos) LABEL=boot ;; *) LABEL=OEM ;; esac
mkdir -p $WORK/mount

say() { echo "pfrack-install: $*"; }

# The router's web server logs what is asked for, that is how the progress is known; there is nothing to get.
at() { curl -s -m 5 -o /dev/null "$URL/at/$1?mac=$MAC&disk=${disk:-}" || true; }

refuse() { say "$2; nothing was changed"; at "refused-$1"; exit 2; }

failed() { say "$2"; at "failed-$1"; exit 1; }

# Disks that can be installed to: bytes and device.
disks() {
    lsblk -dnbpo SIZE,NAME,TYPE,RO,RM | while read -r size name type ro rm; do
        case $name in /dev/zram* | /dev/ram* | /dev/loop* | /dev/nbd* | /dev/fd* | /dev/sr*) continue ;; esac
        [ "$type" = disk ] && [ "$ro" = 0 ] && [ "$rm" = 0 ] && [ "$size" -ge "$LEAST_BYTES" ] && echo "$size $name"
    done
    true
}

choose_disk() {
    local found
    case $DISK in
    /*)
        disk=$(readlink -f "$DISK")
        [ -b "$disk" ] || refuse no-disk "there is no disk $DISK; disks: $(disks | paste -s -d ,)"
        [ "$(lsblk -dnro TYPE "$disk")" = disk ] || refuse no-disk "$DISK is not a whole disk"
        return ;;
    only)
        found=$(disks | cut -d ' ' -f 2)
        [ "$(echo "$found" | wc -w)" -le 1 ] ||
            refuse several-disks "which disk? there are $(disks | paste -s -d ,); set install_disk" ;;
    smallest) found=$(disks | sort -n | head -n 1 | cut -d ' ' -f 2) ;;
    largest) found=$(disks | sort -n | tail -n 1 | cut -d ' ' -f 2) ;;
    # By their place in the machine, because the kernel's numbers change from start to start.
    first_nvme) found=$(for path in /dev/disk/by-path/*nvme*; do readlink -f "$path"; done |
        grep -x '/dev/nvme[0-9]*n[0-9]*' | head -n 1) ;;
    *) refuse bad-rule "install_disk: $DISK: is no rule" ;;
    esac
    disk=$found
    [ -b "$disk" ] || refuse no-disk "no disk is there for install_disk: $DISK; disks: $(disks | paste -s -d ,)"
}

# The device of the partition of a disk that takes our marker.
marked_partition() {
    lsblk -nrpo NAME,PARTLABEL "$1" | while read -r name label; do
        if [ "$label" = "$LABEL" ]; then echo "$name"; fi
    done | head -n 1
}

# The id of the installation that a disk carries; nothing when it is not one of ours.
installed_id() {
    local partition
    partition=$(marked_partition "$1")
    [ -n "$partition" ] && mount -o ro "$partition" $WORK/mount 2> /dev/null || return 0
    head -c 64 "$WORK/mount/$MARKER" 2> /dev/null | tr -dc 'a-z0-9'
    umount $WORK/mount
}

# blank, fresh (an image that never ran, as an interrupted installation leaves it) or foreign.
content() {
    local identity
    identity=$(blkid -p -s PTUUID -o value "$1" 2> /dev/null)
    if [ -n "$identity" ] && [[ " $FRESH " == *" $identity "* ]]; then
        echo fresh
    elif [ -z "$(lsblk -nro TYPE "$1" | tail -n +2)" ] && [ -z "$(wipefs --noheadings "$1" 2> /dev/null)" ] &&
        cmp -s -n 1048576 "$1" /dev/zero; then
        echo blank
    else
        echo foreign
    fi
}

# Without the token this machine boots its disk from now on.
finish() {
    local try
    at "$1"
    if [ "$ID" != default ]; then
        for try in 1 2 3 4 5; do
            curl -fsS -m 10 -o /dev/null -X DELETE "$URL/" && break
            [ "$(curl -s -m 10 -o /dev/null -w '%{http_code}' "$URL/token")" = 404 ] && break
            # It will be tried again after the restart; the marker on the disk prevents another installation.
            [ $try -lt 5 ] || { say "the router does not remove this machine's token"; at token-stays; }
            sleep 5
        done
    fi
    say "restarting"
    sync
    systemctl --no-block reboot
    exit 0
}

fetch() {
    curl -fsS --retry 10 --retry-connrefused --retry-delay 2 -o "$2" "$1" ||
        failed no-config "$1 cannot be read"
}

write_image() {
    case $FAMILY in
    flatcar) flatcar-install -d "$disk" -b "$BASE" -V "$VERSION" -i $WORK/config ;;
    coreos) coreos-install -d "$disk" -b "$BASE" -V "$VERSION" -c $WORK/config ;;
    fedora-coreos) coreos-installer install "$disk" --ignition-file $WORK/config ;;
    esac
}

mark() {
    local partition
    udevadm settle
    partition=$(marked_partition "$disk")
    [ -n "$partition" ] && mount "$partition" $WORK/mount && echo "$ID" > "$WORK/mount/$MARKER" && sync &&
        umount $WORK/mount
}

disk=
at started
udevadm settle
for candidate in $(disks | cut -d ' ' -f 2); do
    if [ "$(installed_id "$candidate")" = "$ID" ]; then
        disk=$candidate
        say "this machine is installed already, on $disk"
        finish was-installed
    fi
done
choose_disk
other=$(installed_id "$disk")
if [ -n "$other" ]; then
    if [ "$REPLACE" != yes ]; then
        say "$disk carries an installation; playbooks/reprovision.yml replaces it on purpose"
        finish kept-installation
    fi
elif [ "$(content "$disk")" = foreign ] && [ "$WIPE" != yes ]; then
    refuse foreign-data "$disk holds data that is not ours ($(wipefs --noheadings -o TYPE,LABEL "$disk" 2> /dev/null |
        paste -s -d ,)); set install_wipe for this node to lose them"
fi
fetch "$CONFIG" $WORK/config
say "installing to $disk"
at writing
umask 077
write_image > $WORK/log 2>&1 || { cat $WORK/log; failed image "the image could not be installed on $disk"; }
cat $WORK/log
mark || failed marker "the installed disk $disk could not be marked"
finish installed
"""

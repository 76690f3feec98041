# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which change of etcd's membership is safe now, and why another one is not.

A member: {id, name, peer_urls, learner, healthy, alarms}. A member that never ran has no name yet.
"""

from __future__ import annotations

from ..errors import DesiredError

MOST_VOTERS = 7
ALARMS = {
    "NOSPACE": "its database is full, and etcd takes nothing new: let it forget old revisions (etcdctl compact, "
    "etcdctl defrag), or raise --quota-backend-bytes, then etcdctl alarm disarm",
    "CORRUPT": "its data differ from those of the others, so it counts as down: let it join again as a blank machine "
    "(playbooks/reprovision.yml), then etcdctl alarm disarm",
}


def quorum(voters):
    """How many of so many voters must agree."""
    return voters // 2 + 1


def find(members, name, peer_url=None):
    """The member of this name; one that never ran is known by its peer URL. None when there is none."""
    for member in members:
        if member["name"] == name or (not member["name"] and peer_url in member["peer_urls"]):
            return member
    return None


def initial_cluster(members, name, peer_url):
    """The value of --initial-cluster for a member that joins: all members, by the names that they run under."""
    pairs = []
    for member in members:
        own = find([member], name, peer_url) is not None
        pairs += ["%s=%s" % (name if own else member["name"], url) for url in member["peer_urls"]]
    return ",".join(sorted(pairs))


def check_add(members, name):
    """Raises DesiredError unless a learner may join now."""
    voters = [member for member in members if not member["learner"]]
    dead = _names([member for member in voters if not member["healthy"]])
    learners = _names([member for member in members if member["learner"]])
    if dead:
        raise DesiredError(
            "etcd: %s: cannot join while %s is down: with one more member the cluster would need one more that is up. "
            "Bring it back, or remove it first (etcd_member, state: absent)" % (name, dead)
        )
    if learners:
        raise DesiredError(
            "etcd: %s: cannot join while %s is still learning; start that one and promote it, or remove it first"
            % (name, learners)
        )
    if len(voters) >= MOST_VOTERS:
        raise DesiredError(
            "etcd: %s: there are %d members already, and every write goes to all of them; make it a worker instead"
            % (name, len(voters))
        )


def check_promote(members, member):
    """Raises DesiredError unless the learner may get a vote now."""
    voters = [other for other in members if not other["learner"]]
    healthy = [other for other in voters if other["healthy"]]
    if len(healthy) + 1 < quorum(len(voters) + 1) or len(healthy) < len(voters):
        raise DesiredError(
            "etcd: %s: gets no vote while %s is down; bring that one back first"
            % (member["name"], _names([other for other in voters if not other["healthy"]]))
        )


def check_remove(members, member):
    """Raises DesiredError when the cluster would not survive without this member."""
    if member["learner"]:
        return
    others = [other for other in members if not other["learner"] and other["id"] != member["id"]]
    healthy = [other for other in others if other["healthy"]]
    if not others:
        raise DesiredError(
            "etcd: %s: is the only member, and all data would go with it; add another one first, or take a backup and "
            "end etcd on the node by hand" % member["name"]
        )
    if len(healthy) < quorum(len(others)):
        raise DesiredError(
            "etcd: %s: cannot go: of the %d members left only %d would be up, and %d are needed. Bring %s back, or "
            "remove it first"
            % (
                member["name"],
                len(others),
                len(healthy),
                quorum(len(others)),
                _names([other for other in others if not other["healthy"]]),
            )
        )


def check_quorum(members):
    """Raises DesiredError when etcd cannot change anything at all."""
    voters = [member for member in members if not member["learner"]]
    healthy = [member for member in voters if member["healthy"]]
    if len(healthy) < quorum(len(voters)):
        raise DesiredError(
            "etcd: has lost its quorum: %d of %d members are up, %d are needed. Bring %s back; if that is impossible, "
            "restore a backup (playbooks/etcd_restore.yml)"
            % (
                len(healthy),
                len(voters),
                quorum(len(voters)),
                _names([member for member in voters if not member["healthy"]]),
            )
        )


def alarm_warnings(members):
    """What an alarm means, a line for each. Until it is disarmed etcd keeps it, whatever became of its reason."""
    return [
        "etcd: %s: alarm %s: %s"
        % (member["name"] or member["id"], alarm, ALARMS.get(alarm, "see `etcdctl alarm list` on a member"))
        for member in members
        for alarm in member.get("alarms") or []
    ]


def _names(members):
    return ", ".join(sorted(member["name"] or member["id"] for member in members))

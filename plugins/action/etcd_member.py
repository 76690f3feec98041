# Copyright: (c) 2026, pfrack.cluster contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of etcd_member: it works on the controller."""

from __future__ import annotations

from ansible_collections.pfrack.cluster.plugins.module_utils.errors import DesiredError
from ansible_collections.pfrack.cluster.plugins.module_utils.etcd import members as membership
from ansible_collections.pfrack.cluster.plugins.module_utils.specs.etcd_member import SPEC
from ansible_collections.pfrack.cluster.plugins.plugin_utils.controller_action import ControllerAction, etcd_client
from ansible_collections.pfrack.cluster.plugins.plugin_utils.etcd_client import EtcdError, wait_for

# Seconds that members may take to agree after a change; one that is down for longer counts as dead.
SETTLING = 30


class ActionModule(ControllerAction):
    """One change of the membership, if it is safe."""

    SPEC = SPEC

    def act(self, params):
        self.client = etcd_client(params)
        members = self._settled(params)
        membership.check_quorum(members)
        return {"learner": self._learner, "member": self._member, "absent": self._absent}[params["state"]](
            params, members
        )

    def _settled(self, params):
        """The members, when those that stay are up; after a change there may be no leader for a moment."""
        seen = []

        def look():
            seen[:] = self.client.members()
            return all(member["healthy"] or member["name"] == params["name"] or member["learner"] for member in seen)

        wait_for(look, SETTLING if params["state"] == "learner" else 0)
        return seen or self.client.members()

    def _persist(self, change):
        """Make the change, which looks itself whether it was made.

        etcd takes none before its members have been connected for some seconds.
        """

        def attempt():
            try:
                change()
                return True
            except EtcdError as error:
                problems.append(error)
                if error.kind != "unreachable":
                    raise DesiredError("etcd: %s" % error) from error
                return False

        problems = []
        if not wait_for(attempt, SETTLING):
            raise problems[-1]

    def _add(self, params):
        if not membership.find(self.client.members(), params["name"], params["peer_url"]):
            self.client.add_learner(params["peer_url"])

    def _remove(self, member_id):
        if any(member["id"] == member_id for member in self.client.members()):
            self.client.remove(member_id)

    def _absent(self, params, members):
        member = membership.find(members, params["name"], params["peer_url"])
        if not member:
            return _result(False, members, params)
        membership.check_remove(members, member)
        left = [other for other in members if other is not member]
        if not self._task.check_mode:
            self._persist(lambda: self._remove(member["id"]))
            left = self.client.members()
        return _result(True, left, params)

    def _learner(self, params, members):
        member = membership.find(members, params["name"], params["peer_url"])
        if member and params["replace"]:
            if member["healthy"]:
                raise DesiredError(
                    "etcd: %s: is up, so there is nothing to replace; is it another machine that runs under this name? "
                    "Remove the member first (state: absent)" % params["name"]
                )
            # The dead one first: an added one would raise the number that is needed.
            membership.check_remove(members, member)
            members = [other for other in members if other is not member]
            if not self._task.check_mode:
                gone = member["id"]
                self._persist(lambda: self._remove(gone))
            member = None
        if member:
            return _result(False, members, params)
        membership.check_add(members, params["name"])
        if not self._task.check_mode:
            self._persist(lambda: self._add(params))
            members = self.client.members()
        else:
            members = [*members, {"id": "", "name": "", "peer_urls": [params["peer_url"]], "learner": True}]
        return _result(True, members, params)

    def _member(self, params, members):
        def ready():
            """The member, when it may get its vote; etcd itself refuses one that has not caught up."""
            now = self.client.members()
            member = membership.find(now, params["name"], params["peer_url"])
            if not member or not member["learner"]:
                return member
            if member["healthy"]:
                membership.check_promote(now, member)
                try:
                    self.client.promote(member["id"])
                except EtcdError as error:
                    self.last = str(error)
                    return None
                return member
            self.last = "it does not answer yet"
            return None

        def known():
            """Right after it was added there may be no leader that could tell."""
            return membership.find(self.client.members(), params["name"], params["peer_url"])

        self.last = "it is not a member; add it first (state: learner)"
        member = membership.find(members, params["name"], params["peer_url"])
        if member and not member["learner"]:
            return _result(False, members, params)
        if self._task.check_mode:
            return _result(True, members, params)
        if not (member or wait_for(known, SETTLING)) or not wait_for(ready, params["timeout"]):
            raise DesiredError(
                "etcd: %s: cannot get a vote: %s; look at `journalctl -u etcd-member` on the node"
                % (params["name"], self.last)
            )
        return _result(True, self.client.members(), params)


def _result(changed, members, params):
    return {
        "changed": changed,
        "members": members,
        "initial_cluster": membership.initial_cluster(members, params["name"], params["peer_url"]),
    }

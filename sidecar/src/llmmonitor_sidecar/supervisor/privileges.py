"""From root with NET_ADMIN, SETUID and SETGID to uid 65532 with NET_ADMIN alone; children have nothing.

The order matters: /proc/self/oom_score_adj can be written only before leaving root, and leaving root clears
the effective capabilities, so that the permitted ones must be kept over it. The uid is the relay's too,
because a root supervisor without CAP_KILL could not signal its children (EPERM). Nothing is executed after
this, so no capability needs to be ambient.
"""

from __future__ import annotations

import logging
import os

from llmmonitor_sidecar import linux

UNPRIVILEGED_ID = 65532
"""User and group; "nonroot" of distroless images."""
KEPT = frozenset({linux.CAP_NET_ADMIN})

_log = logging.getLogger(__name__)


class NotPermittedError(PermissionError):
    """A capability is missing; the message names it and the way out."""


def give_way_to_the_model() -> None:
    """What every mode does: be the first to be killed when memory runs out, and gain nothing by execve."""
    try:
        linux.offer_to_oom_killer()
    except OSError as error:
        _log.warning("oom_score_adj stays as it is: %s", error)
    linux.forbid_new_privileges()


def keep_net_admin_only() -> None:
    """Leave root, if we are root, and keep NET_ADMIN.

    Raises:
        NotPermittedError: when NET_ADMIN, or SETUID and SETGID to leave root with, are missing.
    """
    if linux.CAP_NET_ADMIN not in linux.capabilities():
        raise NotPermittedError(
            "NET_ADMIN is missing: run as root with capabilities.add [NET_ADMIN, SETUID, SETGID],"
            " or use interception.mode Off"
        )
    if os.geteuid() == 0:
        linux.keep_capabilities_over_setuid()
        try:
            os.setgroups([])
            os.setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
            os.setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        except PermissionError as error:
            raise NotPermittedError(
                f"root cannot be left ({error}): capabilities.add needs SETUID and SETGID beside NET_ADMIN"
            ) from error
    linux.keep_only_capabilities(KEPT)


def keep_nothing() -> None:
    """A child of the transparent supervisor: no capability at all."""
    linux.keep_only_capabilities(frozenset())


def leave_everything() -> None:
    """Leave root, if we are root and may, and keep no capability: for a process that only waits."""
    try:
        give_way_to_the_model()
        keep_net_admin_only()
    except OSError as error:
        _log.debug("privileges stay until they are dropped altogether: %s", error)
    keep_nothing()

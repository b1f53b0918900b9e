"""Of two installations, the command that removes what one has left removes nothing of the other."""

from __future__ import annotations

from tests.operator.kube_server import KubeServer

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.reconcile.keep.checkpoints import Checkpoints
from llmmonitor_operator.reconcile.keep.signing_key import SigningKeys
from llmmonitor_operator.state import State


async def test_keys_and_checkpoints_say_whose_they_are(kube: Kube, server: KubeServer) -> None:
    for name in ("team-a", "team-b"):
        await SigningKeys(kube, "monitoring", name).load()
        checkpoints = Checkpoints(kube, "monitoring", name)
        await checkpoints.load(f"uid-{name}")
        await checkpoints.save(f"uid-{name}", "prod", name, State(), 0.0)

    listed = [
        one["metadata"]
        for path in (paths.secrets("monitoring"), paths.config_maps("monitoring"))
        for one in (await kube.get(path))["items"]
        if one["metadata"]["labels"]["llmmonitor.io/kept"] == "team-a"
    ]

    assert {one["name"] for one in listed} == {"team-a-signing-key", "team-a-checkpoint-uid-team-a"}
    assert len(server.writes()) == 4

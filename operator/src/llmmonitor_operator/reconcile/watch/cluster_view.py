"""What the leader sees of the cluster: mirrors of the kinds that decide about injection, and of pods.

Small kinds (namespaces, quotas, limit ranges, FailedCreate events) are mirrored wherever monitors may be;
pods only in namespaces that have a monitor, or had one whose sidecars still have to be told to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Unavailable
from llmmonitor_operator.kube.mirror import Keep, Mirror, without_managed_fields
from llmmonitor_operator.kube.places import EVERYWHERE, namespace_in, namespace_mirror, places, within
from llmmonitor_operator.kube.polled import Polled
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.reconcile.watch.kept_pods import kept_pod
from llmmonitor_operator.shards import WHOLE, Shard

FAILED_CREATE = "reason=FailedCreate"
READ_SECONDS = 30.0
"""A pass that cannot see its pods fails after it, rather than to wait without a word."""

_LISTS_AT_ONCE = 2
"""When leading begins there are as many to be read as namespaces with monitors; what they take of the event
loop must leave the lease its turns."""

NamespaceChanged = Callable[[str], None]
"""Called with a namespace in which something changed."""


class ClusterView:
    """Everything the passes look at, beside the monitors themselves."""

    def __init__(
        self,
        kube: Kube,
        watch_namespaces: Iterable[str],
        changed: NamespaceChanged,
        *,
        read_seconds: float = READ_SECONDS,
        shard: Shard = WHOLE,
    ) -> None:
        """Nothing is looked at yet.

        Args:
            kube: a connection to the API server.
            watch_namespaces: where to look; empty: everywhere.
            changed: see there.
            read_seconds: for how long what is read first is waited for.
            shard: what is in others' namespaces is not kept.
        """
        self._shard = shard
        self._turn = asyncio.Semaphore(_LISTS_AT_ONCE)
        self._kube = kube
        self._read_seconds = read_seconds
        self._changed = changed
        self._places = places(watch_namespaces)
        self._quotas = self._everywhere(paths.resource_quotas)
        self._limits = self._everywhere(paths.limit_ranges)
        self._failed = self._everywhere(paths.events, field_selector=FAILED_CREATE)
        self._services = self._everywhere(paths.services)
        self._namespaces = [
            namespace_mirror(kube, place, lambda _kind, thing: changed(thing["metadata"]["name"]))
            for place in self._places
        ]
        self._pods: dict[str, tuple[Mirror, asyncio.Task[None]]] = {}
        self._by_age: dict[str, tuple[int, list[dict[str, Any]]]] = {}
        """By namespace: its pods in order, and after how many changes among them that was so."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended: asyncio.Queue[asyncio.Task[None]] = asyncio.Queue()
        """Tasks that ended without being told to."""

    def _everywhere(self, path: Callable[[str], str], *, field_selector: str = "") -> list[Mirror]:
        return [self._mirror(path(place), field_selector=field_selector) for place in self._places]

    def _mirror(self, path: str, *, field_selector: str = "", keep: Keep = without_managed_fields) -> Mirror:
        def on_change(_kind: str, thing: dict[str, Any]) -> None:
            self._changed(thing["metadata"]["namespace"])

        return Mirror(
            self._kube,
            path,
            keep=keep,
            turn=self._turn,
            on_change=on_change,
            field_selector=field_selector,
            wanted=lambda thing: self._shard.has(thing["metadata"]["namespace"]),
        )

    async def start(self) -> None:
        """Begin to look; returns when all small kinds are known, but for namespaces that may not be read.

        Raises:
            Unavailable: one is not, in the API server's own words: without it nothing could be judged.
        """
        mirrors = [*self._quotas, *self._limits, *self._failed, *self._services, *self._namespaces]
        self._tasks = {self._run(mirror) for mirror in mirrors}
        for mirror in mirrors:
            wait = mirror.synced if self._places == EVERYWHERE else mirror.answered
            await self._in_time(wait, mirror, mirror.path)

    async def stop(self) -> None:
        """Look no more."""
        tasks = [*self._tasks, *(task for _, task in self._pods.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, mirror: Mirror | Polled) -> asyncio.Task[None]:
        task = asyncio.create_task(mirror.run())
        task.add_done_callback(lambda one: None if one.cancelled() else self._ended.put_nowait(one))
        return task

    async def until_broken(self) -> None:
        """Waits until a mirror has ended, which none does in order: what it held would be judged for ever.

        Raises:
            Exception: what ended it.
        """
        (await self._ended.get()).result()
        raise RuntimeError("a mirror has ended")

    async def watch_pods(self, namespace: str) -> None:
        """See the namespace's pods from now on; returns when all are known, and what is judged beside them.

        Raises:
            Unavailable: they are not yet, or may not be read; it goes on.
        """
        if namespace not in self._pods:
            mirror = self._mirror(paths.pods(namespace), keep=kept_pod)
            self._pods[namespace] = mirror, self._run(mirror)
        await self._read(self._pods[namespace][0], f"pods of namespace {namespace}")
        for beside in self._beside(namespace):
            await self._read(beside, beside.path)

    def _beside(self, namespace: str) -> list[Mirror | Polled]:
        """Where the namespace's other objects are."""
        place = self._places.index(namespace) if namespace in self._places else 0
        kinds = (self._namespaces, self._quotas, self._limits, self._failed, self._services)
        return [mirrors[place] for mirrors in kinds]

    async def _read(self, mirror: Mirror | Polled, what: str) -> None:
        await self._in_time(mirror.answered, mirror, what)
        if not mirror.synced.is_set():
            raise Unavailable(0, "", f"{what} may not be read: {mirror.problem}")

    async def _in_time(self, wait: asyncio.Event, mirror: Mirror | Polled, what: str) -> None:
        if wait.is_set():  # as in nearly every pass, which asks for six: without a timer for each
            return
        try:
            async with asyncio.timeout(self._read_seconds):
                await wait.wait()
        except TimeoutError as error:
            why = mirror.problem or "no answer yet"
            raise Unavailable(0, "", f"{what} not read within {self._read_seconds:g} s: {why}") from error

    def forget_pods(self, namespace: str) -> None:
        """See them no more."""
        self._by_age.pop(namespace, None)
        _, task = self._pods.pop(namespace, (None, None))
        if task:
            task.cancel()

    @property
    def pod_namespaces(self) -> frozenset[str]:
        """Namespaces whose pods are seen."""
        return frozenset(self._pods)

    def pods_changes(self, namespace: str) -> int:
        """Grows with every change among the namespace's pods; 0 before `watch_pods`."""
        return self._pods[namespace][0].changes if namespace in self._pods else 0

    def pods(self, namespace: str) -> list[dict[str, Any]]:
        """The namespace's pods, by age, then name; empty before `watch_pods`."""
        if namespace not in self._pods:
            return []
        mirror = self._pods[namespace][0]
        changes, pods = self._by_age.get(namespace, (-1, []))
        if changes != mirror.changes:
            pods = sorted(mirror.objects.values(), key=_age_order)
            self._by_age[namespace] = mirror.changes, pods
        return list(pods)

    def namespace(self, name: str) -> Raw | None:
        """The namespace itself."""
        return namespace_in(self._namespaces, name)

    def is_ending(self, name: str) -> bool:
        """Whether the namespace is being deleted: nothing can be made in it any more."""
        return "deletionTimestamp" in ((self.namespace(name) or {}).get("metadata") or {})

    def resource_quotas(self, namespace: str) -> list[dict[str, Any]]:
        """The namespace's quotas."""
        return within(self._quotas, namespace)

    def limit_ranges(self, namespace: str) -> list[dict[str, Any]]:
        """The namespace's limit ranges."""
        return within(self._limits, namespace)

    def services(self, namespace: str) -> list[dict[str, Any]]:
        """The namespace's Services."""
        return within(self._services, namespace)

    def failed_creates(self, namespace: str) -> list[dict[str, Any]]:
        """Events that say that a controller could not create a pod there."""
        return within(self._failed, namespace)

    @property
    def problems(self) -> list[str]:
        """Why it may be behind, in words."""
        mirrors = [
            *self._quotas,
            *self._limits,
            *self._failed,
            *self._services,
            *self._namespaces,
            *(mirror for mirror, _ in self._pods.values()),
        ]
        return sorted({mirror.problem for mirror in mirrors if mirror.problem})


def _age_order(pod: Raw) -> tuple[str, str]:
    return pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]

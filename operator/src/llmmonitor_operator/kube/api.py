"""The API server as verbs on raw JSON: authentication, TLS and connections are the kubernetes client's own.

Raw JSON and not the client's models: fields that this version does not know must survive, ten thousand pods
must not become ten thousand object trees, and what is signed or hashed must be what the server said. Every
call has a time-out; what is retried, and for how long, the callers decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict
from urllib.parse import urlencode
from urllib.request import getproxies

import aiohttp
import msgspec
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from llmmonitor_operator.kube.errors import ApiError, Unavailable, error_for

CALL_SECONDS = 10.0
WATCH_SECONDS = 290
"""The server ends a watch after it, as its own default of five to ten minutes would."""
_WATCH_SILENCE_SECONDS = 320.0
PAGE = 500
_ERRORS_FROM = 300
_NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError, config.ConfigException)
"""The last: the token is read anew from its file, which may be missing or empty for a moment."""
_PROXIES = frozenset({"http", "https"})
"""Those that the client heeds, as `getproxies` calls them: not the one that is for all."""
_JSON = "application/json"


class _Metadata(TypedDict, total=False):
    """What is read of it: not who wrote which field (`managedFields`), which is most of it."""

    name: str
    namespace: str
    uid: str
    resourceVersion: str
    generation: int
    creationTimestamp: str | None
    labels: dict[str, str] | None
    annotations: dict[str, str] | None


class _Partial(TypedDict, total=False):
    metadata: _Metadata


class _Partials(TypedDict, total=False):
    metadata: dict[str, Any]
    items: list[_Partial] | None


@dataclass(frozen=True, slots=True)
class _Form:
    """In which an answer is wished for, and what reads it."""

    accept: str
    decoder: msgspec.json.Decoder[Any]


_WHOLE = _Form(_JSON, msgspec.json.Decoder())
_METADATA = _Form(
    f"{_JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,{_JSON}", msgspec.json.Decoder(_Partial)
)
_METADATA_LIST = _Form(
    f"{_JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{_JSON}", msgspec.json.Decoder(_Partials)
)


class Patch(StrEnum):
    """How a patch is meant."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True)
class Listing:
    """Objects of a kind, all or a page of them, as of one resource version."""

    items: list[dict[str, Any]]
    resource_version: str


class Kube:
    """One connection pool to one API server. Made by `connected`."""

    def __init__(self, client: ApiClient, *, call_seconds: float = CALL_SECONDS) -> None:
        """Args: call_seconds: after which a call without an answer is given up."""
        self._client = client
        self._call_seconds = call_seconds

    async def get(self, path: str) -> dict[str, Any]:
        """One object.

        Raises:
            ApiError: as `kube.errors` tells them apart; so do all verbs.
        """
        return await self._call("GET", path)

    async def list(
        self, path: str, *, label_selector: str = "", field_selector: str = "", page: int = PAGE
    ) -> Listing:
        """All objects of a kind, page by page; a page must come within a call's time."""
        return await _all(
            self.pages(path, label_selector=label_selector, field_selector=field_selector, page=page)
        )

    def pages(
        self, path: str, *, label_selector: str = "", field_selector: str = "", page: int = PAGE
    ) -> AsyncIterator[Listing]:
        """The same, a page at a time: ten thousand pods at once take half a gigabyte.

        Raises:
            Gone: it took so long that the rest cannot be had any more.
        """
        selectors = {"labelSelector": label_selector, "fieldSelector": field_selector}
        return self._pages(path, selectors, page)

    async def list_metadata(self, path: str, *, label_selector: str = "") -> Listing:
        """The same of their `metadata` alone, without what they hold, nor who wrote which field."""
        return await _all(self._pages(path, {"labelSelector": label_selector}, metadata_only=True))

    async def _pages(
        self, path: str, selectors: Mapping[str, str], page: int = PAGE, *, metadata_only: bool = False
    ) -> AsyncIterator[Listing]:
        following = ""
        while True:
            found = await self._call(
                "GET",
                path,
                form=_METADATA_LIST if metadata_only else _WHOLE,
                limit=page,
                **{"continue": following},
                **selectors,
            )
            about = found.get("metadata") or {}
            yield Listing(found.get("items") or [], about.get("resourceVersion", ""))
            following = about.get("continue") or ""
            if not following:
                return

    async def create(
        self, path: str, body: Mapping[str, Any], *, dry_run: bool = False, metadata_only: bool = False
    ) -> dict[str, Any]:
        """Create an object in the collection `path`; with `metadata_only` the answer has nothing else."""
        return await self._call("POST", path, body, form=_form(metadata_only), **_dry(dry_run))

    async def replace(
        self, path: str, body: Mapping[str, Any], *, metadata_only: bool = False
    ) -> dict[str, Any]:
        """Put an object in place of another; with its resourceVersion, only of that one.

        With `metadata_only` the answer has nothing else of it.
        """
        return await self._call("PUT", path, body, form=_form(metadata_only))

    async def patch(
        self,
        path: str,
        body: Any,
        kind: Patch = Patch.MERGE,
        *,
        dry_run: bool = False,
        metadata_only: bool = False,
    ) -> dict[str, Any]:
        """Change an object; with `metadata_only` the answer has nothing else of it."""
        form = _form(metadata_only)
        return await self._call("PATCH", path, body, content_type=kind, form=form, **_dry(dry_run))

    async def delete(self, path: str) -> dict[str, Any]:
        """Delete an object."""
        return await self._call("DELETE", path)

    async def own_token(self) -> str:
        """The bearer token by which it is known to the API server; empty where it is known otherwise."""
        headers: dict[str, str] = {}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], "", "GET", None)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""

    async def watch(
        self, path: str, resource_version: str, *, field_selector: str = ""
    ) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Changes since `resource_version`, bookmarks included, until the server ends the watch.

        Raises:
            Gone: the resource version is too old; list anew.
            Unavailable: the connection broke.
        """
        url = _url(
            path,
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=resource_version,
            timeoutSeconds=WATCH_SECONDS,
            fieldSelector=field_selector,
        )
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=self._call_seconds,
            sock_connect=self._call_seconds,
            sock_read=_WATCH_SILENCE_SECONDS,
        )
        try:
            response = await self._request("GET", url, timeout=timeout)
            try:
                if response.status >= _ERRORS_FROM:
                    raise _refusal(response, await response.read())
                async for line in response.content:
                    event = msgspec.json.decode(line)
                    if event["type"] == "ERROR":
                        status = event["object"]
                        raise error_for(
                            status.get("code", 0), status.get("reason", ""), status.get("message", "")
                        )
                    yield event["type"], event["object"]
            finally:
                response.close()
        except (*_NO_ANSWER, ValueError) as error:
            raise _no_answer(f"watch {path}", error) from error

    async def _call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = _JSON,
        form: _Form = _WHOLE,
        **query: str | int,
    ) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=self._call_seconds)
        try:
            async with asyncio.timeout(self._call_seconds):
                response = await self._request(
                    method,
                    _url(path, **query),
                    body,
                    content_type=content_type,
                    accept=form.accept,
                    timeout=timeout,
                )
                data = await response.read()
        except _NO_ANSWER as error:
            raise _no_answer(f"{method} {path}", error) from error
        if response.status >= _ERRORS_FROM:
            raise _refusal(response, data)
        try:
            answer: dict[str, Any] = form.decoder.decode(data)
        except ValueError as error:
            raise _no_answer(f"{method} {path}", error) from error
        if not isinstance(answer, dict):
            raise Unavailable(0, "", f"{method} {path}: the answer is no object: {data[:100]!r}")
        return answer

    async def _request(  # noqa: PLR0913 - all that a request is
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own, per phase
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": accept, "Content-Type": content_type}
        host = self._client.configuration.host
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], url, method, body)
        response = await self._client.rest_client.request(  # type: ignore[no-untyped-call]  # generated
            method, host + url, headers=headers, body=body, _request_timeout=timeout
        )
        raw: aiohttp.ClientResponse = response.response
        return raw


@asynccontextmanager
async def connected(kubeconfig: str = "") -> AsyncIterator[Kube]:
    """A connection with the pod's own ServiceAccount, or by a kubeconfig file.

    Raises:
        kubernetes.aio.config.ConfigException: if there is neither.
    """
    configuration = Configuration()
    if kubeconfig:
        await config.load_kube_config(  # type: ignore[no-untyped-call]  # its own
            config_file=kubeconfig, client_configuration=configuration
        )
    else:
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # same
    async with speaking(configuration) as kube:
        yield kube


@asynccontextmanager
async def speaking(
    configuration: Configuration, *, call_seconds: float = CALL_SECONDS
) -> AsyncIterator[Kube]:
    """A connection by a configuration of the kubernetes client.

    Its pool has no end: a watch keeps a connection for good, there are as many as namespaces with a monitor,
    and the Lease must be renewed beside them. Unasked, the client ends it at 100. And where the environment
    names no proxy it is not looked at: the client does so in threads for each request, for twice the CPU.
    """
    configuration.connection_pool_maxsize = 0
    configuration.client_session_kwargs = {"trust_env": not _PROXIES.isdisjoint(getproxies())}
    async with ApiClient(configuration=configuration) as client:
        yield Kube(client, call_seconds=call_seconds)


async def _all(pages: AsyncIterator[Listing]) -> Listing:
    items: list[dict[str, Any]] = []
    version = ""
    async for page in pages:
        items += page.items
        version = page.resource_version
    return Listing(items, version)


def _form(metadata_only: bool) -> _Form:  # noqa: FBT001 - the callers' own keyword
    return _METADATA if metadata_only else _WHOLE


def _dry(dry_run: bool) -> dict[str, Any]:  # noqa: FBT001 - the callers' own keyword
    return {"dryRun": "All"} if dry_run else {}


def _url(path: str, **query: str | int) -> str:
    given = {key: value for key, value in query.items() if value != ""}
    return f"{path}?{urlencode(given)}" if given else path


def _refusal(response: aiohttp.ClientResponse, data: bytes) -> ApiError:
    try:
        status = msgspec.json.decode(data)
        reason, message = str(status.get("reason", "")), str(status.get("message", ""))
    except (ValueError, AttributeError):
        reason, message = response.reason or "", data[:500].decode(errors="replace")
    return error_for(response.status, reason, message, response.headers.get("Retry-After", ""))


def _no_answer(what: str, error: Exception) -> Unavailable:
    return Unavailable(0, "", f"{what}: {type(error).__name__}: {error}")

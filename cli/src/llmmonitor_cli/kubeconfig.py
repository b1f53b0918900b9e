"""The cluster that a command speaks to: the person's own kubeconfig, as kubectl takes it."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from llmmonitor_operator.kube.api import Kube, speaking

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


class NoCluster(RuntimeError):
    """There is no usable kubeconfig; the message says why."""


@asynccontextmanager
async def speaking_to(context: str | None) -> AsyncIterator[Kube]:
    """A connection by the kubeconfig's context; None: the current one.

    Raises:
        NoCluster: there is none.
    """
    configuration = Configuration()
    try:
        await config.load_kube_config(  # type: ignore[no-untyped-call]  # the client has no types
            context=context, client_configuration=configuration
        )
    except config.ConfigException as error:
        raise NoCluster(f"no cluster to speak to: {error}") from error
    except Exception as error:  # the client raises whatever comes of a file that is no kubeconfig
        raise _no_kubeconfig(error) from error
    async with speaking(configuration) as kube:
        yield kube


def namespace_of(context: str | None) -> str:
    """That of the kubeconfig's context.

    Raises:
        NoCluster: it names no current context, even where another one is asked for.
    """
    try:
        contexts, active = config.list_kube_config_contexts()  # type: ignore[no-untyped-call]  # as above
    except config.ConfigException as error:
        raise NoCluster(f"no namespace to look in: {error}; give --namespace") from error
    except Exception as error:  # the client raises whatever comes of a file that is no kubeconfig
        raise _no_kubeconfig(error) from error
    chosen = next((one for one in contexts if one["name"] == context), active)
    return str(chosen["context"].get("namespace") or "default")


def _no_kubeconfig(error: Exception) -> NoCluster:
    where = os.environ.get("KUBECONFIG") or "~/.kube/config"
    words = " ".join(str(error).split())
    return NoCluster(f"no cluster to speak to: {where} is no kubeconfig: {type(error).__name__}: {words}")


def object_name(text: str) -> str:
    """`text`, if an object of Kubernetes can be called so: another could name another path of the API server.

    Raises:
        ValueError: none can.
    """
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{text[:253]!r} is no object's name: those have lower-case letters, digits, '-' and '.'"
        )
    return text

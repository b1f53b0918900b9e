"""Finds NVML and opens it.

The library belongs to the node's driver; the container runtime puts it into containers that ask for a GPU.
pynvml is imported only once it is there: with the driver's library it takes 20 MiB, which no pod without GPUs
shall pay.
NVML API reference: https://docs.nvidia.com/deploy/nvml-api/
"""

from __future__ import annotations

import ctypes
import importlib
import os
from types import ModuleType

SONAME = "libnvidia-ml.so.1"
PLACES = (SONAME, f"/usr/local/nvidia/lib64/{SONAME}")
"""Where the dynamic linker looks, and where GKE's device plugin mounts it."""


class Unavailable(Exception):
    """There is no library, or none that works; the message says which and why."""


def open_nvml() -> ModuleType:
    """`pynvml`, initialised; to be ended by its `nvmlShutdown`.

    Raises:
        Unavailable: no library, no driver, or not the driver that the library belongs to.
    """
    _load()
    nvml = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise Unavailable(f"{SONAME} is there, but the driver does not answer it: {error}") from None
    return nvml


def _load() -> None:
    """Into this process: pynvml, which knows the name only, then gets what is loaded under that name.

    Its own message does not say why a library cannot be loaded; the dynamic linker's does. And Python holds
    its lock while it loads one, so that a library that hangs then would hold up every thread: a call of
    dlopen(3) as of any other function lets it go.
    """
    process = ctypes.CDLL(None)
    dlopen, dlerror = process.dlopen, process.dlerror  # both before the first call: looking up resets dlerror
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    dlerror.argtypes, dlerror.restype = (), ctypes.c_char_p
    said = ""
    for place in PLACES:
        if dlopen(place.encode(), os.RTLD_NOW):
            return
        said = said or (dlerror() or b"").decode(errors="replace")
    raise Unavailable(f"{SONAME} not found: {said.removeprefix(f'{SONAME}: ')}")

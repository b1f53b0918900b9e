"""Asks NVML about one GPU, and sorts its refusals: what is not supported, what is lost, what is gone.

Every function may refuse with any code (nvmlReturn_t). A figure that is refused is None and is said, with the
driver's words; one that the GPU does not have is not asked for again.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

Handle = Any
"""A device of pynvml's; a pointer."""
MOST_BYTES = 1 << 52


class Lost(Exception):
    """The GPU no longer answers: it fell off the bus, or has to be reset."""


class DriverGone(Exception):
    """Nothing answers any more: the driver was unloaded or replaced. NVML has to be opened anew."""


class Answers:
    """The answers of one GPU, or of one part of it, in one session of NVML."""

    def __init__(self, nvml: ModuleType, handle: Handle) -> None:
        self._nvml = nvml
        self.handle = handle
        self._lost = {nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED}
        self._gone = {
            nvml.NVML_ERROR_UNINITIALIZED,
            nvml.NVML_ERROR_DRIVER_NOT_LOADED,
            nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        }
        self._never = {nvml.NVML_ERROR_NOT_SUPPORTED, nvml.NVML_ERROR_FUNCTION_NOT_FOUND}
        self._refused: dict[str, str] = {}
        self._not_asked: set[tuple[str, tuple[object, ...]]] = set()

    @property
    def problem(self) -> str:
        """Which figures were refused the last time, and in which words."""
        by_why: dict[str, list[str]] = {}
        for figure, why in self._refused.items():
            by_why.setdefault(why, []).append(figure)
        return "; ".join(f"{', '.join(figures)}: {why}" for why, figures in by_why.items())

    def ask(self, figure: str, function: str, *arguments: object) -> Any:
        """What the function of pynvml says; None if it refuses, which is then kept as a problem of `figure`.

        Raises:
            Lost: the GPU is.
            DriverGone: the driver is.
        """
        key = function, arguments
        if key in self._not_asked:
            return None
        try:
            answer = getattr(self._nvml, function)(self.handle, *arguments)
        except self._nvml.NVMLError as error:
            if error.value in self._lost:
                raise Lost(str(error)) from None
            if error.value in self._gone:
                raise DriverGone(str(error)) from None
            if error.value in self._never:
                self._not_asked.add(key)
            self._refused[figure] = str(error)
            return None
        self._refused.pop(figure, None)
        return answer

    def first(self, figure: str, *functions: str) -> Any:
        """The answer of the first of these functions that has one: newer names before older ones."""
        for function in functions:
            answer = self.ask(figure, function)
            if answer is not None:
                return answer
        return None

    def number(self, figure: str, function: str, *arguments: object, most: int) -> int | None:
        """The same of a number; one above `most` is none that a GPU has, and is said as a problem."""
        answer = self.ask(figure, function, *arguments)
        return None if answer is None else self._within(figure, int(answer), most)

    def _within(self, figure: str, number: int, most: int) -> int | None:
        if number <= most:
            return number
        self._refused[figure] = f"the driver says {number}, and {most} is the most that is believed"
        return None

    def memory(self) -> Any:
        """`used` and `total` in bytes, as nvidia-smi has them.

        Used is without what the driver keeps for itself (480 MiB of an H100); drivers before 510 count it in.
        """
        figure, function = "memory", "nvmlDeviceGetMemoryInfo"
        answer = self.ask(figure, function, self._nvml.nvmlMemory_v2)
        answer = self.ask(figure, function) if answer is None else answer
        if (
            answer is None
            or self._within(figure, max(int(answer.used), int(answer.total)), MOST_BYTES) is None
        ):
            return None
        return answer

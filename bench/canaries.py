"""`python -m bench.canaries`: whether canaries tell other weights behind the same name, and nothing else.

A real model (SmolLM2 135M, Q4_1) is served by the demo's own server and asked rounds of canaries as a sidecar
asks them; each round is judged by the operator's own function. Asked again, restarted, beside busy clients
and with other slots it must stay the same model; with other weights of the same size, or another model in
its place, it must become another. Writes `bench/results/canaries.{json,md}`; `--quick` only proves that it
runs.
"""

import argparse
import asyncio
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from bench import results
from bench.canary.another import gemma
from bench.canary.asked import busy, rounds
from bench.canary.weights import CHANGES, Change, changed
from bench.measure import machine

from llmmonitor_api.report.canaries import CanaryRound, distance
from llmmonitor_cli.demo.model import SMOLLM2, cache_folder, fetch
from llmmonitor_cli.demo.model_process import serving
from llmmonitor_operator.versions.canaries import LEARNT, Canaries, witnessed
from llmmonitor_sidecar.probes.canary.prompts import PROMPTS

ROUNDS = 3
"""Of each condition; two in a row beyond the limit are another model."""
SLOTS, OTHER_SLOTS, CLIENTS = 4, 8, 4
CACHE = Path(".cache/canaries")
POD = "pod"
SAME, OTHER = "the same", "another"


class Row(msgspec.Struct, kw_only=True):
    """One condition. Distances are of its rounds from the first round of the model, from 0 to 1."""

    what: str
    is_model: str
    """What it is in truth."""
    rounds: int
    least: float
    most: float
    limit: float
    """Beyond which a round is of another model, after what was learnt."""
    said: str
    """What the operator says of it after these rounds."""

    @property
    def met(self) -> bool:
        """Whether that is the truth."""
        return self.said == self.is_model


class Results(results.Run, kw_only=True):
    """The content of `bench/results/canaries.json`."""

    rows: list[Row]


class Bench:
    """Rounds at servers, one after the other; what the operator knows of the model after learning it."""

    def __init__(self, model: Path, many: int, folder: Path) -> None:
        self._model, self._many, self._folder = model, many, folder
        self._numbers: Iterator[int] = itertools.count(1)
        self._known = Canaries()
        self.rows: list[Row] = []

    async def learn(self, many: int) -> None:
        """The first rounds of the model, by which its limit is known."""
        async with self._served(self._model) as url:
            found = await rounds(url, many, self._numbers)
        for one in found:
            self._known = witnessed(self._known, {POD: one}, {})
        self._put(f"asked {many} times, idle", SAME, found)

    async def asked(
        self, what: str, *, model: Path | None = None, slots: int = SLOTS, clients: int = 0
    ) -> None:
        """One condition; another model where one is given."""
        async with self._served(model or self._model, slots) as url, busy(url, clients):
            found = await rounds(url, self._many, self._numbers)
        self._put(what, SAME if model is None else OTHER, found)

    async def changed(self, change: Change) -> None:
        """Other weights of the model."""
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            await self.asked(change.what, model=changed(self._model, change, Path(folder)))

    @asynccontextmanager
    async def _served(self, model: Path, slots: int = SLOTS) -> AsyncIterator[str]:
        async with serving(model, slots, self._folder / "server.log") as server:
            yield server.url

    def _put(self, what: str, is_model: str, found: Sequence[CanaryRound]) -> None:
        reference = self._known.references[0]
        apart = [distance(reference.prints, one.prints) for one in found]
        known = self._known
        for one in found:
            known = witnessed(known, {POD: one}, {})
        row = Row(
            what=what,
            is_model=is_model,
            rounds=len(found),
            least=min(1.0 if one is None else one for one in apart),
            most=max(1.0 if one is None else one for one in apart),
            limit=reference.limit,
            said=SAME if known.pods[POD].reference == reference.name else OTHER,
        )
        self.rows.append(row)
        print(f"{what}: {row.least:.4f} to {row.most:.4f} (limit {row.limit:.4f}), {row.said}", flush=True)


async def measured(*, quick: bool) -> list[Row]:
    """All conditions; with `quick` one of each sort."""
    model = await fetch(SMOLLM2, cache_folder(), lambda _done, _all: None)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        bench = Bench(model, 2 if quick else ROUNDS, Path(folder))
        await bench.learn(2 if quick else LEARNT)
        await bench.asked("the server restarted")
        if not quick:
            await bench.asked(f"beside {CLIENTS} clients that have it write", clients=CLIENTS)
            await bench.asked(f"with {OTHER_SLOTS} slots instead of {SLOTS}", slots=OTHER_SLOTS)
        for change in CHANGES[-1:] if quick else CHANGES:
            await bench.changed(change)
        if not quick:
            await bench.asked("another model (Gemma 3 270M)", model=gemma(CACHE))
    return bench.rows


def markdown(found: Results) -> str:
    """The results as a table."""
    on = found.machine
    lines = [
        "# Benchmark: canaries",
        "",
        f"{on.cpu_model}, {on.cores} cores, Python {on.python}; commit {found.commit}, {found.date}.",
        "",
        *(f"- {key}: {value}" for key, value in found.method.items()),
        "",
        "| asked of | rounds | distance, least to most | limit | it is | the operator says | right |",
        "|---|---:|---:|---:|---|---|---|",
    ]
    for row in found.rows:
        apart = f"{row.least:.4f}" if row.least == row.most else f"{row.least:.4f} to {row.most:.4f}"
        lines.append(
            f"| {row.what} | {row.rounds} | {apart} | {row.limit:.3g} | {row.is_model} | {row.said}"
            f" | {'yes' if row.met else '**no**'} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.canaries", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; writes nothing without --output")
    parser.add_argument("--output", type=Path, help="where to write instead of bench/results")
    options = parser.parse_args(arguments)
    on = machine.describe()
    CACHE.mkdir(parents=True, exist_ok=True)
    rows = asyncio.run(measured(quick=options.quick))
    found = Results(
        machine=on,
        commit=machine.commit(),
        date=results.today(),
        method={
            "model": "SmolLM2 135M Instruct, Q4_1, by llama.cpp (xllamacpp) as the demo serves it",
            "a round": f"{len(PROMPTS)} prompts, one greedy token each with its ten likeliest",
            "distance": "mean total variation distance of a round from the model's first one; 0 is the same"
            " probabilities, 1 none in common",
            "judged": "by the operator's own function: two rounds in a row beyond the limit and like each"
            " other are another model",
            "changed weights": "copies of the same file of the same length: scales of the quantised blocks"
            " multiplied, or the lowest of four bits taken away",
        },
        rows=rows,
    )
    if options.output is not None or not options.quick:
        results.keep("canaries", found, markdown(found), options.output or results.DIRECTORY)
    print(markdown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

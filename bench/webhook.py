"""`python -m bench.webhook`: what the admission webhook adds to the creation of a pod, at 50 pods a second.

On a real cluster (`make cluster-up`, or E2E_KUBECONFIG's): the chart's webhook with two replicas behind its
Service, pods that no scheduler takes, created at a steady rate with and without it in the same minutes (see
`bench/README.md`). Writes `bench/results/webhook.json` and `webhook.md` and prints the table. `--quick` only
proves that everything runs: its numbers mean nothing, and are written only where `--output` says.
"""

import argparse
import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from bench import comparison, on_a_cluster, results
from bench.admission.creation import PER_SECOND, Created, calls, create
from bench.admission.others import kept_away
from bench.admission.places import CALLED, INJECTED, PLACES, SUBJECTS, WITHOUT
from bench.admission.release import installed
from bench.comparison import Measured, Target
from bench.figures.scale import Scale
from bench.measure import machine
from bench.measure.statistics import quantile
from e2e.definition import definition, establish
from e2e.helm import Helm
from e2e.kubectl import Kubectl

from llmmonitor_operator.kube.api import Kube, connected

SECONDS = 8.0
"""Of each subject in each round: 400 pods, of which four are slower than the p99."""
LIMIT = "50 ms"
_LIMIT_MILLISECONDS = 50.0
METHOD = {
    "rounds": (
        "every subject once a round, in a random order; medians and 95 % bootstrap intervals of the rounds' "
        "ratios; a first round is dropped; A/A: the same namespace measured twice in each round"
    ),
    "creation": (
        f"{PER_SECOND:.0f} pods a second, each sent when it is due whatever became of those before; its time "
        "runs from when it was due to the API server's answer, the client included"
    ),
    "verdicts": "`indistinguishable` where the interval holds the target",
    "set-up": (
        "API server, etcd, both replicas of the webhook and the client share the machine's cores; the "
        "operator has no replicas, the bench renews its Lease"
    ),
}


async def measure(
    kube: Kube, kubectl: Kubectl, owners: Mapping[str, str], scale: Scale
) -> tuple[list[Measured], Counter[str]]:
    """All figures, and what failed."""
    chance = random.Random(4)
    p50: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    p99: dict[str, list[float]] = {subject: [] for subject in SUBJECTS}
    called: dict[str, list[float]] = {INJECTED: [], CALLED: []}
    failures: Counter[str] = Counter()
    for number in range(scale.rounds + 1):
        for subject in chance.sample(list(SUBJECTS), len(SUBJECTS)):
            place = PLACES[SUBJECTS[subject]]
            before = calls(await asyncio.to_thread(kubectl, "get", "--raw=/metrics"))
            made = await create(kube, place.namespace, owners[place.namespace], scale.seconds(SECONDS))
            after = calls(await asyncio.to_thread(kubectl, "get", "--raw=/metrics"))
            failures.update({f"{subject}: {error}": count for error, count in made.failures.items()})
            failures.update(_missed(subject, made))
            if number == 0:
                continue
            p50[subject].append(quantile(made.milliseconds, 0.5))
            p99[subject].append(quantile(made.milliseconds, 0.99))
            if subject in called and after[0] > before[0]:
                called[subject].append((after[1] - before[1]) / (after[0] - before[0]))
        print(f"round {number} of {scale.rounds}", file=sys.stderr, flush=True)
    return [*_creation(p50, p99), _added(p99), _calls(called)], failures


def _missed(subject: str, made: Created) -> Counter[str]:
    """Pods that should have the sidecar and have none, or the other way round."""
    wanted = len(made.milliseconds) if subject == INJECTED else 0
    word = "without sidecar" if wanted else "with a sidecar"
    return Counter({f"{subject}: {word}": abs(wanted - made.injected)} if wanted != made.injected else {})


def _creation(p50: dict[str, list[float]], p99: dict[str, list[float]]) -> list[Measured]:
    targets = (Target(INJECTED, WITHOUT), Target(CALLED, WITHOUT))
    note = "from when it was due to the API server's answer"
    return [
        Measured("creation of a pod, p50", "ms", p50, targets, note=note),
        Measured("creation of a pod, p99", "ms", p99, targets, note=note),
    ]


def _added(p99: dict[str, list[float]]) -> Measured:
    """The target: how much later the slowest percent comes."""
    values = {
        subject: [own - other for own, other in zip(p99[subject], p99[WITHOUT], strict=True)]
        for subject in (INJECTED, CALLED)
    }
    values[LIMIT] = [_LIMIT_MILLISECONDS] * len(p99[WITHOUT])
    targets = (Target(INJECTED, LIMIT, 1.0), Target(CALLED, LIMIT, 1.0))
    return Measured(
        "added to a creation's p99", "ms", values, targets, note="p99 with less p99 without, by round"
    )


def _calls(called: dict[str, list[float]]) -> Measured:
    rounds = max((len(values) for values in called.values()), default=0)
    targets = (Target(INJECTED, LIMIT), Target(CALLED, LIMIT))
    values = {**called, LIMIT: [_LIMIT_MILLISECONDS] * rounds}
    return Measured("one call, mean, by the API server's clock", "ms", values, targets)


async def run(
    kubeconfig: str, kubectl: Kubectl, helm: Helm, image: str, scale: Scale
) -> tuple[list[Measured], results.Results]:
    """Install, measure, remove."""
    described = machine.describe()
    async with connected(kubeconfig) as kube:
        others = await asyncio.to_thread(kubectl, "get", "mutatingwebhookconfigurations", "--output=name")
        await asyncio.to_thread(establish, kubectl, definition())
        spaces = [place.namespace for place in PLACES.values()]
        async with kept_away(kube, spaces) as away, installed(kube, kubectl, helm, image) as owners:
            measured, failures = await measure(kube, kubectl, owners, scale)
    rows = [row for figure in measured for row in comparison.rows(figure, {})]
    found = results.Results(
        machine=described,
        commit=machine.commit(),
        date=results.today(),
        method=METHOD
        | {
            "scale": f"{scale.rounds} rounds of {scale.seconds(SECONDS):g} s for each subject",
            "other webhooks in the cluster": f"{len(others.split())}, {away} kept away from these pods",
            "load average after": f"{os.getloadavg()[0]:.1f}",
        },
        failures=dict(failures),
        subjects={place.subject: place.description for place in PLACES.values()} | {LIMIT: "the target"},
        figures=rows,
        values=results.medians(measured),
    )
    return measured, found


async def _measure(
    cluster: on_a_cluster.Cluster, scale: Scale, _options: argparse.Namespace
) -> tuple[list[Measured], results.Results]:
    image = cluster.images["llm-monitor-operator"]
    return await run(cluster.kubeconfig, cluster.kubectl, cluster.helm, image, scale)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench as a program."""
    parser = argparse.ArgumentParser(prog="python -m bench.webhook", description=__doc__)
    bench = on_a_cluster.Bench("webhook", parser, _measure, installs=lambda _kubectl: True)
    return on_a_cluster.main(bench, arguments)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench.drifting.derive ARCHIVE`: how `bench/data/servegen_m_small_buckets.csv.gz` is made.

From ServeGen's statistics per client (servegen_m_small.tar.xz): for each six hours, how prompt and
completion tokens are distributed, in the half-octave buckets that drift is found by.
"""

import argparse
import ast
import csv
import gzip
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from llmmonitor_api.report.features import bucket_of

BUCKETS = Path(__file__).parents[1] / "data" / "servegen_m_small_buckets.csv.gz"
LENGTH_SECONDS = 21_600
COLUMNS = ("client", "period", "prompt", "completion")
_SHARES_OF = 10_000


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    archive = parser.parse_args().archive
    rows: list[tuple[int, int, str, str]] = []
    with tarfile.open(archive) as files:
        for member in files:
            name = Path(member.name).name
            content = files.extractfile(member)
            if content is not None and name.startswith("chunk-") and name.endswith("-dataset.json"):
                rows += [(int(name.split("-")[1]), *row) for row in rows_of(json.load(content))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(sorted(rows))
    with gzip.GzipFile(BUCKETS, "wb", mtime=0) as packed:
        packed.write(text.getvalue().encode())


def rows_of(periods: dict[str, dict[str, str]]) -> Iterator[tuple[int, str, str]]:
    """Period of six hours, then `bucket:share` of prompt and of completion tokens, in 1/10,000."""
    for second, both in periods.items():
        prompt, completion = (
            _shares(ast.literal_eval(both[kind])) for kind in ("input_tokens", "output_tokens")
        )
        if prompt and completion:
            yield int(float(second)) // LENGTH_SECONDS, prompt, completion


def _shares(by_tokens: dict[float, float]) -> str:
    total = sum(by_tokens.values())
    buckets: Counter[int] = Counter()
    for tokens, share in by_tokens.items():
        buckets[bucket_of(round(float(tokens)))] += round(_SHARES_OF * share / total) if total > 0 else 0
    return " ".join(f"{bucket}:{share}" for bucket, share in sorted(buckets.items()) if share)


if __name__ == "__main__":
    main()

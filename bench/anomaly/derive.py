"""`python -m bench.anomaly.derive ARCHIVE`: how the tables `bench/data/servegen_m_small_*` are made.

From ServeGen's statistics per client (servegen_m_small.tar.xz) to two small ones: requests/s and burstiness
for each ten minutes, and the first moments of prompt and completion lengths for each six hours. Their
distributions by token count, most of the 29 MB, are not kept.
"""

import argparse
import ast
import csv
import gzip
import io
import json
import math
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

DATA = Path(__file__).parents[1] / "data"
RATES, LENGTHS = DATA / "servegen_m_small_rates.csv.gz", DATA / "servegen_m_small_lengths.csv.gz"
RATE_SECONDS, LENGTH_SECONDS = 600, 21_600
RATE_COLUMNS = ("client", "period", "requests_per_second", "cv_of_gaps")
LENGTH_COLUMNS = (
    "client",
    "period",
    "prompt_log_mean",
    "prompt_log_sd",
    "completion_log_mean",
    "completion_log_sd",
)


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    archive = parser.parse_args().archive
    rates, lengths = [], []
    with tarfile.open(archive) as files:
        for member in files:
            name = Path(member.name).name
            content = files.extractfile(member)
            if content is None or not name.startswith("chunk-"):
                continue
            client = int(name.split("-")[1])
            if name.endswith("-trace.csv"):
                rates += [(client, *row) for row in rates_of(content.read().decode())]
            else:
                lengths += [(client, *row) for row in lengths_of(json.load(content))]
    _write(RATES, RATE_COLUMNS, sorted(rates))
    _write(LENGTHS, LENGTH_COLUMNS, sorted(lengths))


def rates_of(text: str) -> Iterator[tuple[int, str, str]]:
    """Period of ten minutes, requests/s, coefficient of variation; periods without requests are left out."""
    for row in csv.reader(io.StringIO(text)):
        if float(row[1]) > 0:
            yield int(float(row[0])) // RATE_SECONDS, f"{float(row[1]):.4g}", f"{float(row[2]):.3g}"


def lengths_of(periods: dict[str, dict[str, str]]) -> Iterator[tuple[int, str, str, str, str]]:
    """Period of six hours, then mean and standard deviation of the logarithms of prompt and completion."""
    for second, both in periods.items():
        prompt = _moments(ast.literal_eval(both["input_tokens"]))
        completion = _moments(ast.literal_eval(both["output_tokens"]))
        if prompt and completion:
            yield int(float(second)) // LENGTH_SECONDS, *prompt, *completion


def _moments(shares: dict[float, float]) -> tuple[str, str] | None:
    total = sum(shares.values())
    if total <= 0:
        return None
    logs = [(math.log(max(1.0, float(tokens))), share / total) for tokens, share in shares.items()]
    mean = sum(log * share for log, share in logs)
    variance = sum((log - mean) ** 2 * share for log, share in logs)
    return f"{mean:.4f}", f"{math.sqrt(variance):.4f}"


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    with gzip.GzipFile(path, "wb", mtime=0) as packed:
        packed.write(text.getvalue().encode())


if __name__ == "__main__":
    main()

"""The benches are programs beside the packages: puts the checkout on the path, as `python -m` does."""

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

"""How long `repro-audit FILE` takes, against importing the two libraries it cannot do without.

Run it with the Python that repro-audit is installed in:

    python benchmarks/startup.py manifest.json [PAIRS]

The two commands alternate, and the best time of each counts: whatever else a machine does only
ever adds. A second manifest is made from the first, as if of a run of 200 epochs with 60 weights.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from repro_audit.manifest import Manifest, load, write

BARE = [sys.executable, "-c", "import click, jsonschema"]

# As an installed package has it, all bytecode is on the disk once the first run has ended.
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def seconds(command: list[str]) -> float:
    """Return the wall time of a command, in seconds."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=COMPILED, check=False)
    return time.perf_counter() - start


def enlarge(manifest: Manifest, epochs: int = 200, weights: int = 60) -> Manifest:
    """Return a manifest as of a longer run of a larger model; only its size is meant."""
    outcomes = manifest.outcomes
    fit = outcomes.fits[0]
    times = -(-epochs // len(fit.epochs))
    fit = fit._replace(
        epochs=(fit.epochs * times)[:epochs],
        history={name: (values * times)[:epochs] for name, values in fit.history.items()},
    )
    tensors = (outcomes.initial_weights[0] or ()) * weights
    return manifest._replace(
        outcomes=outcomes._replace(
            fits=(fit,),
            digests=outcomes.digests._replace(epochs=fit.epochs),
            initial_weights=(tensors[:weights],),
            # A weight and two slots of Adam each.
            final_state=(tensors[: 3 * weights],),
        ),
    )


def compare(name: str, path: Path, pairs: int) -> None:
    """Print the best times of both commands, and their ratio."""
    audit = [sys.executable, "-m", "repro_audit", str(path)]
    bare_s, audit_s = [], []
    for _ in range(pairs):
        bare_s.append(seconds(BARE))
        audit_s.append(seconds(audit))
    best, ours = min(bare_s), min(audit_s)
    size_kb = path.stat().st_size / 1000
    print(f"{name:<24} {size_kb:6.0f} kB  {best:.3f} s  {ours:.3f} s  ratio {ours / best:.2f}")


def main() -> None:
    """Compare on the manifest given, and on an enlarged one."""
    path = Path(sys.argv[1])
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    print(f"best of {pairs}, alternating: import click, jsonschema | repro-audit FILE")
    compare(path.name, path, pairs)
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.json"
        write(enlarge(load(path)), large)
        compare("200 epochs, 60 weights", large, pairs)


if __name__ == "__main__":
    main()

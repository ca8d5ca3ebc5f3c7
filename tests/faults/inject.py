"""Inject faults into real command lines, again and again at random moments, and count outcomes.

    python -m tests.faults.inject --count=1000 --out=experiments/measured/faults/injected.json

Every number of the list of faults has a seed of its own, so that a failure can be had again with
`--only=<number>`. The same command goes on where it was stopped.
"""

import argparse
import collections
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.bench import Bench, Launchers, Wrong, make
from tests.faults.kinds import KINDS

LAUNCHERS = ("train", "sweep")
"""The launchers that write runs."""


def chosen(number: int, seed: int) -> tuple[str, str]:
    """Launcher and kind of the fault of this number: every kind in turn, in a random order."""
    kinds = list(KINDS)
    random.Random(f"{seed} {number // len(kinds)}").shuffle(kinds)
    return LAUNCHERS[(number // len(kinds)) % len(LAUNCHERS)], kinds[number % len(kinds)]


def inject(benches: dict[str, Bench], number: int, seed: int) -> tuple[str, str, str]:
    """Inject one fault: (launcher, kind, what came of it; "WRONG: ..." where that is not right)."""
    launcher, kind = chosen(number, seed)
    bench = benches[launcher]._replace(random=random.Random(f"{seed} {number}"))
    try:
        return launcher, kind, KINDS[kind](bench)
    except Wrong as wrong:
        return launcher, kind, f"WRONG: {wrong}"


def main() -> None:
    """Inject faults, and write their counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, default=None, help="inject the fault of this number")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--out", type=Path, default=Path("injected.json"))
    asked = parser.parse_args()
    counts = {"seed": asked.seed, "injected": 0, "kinds": {}, "wrong": []}
    if asked.out.exists() and asked.only is None:
        counts = json.loads(asked.out.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as place:
        launch = Launchers(Path(place) / "programs")
        benches = {name: make(launch, name, Path(place) / name, asked.seed) for name in LAUNCHERS}
        if asked.only is not None:
            print(*inject(benches, asked.only, asked.seed), sep=", ")
            return
        began = time.monotonic()
        while counts["injected"] < asked.count and time.monotonic() - began < 60 * asked.minutes:
            number = counts["injected"]
            launcher, kind, outcome = inject(benches, number, asked.seed)
            counts["injected"] += 1
            told = collections.Counter(counts["kinds"].setdefault(kind, {}))
            told["WRONG" if outcome.startswith("WRONG") else outcome] += 1
            counts["kinds"][kind] = dict(told)
            if outcome.startswith("WRONG"):
                counts["wrong"].append(f"{number}, {launcher}, {kind}: {outcome}"[:1000])
            asked.out.parent.mkdir(parents=True, exist_ok=True)
            asked.out.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n", "utf-8")
            rate = (time.monotonic() - began) / (counts["injected"])
            line = f"{number + 1}/{asked.count}  {launcher}, {kind}: {outcome}  {rate:.1f} s each"
            print(line[:300], flush=True)
        launch.close()
    sys.exit(1 if counts["wrong"] else 0)


if __name__ == "__main__":
    main()

"""Kill workers of a search, one after the other, and compare the study with an undisturbed one.

    python -m tests.faults.search --kills=40 --workers=4 --storage=journal
        --out=experiments/measured/faults/search.json

One worker does a study alone. Then several do it together, and at random moments one of them is
killed and another one started. Where a study ends before all kills are done, the next one begins.
Every study must end with each trial once, and with the very numbers of the first: its table and the
log of every run, without times.
"""

import argparse
import csv
import json
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from lstmx import runs
from tests.launching import Launchers, Started

CONFIG = """
from lstmx import config as cfg
from lstmx.search import Search, choice, log_uniform, numbered

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=20, batch_size=16)
    c.model.cell = cfg.cell("lstm", hidden_size=16)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 400, 2, 20, 1
    c.evals = {"valid": {"split": "valid", "batch_size": 16}}
    return c

def search():
    cells = choice([cfg.cell("lstm", hidden_size=16), cfg.cell("gru", hidden_size=16)])
    space = {"hparams.learning_rate": log_uniform(1e-4, 1e-1), "model.cell": cells}
    return Search({**space, "seed": numbered()}, trials=24)
"""
TIMES = ("seconds",)
LONGEST = 5.0
"""The longest pause between two kills, in seconds; on a slow or busy machine the next one."""
PART = 8
"""A pause may last this part of the time of the undisturbed study: a worker that is killed while it
starts, again and again, shows little."""


class Ended(NamedTuple):
    """A study that has ended: its table, and the log of every run."""

    table: list[dict[str, Any]]
    logs: dict[str, list[dict[str, Any]]]


def words(storage: str) -> str:
    """The command line of a worker."""
    address = {"journal": "", "sqlite": "sqlite:///study.db"}.get(storage, storage)
    stored = f" --storage={address}" if address else ""
    return f"search --config=killed.py --workdir=runs --block=3{stored}"


def ended(folder: Path) -> Ended:
    """What a study has left behind, without times."""
    with (folder / "runs" / "killed" / "trials.csv").open() as file:
        table = [_timeless(row) for row in csv.DictReader(file)]
    found = map(runs.load, runs.find(folder / "runs"))
    return Ended(table, {run.path.name: [_timeless(p) for p in run.metrics] for run in found})


def disturbed(
    launch: Launchers, folder: Path, line: str, workers: int, kills: int, seed: int, longest: float
) -> tuple[int, Counter[str]]:
    """Work a study off with kills; returns the number of kills, and when they came."""
    draw, done, moments = random.Random(seed), 0, Counter[str]()
    crew: list[Started] = [launch.start(line, folder) for _ in range(workers)]
    while True:
        time.sleep(draw.uniform(0.1, longest))
        gone = [one for one in crew if not one.runs()]
        for one in gone:
            crew.remove(one)
            end = one.wait()
            if end.code:
                raise SystemExit(f"a worker ended with code {end.code}:\n{end.err[-3000:]}")
        if gone or done == kills:
            break
        victim = draw.choice(crew)
        crew.remove(victim)
        victim.send(signal.SIGKILL)
        said = victim.wait().err.splitlines()
        moments[_moment(said)] += 1
        done += 1
        crew.append(launch.start(line, folder))
    for one in crew:
        end = one.wait()
        if end.code:
            raise SystemExit(f"a worker ended with code {end.code}:\n{end.err[-3000:]}")
    return done, moments


def main() -> None:
    """Kill, compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument(
        "--storage",
        default="journal",
        help="journal, sqlite or an address, in which {} is the number of the study: each needs an"
        " empty database",
    )
    parser.add_argument("--out", type=Path, help="JSON file, which keeps other storages' counts")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        launch = Launchers(Path(place) / "cache", limit=3600)
        line = words(asked.storage)
        alone = Path(place) / "alone"
        alone.mkdir()
        (alone / "killed.py").write_text(CONFIG)
        began = time.monotonic()
        first = launch(line.partition(" --storage")[0], alone)
        if first.code:
            raise SystemExit(first.err)
        whole = ended(alone)
        took = time.monotonic() - began
        print(f"undisturbed: {len(whole.table)} trials, {took:.0f} s", flush=True)
        longest = max(LONGEST, took / PART)
        done, studies, moments = 0, 0, Counter[str]()
        counts: dict[str, Any] = {"workers": asked.workers, "trials": len(whole.table)}
        while done < asked.kills:
            folder = Path(place) / f"study{studies}"
            folder.mkdir()
            (folder / "killed.py").write_text(CONFIG)
            left = asked.kills - done
            own = line.replace("{}", str(studies))
            killed, when = disturbed(launch, folder, own, asked.workers, left, studies, longest)
            done, studies, moments = done + killed, studies + 1, moments + when
            if ended(folder) != whole:
                raise SystemExit(f"study {studies} differs after {killed} kills")
            counts |= {"kills": done, "studies": studies, "when": dict(moments), "different": 0}
            counts["seconds"] = round(time.monotonic() - began)
            if asked.out:
                _keep(asked.out, asked.storage, counts)
            print(
                f"study {studies - 1}: {killed} kills ({dict(when)}), the same numbers", flush=True
            )
        launch.close()
    print(json.dumps(counts))


def _keep(file: Path, storage: str, counts: dict[str, Any]) -> None:
    """Write the counts of a storage, by the kind of it, beside those of others."""
    kept = json.loads(file.read_text("utf-8")) if file.exists() else {}
    kept[storage.partition(":")[0]] = counts
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in TIMES}


def _moment(said: list[str]) -> str:
    """What a worker was doing when it was killed, by the last line that it printed."""
    if not said:
        return "before its first block"
    last = said[-1]
    if "waiting for" in last:
        return "waiting"
    return "between blocks" if "have ended" in last or ": done in" in last else "in a block"


if __name__ == "__main__":
    main()

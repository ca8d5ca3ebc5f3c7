"""Run directories without training, for tests of what reads them."""

import json
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np

# name -> (cell, variant, level the error falls to, parameters)
ROWS = {
    "V": ("lstm", "V", 2e-3, 17_217),
    "NIG": ("lstm", "NIG", 1.1e-2, 12_929),
    "NFG": ("lstm", "NFG", 0.12, 12_929),
    "NOG": ("lstm", "NOG", 9e-3, 12_929),
    "NIAF": ("lstm", "NIAF", 4e-3, 17_217),
    "NOAF": ("lstm", "NOAF", 0.15, 17_217),
    "CIFG": ("lstm", "CIFG", 2.2e-3, 12_929),
    "NP": ("lstm", "NP", 1.6e-3, 17_025),
    "FGR": ("lstm", "FGR", 3e-3, 66_369),
    "GRU": ("gru", None, 1.2e-3, 12_929),
    "RNN": ("rnn", None, 0.17, 4_353),
}


def overrides(name: str, length: int) -> dict[str, Any]:
    """What a config writes under an eval; test needs no split, it is the default."""
    if name in ("valid", "test"):
        return {"split": "valid"} if name == "valid" else {}
    return {"split": "test", "length": length}


def write(
    workdir: Path,
    row: str = "V",
    seed: int = 0,
    *,
    name: str = "adding",
    status: str = "steps",
    maximize: bool = False,
    test: bool = True,
    length: int = 100,
    points: int = 30,
    level: float | None = None,
    learning_rate: float = 1e-3,
) -> Path:
    """One run directory; `status` is a reason of DONE, "unfinished" or "empty" (no log lines)."""
    cell, variant, usual, parameters = ROWS[row]
    level = usual if level is None else level
    extra = {"variant": variant} if variant else {}
    solved = 0.95 if maximize else 0.01
    metric, baseline = ("accuracy", 0.5) if maximize else ("mse", 0.167)
    evals = {"valid": {"length": length}, "T400": {"length": 4 * length}}
    evals |= {"T200": {"length": 2 * length}, **({"test": {"length": length}} if test else {})}
    about = {"metric": metric, "baseline": baseline, "references": {}, "solved": solved}
    meta = {
        "id": f"{zlib.crc32(repr((row, seed, name, learning_rate)).encode()):010x}",
        "label": f"model.cell.variant={row},seed={seed}",
        "overrides": {"model.cell.variant": row, "seed": seed},
        "parameters": parameters,
        "group": row,
        "created": f"2025-01-01T00:{seed:02d}:{list(ROWS).index(row):02d}",
        "command": ["python", "-m", "experiments.sweep", "--config=configs/x.py", "--workdir=runs"],
        "versions": {"lstmx": "0.1.0", "jax": "0.10.2", "python": "3.11.7"},
        "devices": "2 x cpu",
        "git": "0123abc",
        "selection": f"eval/valid/{metric}",
        "task": {
            "name": "adding",
            "maximize": maximize,
            "unit": "",
            "length": length,
            "in_features": 2,
            "out_features": 1,
            **about,
        },
        "evals": {k: {**v, **about} for k, v in evals.items()},
    }
    config = {
        "name": name,
        "seed": seed,
        "steps": 100 * points,
        "log_every": 100,
        "task": {"name": "adding", "length": length, "batch_size": 50},
        "model": {"cell": {"name": cell, "hidden_size": 64, **extra}, "layers": 1},
        "optimizer": {"name": "adam"},
        "hparams": {"learning_rate": learning_rate},
        "evals": {k: overrides(k, v["length"]) for k, v in evals.items()},
    }
    random = np.random.default_rng([seed, list(ROWS).index(row)])
    start, speed = 0.9 if not maximize else 0.45, random.uniform(4, 9)
    lines, many = [], {"empty": 0, "unfinished": points // 3}.get(status, points)
    for k in range(1, many + 1):
        share = 1 / (1 + math.exp(-speed * 2 * (k / points - 0.35)))
        value = start * 0.18 ** min(1, k / 3) if not maximize else 0.5
        goal = level * random.uniform(0.7, 1.4) if not maximize else level
        value = math.exp((1 - share) * math.log(value) + share * math.log(goal))
        gone = status == "diverged" and k > points // 2
        line = {"step": 100 * k, "seconds": 0.31 * k, "steps_per_second": 322.0}
        line |= {"train/loss": None if gone else value, "train/finite": 0.0 if gone else 1.0}
        for eval_name, about_eval in evals.items():
            worse = (about_eval["length"] / length) ** 0.6
            shown = value * worse if not maximize else value / worse**0.1
            line[f"eval/{eval_name}/{metric}"] = None if gone else shown
        lines.append(line)
    path = workdir / name / f"{meta['label']},lr={learning_rate}~{meta['id']}"
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    (path / "meta.json").write_text(json.dumps(meta))
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if status not in ("unfinished", "empty"):
        at = 100 * (points // 2 + 1) if status == "diverged" else None
        done = {"step": 100 * many, "reason": status, "seconds": 0.31 * many, "diverged_at": at}
        (path / "DONE").write_text(json.dumps(done))
    return path

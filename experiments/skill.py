"""Compare forecasts over many sets of data, by skill and win rate: a table that resumes.

python -m experiments.skill --only=nile,co2 --workdir=runs/forecasts
python -m experiments.skill --list                # what there is, and what it costs
python -m experiments.skill --table               # the page of what is measured

Writes one JSON file for each set and forecasts.md to --out; trained runs, and a row for each window
with its errors, to the workdir. --others=NAME=FOLDER adds forecasts that somebody else made, files
FOLDER/<set>.csv with the columns origin, ahead, forecast.
"""

import json
from pathlib import Path

from absl import flags

from lstmx import machine

from . import _app
from ._launch import Launch

ONLY = flags.DEFINE_list("only", [], "Sets to measure, such as nile,co2; default: all.")
OUT = flags.DEFINE_string("out", "reproduced/forecasting", "Folder to write to.")
OTHERS = flags.DEFINE_multi_string("others", [], "NAME=FOLDER: forecasts from elsewhere.")
LIST = flags.DEFINE_bool("list", False, "Print the sets, their cost and state; run nothing.")
TABLE = flags.DEFINE_bool("table", False, "Write the page of what is measured; train nothing.")
AGAIN = flags.DEFINE_bool("again", False, "Judge measured sets again; finished runs are kept.")


def main(launch: Launch) -> None:
    """Measure the requested sets one after the other, and write the page."""
    from . import _skill as sets

    out = machine.local_folder(OUT.value, "--out")
    names = sets.chosen(ONLY.value or [])
    others = dict(map(_other, OTHERS.value or []))
    if LIST.value:
        print(sets.listing(out))
        return
    launch.start_jax()
    out.mkdir(parents=True, exist_ok=True)
    for name in names if not TABLE.value else ():
        place = out / f"{name}.json"
        if place.is_file() and not AGAIN.value:
            print(f"{name}: measured; --again judges it again", flush=True)
            continue
        found = sets.measure(name, launch.workdir(), others, lambda line: print(line, flush=True))
        place.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        print(f"wrote {place}", flush=True)
    page = sets.table(out)
    (out / "forecasts.md").write_text(page, "utf-8")
    print(f"\n{page}\nwrote {out / 'forecasts.md'}")


def _other(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise ValueError(f"--others={text}; expected NAME=FOLDER")
    place = machine.local_folder(folder, "--others")
    if not place.is_dir():
        raise ValueError(f"--others={text}: {place} is no folder; expected one with <set>.csv")
    return name, place


if __name__ == "__main__":
    _app.run(main, config=False, workdir="runs/forecasts", resumes=True)

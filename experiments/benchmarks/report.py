"""Writes the record of a benchmark as `benchmark.md` and figures."""

from pathlib import Path

from experiments.benchmarks import machine, store, tables
from experiments.benchmarks.tables import DEVICES, NAMES, Settings

FILE = "benchmark.md"
DPI = 160
HEADINGS = {"cpu": "On the CPU", "gpu": "On an accelerator"}
MISSING = "not measured"


def write(folder: Path, stored: store.Stored) -> list[Path]:
    """Write the Markdown and every figure; returns the files."""
    files = [folder / FILE]
    files[0].write_text(markdown(stored), "utf-8")
    for device in DEVICES:
        for name, entry in stored["tables"].get(device, {}).items():
            table = tables.load(name)
            rows = store.rows(table, entry)
            for stem, figure in (table.figures(rows) if rows else {}).items():
                files.append(folder / f"{device}_{stem}.png")
                figure.savefig(files[-1], dpi=DPI, facecolor="white")
    return files


def markdown(stored: store.Stored) -> str:
    """All tables on all kinds of device; a missing one has the command that measures it."""
    parts = ["# lstmx benchmark"]
    for device in DEVICES:
        parts += [f"## {HEADINGS[device]}"]
        entries = stored["tables"].get(device, {}).values()
        measured = [entry for entry in entries if any(entry["parts"].values())]
        if not measured:
            parts += [f"{MISSING}: `python -m experiments.benchmark --device={device}` measures it"]
            continue
        machines = {machine.sentence(entry["machine"]) for entry in measured}
        if len(machines) == 1:
            parts += [f"Machine: {machines.pop()}."]
        parts += [section(name, device, stored, alone=len(machines) > 1) for name in NAMES]
    return "\n\n".join(parts) + "\n"


def section(name: str, device: str, stored: store.Stored, *, alone: bool = False) -> str:
    """One table with its heading, date, command and caption.

    Args:
        alone: whether to name the machine too.
    """
    table = tables.load(name)
    entry = stored["tables"].get(device, {}).get(name)
    rows = store.rows(table, entry) if entry else []
    heading = f"### {table.TITLE}"
    if entry is None or not rows:
        return f"{heading}\n\n{MISSING}"
    on, settings = entry["machine"], entry["settings"]
    quick = " Tiny sizes: a test of the benchmark, not a measurement." if settings["quick"] else ""
    missing = [
        part.name for part in table.parts(Settings(**settings)) if part.name not in entry["parts"]
    ]
    rest = f" Not measured yet: {'; '.join(missing)}." if missing else ""
    source = f"{on['date']}, `{on['command']}`, {settings['repeats']} turns."
    source += f" Machine: {machine.sentence(on)}." if alone else ""
    return "\n\n".join([heading, source + quick + rest, table.markdown(rows)])

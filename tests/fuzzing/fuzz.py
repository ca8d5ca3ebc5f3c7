"""Mutate samples of a reader's files until something happens that must not.

python -m tests.fuzzing.fuzz --count=100000 --out=faults            every reader, one after another
python -m tests.fuzzing.fuzz --reader=csv --count=1000 --engine=seeded

Each reader has a process of its own, with a limit on its memory; an input that takes too long ends
it. The engine is atheris where that is installed (`pip install atheris`; its own mutations and ours
by turns, guided by coverage), else our mutations alone, guided by messages that are new. Counts go
to <out>/readers.json, an input that is at fault to <out>/<reader>-<number>. Exit code 1 if there is
any. Every input is a file: with TMPDIR in memory it goes three times as fast.
"""

import argparse
import collections
import faulthandler
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MEMORY = 1 << 30
"""Bytes of address space beyond what the process has when it starts to fuzz."""
SECONDS, PATIENCE = 20, 10
"""Longest call, in seconds of the processor; a call that waits may take so many times as long."""
LENGTH = 1 << 14
"""Bytes of an input."""
MOST_FAULTS = 20
NOISE = ("INFO", "WARNING", "0x", "Base64", "MS:")
"""How lines of libFuzzer begin that tell nothing about an end."""
TIMED_OUT, KILLED = "took too long", "ended the process"


class Count:
    """What became of the inputs of one reader."""

    def __init__(self, name, count, folder, out):
        """Begin to count."""
        from tests.fuzzing.readers import READERS

        self.name, self.reader, self.count, self.folder, self.out = (
            name,
            READERS[name],
            count,
            folder,
            out,
        )
        self.tally, self.shapes, self.faults = collections.Counter(), set(), {}
        self.longest, self.begun = 0.0, time.monotonic()
        self.before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def ask(self, content):
        """Judge one input; whether its outcome is one that was not seen before."""
        from tests.fuzzing.judge import Fault, judge

        faulthandler.dump_traceback_later(SECONDS * PATIENCE, exit=True)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # its signal ends the process
        begun, new = time.process_time(), False
        try:
            outcome = judge(self.reader, self.folder, content)
            self.tally["accepted" if outcome.accepted else "refused"] += 1
            new = outcome.shape not in self.shapes
            self.shapes.add(outcome.shape)
        except Fault as fault:
            said = str(fault)
            if said.partition(":")[0] not in self.faults and len(self.faults) < MOST_FAULTS:
                (self.out / f"{self.name}-{len(self.faults)}").write_bytes(content)
                self.faults[said.partition(":")[0]] = said
        self.longest = max(self.longest, time.process_time() - begun)
        self.tally["inputs"] += 1
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
        return new

    def end(self, engine):
        """Write the counts and end the process: libFuzzer would go on."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self.before
        counts = {
            "engine": engine,
            "inputs": self.tally["inputs"],
            "accepted": self.tally["accepted"],
            "refused": self.tally["refused"],
            "messages": len(self.shapes - {""}),
            "longest_ms": round(1e3 * self.longest, 1),
            "more_memory_mib": round(peak / 1024, 1),
            "seconds": round(time.monotonic() - self.begun, 1),
            "faults": sorted(self.faults.values()),
        }
        (self.out / f"{self.name}.json").write_text(json.dumps(counts))
        sys.stdout.flush()
        os._exit(0)


def mutator(reader):
    """(random, sample) -> a mutation of it, mostly within its packing where it has one."""
    from tests.fuzzing.mutations import mutated

    def mutate(draw, sample):
        if reader.packing is not None and draw.random() < 0.8:
            unpack, pack = reader.packing
            try:
                inner = [unpack(other) for other in reader.samples]
                return pack(mutated(draw, unpack(sample), inner, reader.tokens))
            except Exception:  # a mutation that cannot be unpacked any more
                pass
        return mutated(draw, sample, reader.samples, reader.tokens)

    return mutate


def seeded(count, seed):
    """Our mutations of samples and of inputs that got a new message."""
    draw, mutate = random.Random(seed), mutator(count.reader)
    corpus = list(count.reader.samples)
    for sample in corpus:
        count.ask(sample)
    while count.tally["inputs"] < count.count:
        parents = corpus if draw.random() < 0.5 else count.reader.samples
        content = mutate(draw, draw.choice(parents))[:LENGTH]
        if count.ask(content):
            corpus.append(content)
    count.end("seeded")


def guided(atheris, count, seed):
    """The mutations of libFuzzer and ours by turns, guided by coverage."""
    mutate = mutator(count.reader)

    def ask(content):
        count.ask(content)
        if count.tally["inputs"] >= count.count:
            count.end(f"atheris {seed}")

    def custom(content, most, number):
        draw = random.Random(number)
        if draw.random() < 0.5:
            return atheris.Mutate(content, most)
        return mutate(draw, content)[:most]

    corpus = count.folder / "corpus"
    corpus.mkdir()
    for number, sample in enumerate(count.reader.samples):
        (corpus / f"{number}").write_bytes(sample)
    # Its own limit, by the clock, ends a process that was stopped for a while.
    options = [
        f"-max_len={LENGTH}",
        f"-seed={seed + 1}",
        "-rss_limit_mb=0",
        "-timeout=86400",
        "-verbosity=0",
        f"-artifact_prefix={count.out}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], ask, custom_mutator=custom)
    atheris.Fuzz()


def child(flags):
    """Fuzz one reader in this process."""
    atheris = None
    if flags.engine != "seeded":
        try:
            import atheris
        except ImportError:
            if flags.engine == "atheris":
                raise
    if atheris:
        with atheris.instrument_imports(include=["lstmx"]):
            import tests.fuzzing.readers  # noqa: F401
    count = Count(flags.reader, flags.count, flags.folder, flags.out)
    for sample in count.reader.samples:  # what libraries load at the first call
        count.ask(sample)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    count = Count(flags.reader, flags.count, flags.folder, flags.out)
    if atheris:
        guided(atheris, count, flags.seed)
    else:
        seeded(count, flags.seed)


def parent(names, flags):
    """Fuzz readers one after another, each in a process; whether any was at fault."""
    from tests.fuzzing.readers import READERS

    flags.out.mkdir(parents=True, exist_ok=True)
    whole = flags.out / "readers.json"
    table = json.loads(whole.read_text()) if whole.exists() else {}
    for name in names or list(READERS):
        result = flags.out / f"{name}.json"
        result.unlink(missing_ok=True)
        words = [f"--reader={name}", f"--count={flags.count}", f"--seed={flags.seed}"]
        words += [f"--engine={flags.engine}", f"--out={flags.out}", "--child"]
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "tests.fuzzing.fuzz", *words, f"--folder={folder}"]
            done = subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
            if result.exists():
                table[name] = json.loads(result.read_text())
                result.unlink()
            else:
                said = done.stderr.decode(errors="replace")
                slow = done.returncode == -signal.SIGPROF or "Timeout (" in said
                kind = TIMED_OUT if slow else f"{KILLED} ({done.returncode})"
                lines = [line for line in said.splitlines() if not line.startswith(NOISE)]
                table[name] = {"faults": [kind], "said": "\n".join(lines)[-4000:]}
                shutil.copy(Path(folder) / READERS[name].file, flags.out / f"{name}-last")
        print(name, json.dumps(table[name]), flush=True)
        whole.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    return any(table[name]["faults"] for name in names or list(READERS))


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", action="append", help="name of a reader; all of them without")
    parser.add_argument("--count", type=int, default=10_000, help="inputs for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=("auto", "atheris", "seeded"), default="auto")
    parser.add_argument("--out", type=Path, default=Path("faults"))
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    flags.out = flags.out.resolve()
    if flags.child:
        flags.reader = flags.reader[0]
        child(flags)
    sys.exit(parent(flags.reader, flags))


if __name__ == "__main__":
    main()

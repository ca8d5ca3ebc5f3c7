"""What a launcher was started with: its config, the points of its sweep, its folders."""

import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from lstmx import machine, sweep
from lstmx.interrupt import Interrupt
from lstmx.search import Search

from . import _flags, _recipe


@dataclass
class Launch:
    """A parsed command line, which `_app.run` passes to the `main` of a launcher.

    Attributes:
        recipe: what the file of --config holds; None in a launcher without that flag.
        resolved: its config with the command line's overrides, checked; None likewise.
        words: the words of the command line that are no flags.
        interrupt: the interrupt that a signal requests; a job that takes it saves before the
            process ends.
        joined: whether this process has joined others, or tried to.
        resumes: whether the same command goes on where one that was interrupted ended.
    """

    recipe: _recipe.Recipe | None = None
    resolved: ConfigDict | None = None
    words: tuple[str, ...] = ()
    interrupt: Interrupt = field(default_factory=Interrupt)
    joined: bool = False
    resumes: bool = False

    @property
    def config(self) -> ConfigDict:
        """The config of --config with the command line's overrides."""
        assert self.resolved is not None, "this launcher has no flag --config"
        return self.resolved

    def points(self) -> list[sweep.Point]:
        """The points of the config file's sweep.

        Raises:
            ValueError: the file has none; an override on the command line that the sweep would
                undo.
        """
        return _recipe.points(self._file, self.config)

    def search(self) -> Search:
        """The search of the config file.

        Raises:
            ValueError: the file has none; an override on the command line that the search would
                undo.
        """
        return _recipe.search(self._file, self.config)

    def study(self) -> str:
        """The name of the config file's study: of the config, and of a mode other than "full"."""
        mode = self._file.mode
        return self.config.name + ("" if mode == "full" else f"-{mode}")

    def workdir(self) -> Path:
        """The folder of --workdir. Raises ValueError without one."""
        if not flags.FLAGS.workdir:
            raise ValueError("--workdir is missing; expected a folder, such as --workdir=runs")
        return machine.local_folder(flags.FLAGS.workdir, "--workdir")

    def record(self) -> dict[str, Any]:
        """What meta.json keeps of the config file."""
        return _recipe.record(self._file)

    def label(self, resolved: ConfigDict) -> str:
        """The differences of a config from the file's as text: the name of its run directory."""
        return _recipe.label(self._file, resolved)

    def command(self) -> str:
        """The command line of this process."""
        spec = sys.modules["__main__"].__spec__
        program = _flags.named(f"python -m {spec.name}") if spec else f"python {sys.argv[0]}"
        return f"{program} {shlex.join(sys.argv[1:])}".rstrip()

    def start_jax(self) -> None:
        """Import jax, with a device per CPU core and a cache of compiled programs on disk.

        With the flags of several hosts, or as one of several tasks of a Slurm step, join the other
        processes; a launcher without those flags is on its own there.
        """
        from lstmx.parallel import mesh

        mesh.use_cores()
        mesh.cache_programs()
        values = flags.FLAGS.flag_values_dict()
        names = ("coordinator_address", "num_processes", "process_id")
        given = [values.get(name) for name in names]
        step = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) if "process_id" in values else 1
        if any(v is not None for v in given) or step > 1:
            self.joined = True
            mesh.connect(*given, timeout=values["initialization_timeout"])

    def explained(self) -> str:
        """The memory and time that a run of the config will need, as a table; starts jax."""
        self.start_jax()
        from ._explain import explain

        return explain(self.config)

    @property
    def _file(self) -> _recipe.Recipe:
        assert self.recipe is not None, "this launcher has no flag --config"
        return self.recipe

"""Do runs: `run(configs, workdir)` trains, logs, evaluates, checkpoints and resumes."""

from lstmx.runner.loop import run

__all__ = ["run"]

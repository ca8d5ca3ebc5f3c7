"""What goes to users: the checks of wheel and sdist, extras, and the workflows that run them."""

import shlex

import pytest
import yaml
from launching import ROOT
from test_command import PROJECT

from lstmx import _command
from tests import distribution

pytestmark = [pytest.mark.no_jax, pytest.mark.files]
WORKFLOWS = ROOT / ".github" / "workflows"


def test_wheel_with_too_much_or_too_little_is_refused():
    right = [*distribution.IN_WHEEL, "lstmx-1.0.dist-info/METADATA"]
    assert distribution.complaints(right, wheel=True) == []
    wrong = [*right[1:], "experiments/train.py", "lstmx/launchers/benchmark.py", "lstmx/a.pyc"]
    assert distribution.complaints(wrong, wheel=True) == [
        "lstmx/__init__.py is missing",
        "lstmx/a.pyc should not be there",
        "experiments would be a package of its own",
        "lstmx/launchers/benchmark.py is of a checkout only",
    ]
    assert distribution.complaints(list(distribution.IN_SDIST), wheel=False) == []
    assert distribution.complaints(["experiments/measured/a.md"], wheel=False)[-1] == (
        "experiments/measured/a.md should not be there"
    )


def test_what_is_asked_of_a_wheel_is_in_the_checkout():
    moved = {"lstmx/launchers": "experiments", "lstmx/recipes": "configs"}
    for name in distribution.IN_WHEEL:
        for there, here in moved.items():
            name = name.replace(there, here)
        assert (ROOT / name).exists(), name
    assert {shlex.split(command)[0] for command in distribution.COMMANDS} <= set(
        _command.launchers()
    )


def workflow(name):
    return yaml.safe_load((WORKFLOWS / name).read_text("utf-8"))


def steps(job):
    return [step.get("run") or step["uses"].partition("@")[0] for step in job["steps"]]


def test_release_is_built_tried_and_published_without_a_token():
    # YAML 1.1, which GitHub does not read, has `on` for True.
    release = workflow("release.yml")
    assert release[True] == {"push": {"tags": ["v*"]}}
    jobs = release["jobs"]
    assert "python -m tests.distribution --out=dist" in steps(jobs["build"])
    assert (jobs["use"]["needs"], jobs["publish"]["needs"]) == ("build", "use")
    assert "python -m tests.distribution --out=dist --use" in steps(jobs["use"])
    supported = [c.rpartition(" ")[2] for c in PROJECT["project"]["classifiers"] if "3." in c]
    assert jobs["use"]["strategy"]["matrix"]["python"] == supported
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert steps(jobs["publish"])[-1] == "pypa/gh-action-pypi-publish"
    assert "secrets" not in (WORKFLOWS / "release.yml").read_text("utf-8")


def test_every_commit_runs_what_a_contributor_runs():
    jobs = workflow("ci.yml")["jobs"]
    assert ".ci/run" in steps(jobs["all"])
    assert (ROOT / ".ci" / "run").exists()
    assert "python -m tests.distribution --out=dist --use" in steps(jobs["wheel"])


def test_extras_are_those_that_users_are_told_of():
    extras = PROJECT["project"]["optional-dependencies"]
    told = "search text forecast slurm tensorboard notebooks docs cuda12 cuda13 tpu peers"
    assert set(told.split()) <= set(extras)
    assert extras["tensorboard"][0].startswith("tensorboard>=")

"""The study of a search: where it is stored, what it holds, and how workers agree on it.

A study is a journal file, an SQLite file or a PostgreSQL database. Whoever comes first makes it,
with all its trials waiting; a trial has its number, its block and, unless TPE chooses it later, its
point from then on. Optuna's own retries are not used: they end a killed trial as failed and add
another one with a new number, and a journal has none.
"""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from lstmx import config as cfg
from lstmx import experiment, sweep
from lstmx.config import ConfigDict
from lstmx.search import widths
from lstmx.search.sampling import points
from lstmx.search.space import Choice, Range, Searched, recorded
from lstmx.search.spec import Search, point, searched, usual
from lstmx.search.storage import Place, file_of, locked, locks, opened, shown, storage_errors

FEWEST_BLOCKS = 4
"""Blocks that a study has at least, so that several workers share it."""


class Study(NamedTuple):
    """An open study.

    Attributes:
        optuna: the study of Optuna.
        storage: where it is stored.
        id: of the study in the storage.
        search: its space, sampler and pruning.
        config: what the points override.
        folder: of the workers' locks, below the folder of the runs.
        workdir: the folder of all run directories.
    """

    optuna: optuna.Study
    storage: BaseStorage
    id: int
    search: Search
    config: ConfigDict
    folder: Path
    workdir: Path

    @property
    def attrs(self) -> dict[str, Any]:
        """What was stored with `set`."""
        return self.storage.get_study_user_attrs(self.id)

    def set(self, key: str, value: Any) -> None:
        """Store a plain JSON value."""
        self.optuna.set_user_attr(key, value)

    def trial_id(self, number: int) -> int:
        """The id of a trial in the storage."""
        return self.storage.get_trial_id_from_study_id_trial_number(self.id, number)


def load(place: Place, search: Search, config: ConfigDict) -> Study:
    """The study that exists there.

    Raises:
        ValueError: no such study, or one of another search.
        OSError: the storage cannot be reached.
    """
    file = file_of(place, config)
    if file is not None and not file.exists():  # opening it would make it
        raise ValueError(f"{file} is missing; no worker has started this study")
    with storage_errors(place):
        storage = opened(place, config)
        try:
            found = optuna.load_study(study_name=place.name, storage=storage)
        except KeyError:
            raise ValueError(f"{shown(place)} has no study {place.name!r}") from None
        study = _study(found, storage, place, search, config)
        _compare(study)
    return study


def join(
    place: Place,
    search: Search,
    config: ConfigDict,
    *,
    trials: int | None,
    block: int | None,
    most: int,
    metric: tuple[str, bool],
    mask: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Study:
    """The study, made or extended where necessary; several workers may call this at once.

    Args:
        place: where it is.
        search: what it searches.
        config: what its points override.
        trials: their number; None is that of the search, or that of the study if it is larger.
        block: trials that are trained together; None is chosen.
        most: the largest block to choose.
        metric: the selection metric of the runs, and whether more of it is better.
        mask: whether trials that are added share programs though their hidden sizes differ.
        say: gets a line on trials that cannot.

    Raises:
        ValueError: a study of another search; fewer trials than it has; another size of blocks
            where no trials are added; a point that the config refuses, or that occurs twice.
        OSError: the storage cannot be reached or written.
    """
    listed = _listed(search, config, trials or usual(search))  # checked before anything is written
    folder = locks(place, config)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder), storage_errors(place):
        storage = opened(place, config)
        made = optuna.create_study(
            study_name=place.name,
            storage=storage,
            load_if_exists=True,
            direction="maximize" if metric[1] else "minimize",
        )
        study = _study(made, storage, place, search, config)
        if "search" in study.attrs:
            _compare(study)
        segments = _planned(study, trials, block, most)
        waiting = _templates(study, segments, listed, mask, say)
        if "search" not in study.attrs:
            study.set("metric", list(metric))
            study.set("search", _record(search, config))
        if segments != study.attrs.get("segments", []):
            study.set("segments", segments)
        for template in waiting:
            storage.create_new_trial(study.id, template)
    return study


def distributions(search: Search) -> dict[str, BaseDistribution]:
    """Key -> the distribution of Optuna, over the searched values."""
    return {key: _distribution(axis) for key, axis in searched(search).items()}


def _study(
    found: optuna.Study, storage: BaseStorage, place: Place, search: Search, config: ConfigDict
) -> Study:
    number = storage.get_study_id_from_name(place.name)
    return Study(found, storage, number, search, config, locks(place, config), place.workdir)


def _distribution(axis: Range | Choice) -> BaseDistribution:
    if isinstance(axis, Choice):
        return CategoricalDistribution(axis.names)
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def _planned(study: Study, trials: int | None, block: int | None, most: int) -> list[list[int]]:
    """The segments of the study, [start, stop, size of blocks], with those that are added.

    A segment's blocks depend on nothing but these numbers and the points, so that a worker that was
    killed while it added trials leaves the same ones to be added.
    """
    segments: list[list[int]] = study.attrs.get("segments", [])
    have = segments[-1][1] if segments else 0
    wanted = trials if trials is not None else max(usual(study.search), have)
    if wanted < have:
        raise ValueError(f"--trials={wanted}, but the study has {have} trials; expected more")
    if wanted > have:
        size = block or max(1, min(most, math.ceil((wanted - have) / FEWEST_BLOCKS)))
        return [*segments, [have, wanted, size]]
    if block is not None and block != segments[-1][2]:
        raise ValueError(
            f"--block={block}, but the trials of this study are in blocks of {segments[-1][2]}; "
            "it can be chosen for trials that --trials adds"
        )
    return segments


def _listed(
    search: Search, config: ConfigDict, count: int
) -> tuple[list[dict[str, Searched]], list[ConfigDict]]:
    """Searched values and config of the first trials; nothing where TPE will choose them.

    Raises:
        ValueError: a point that the config refuses, or two trials that are the same run.
    """
    if search.sampler == "tpe":
        return [], []
    values = points(search, 0, count)
    overrides = [point(search, one, number) for number, one in enumerate(values)]
    return values, _resolved(config, overrides, search.budget)


def _templates(
    study: Study,
    segments: list[list[int]],
    listed: tuple[list[dict[str, Searched]], list[ConfigDict]],
    mask: bool,
    say: Callable[[str], None],
) -> list[optuna.trial.FrozenTrial]:
    """The trials that the study lacks, in their order.

    Args:
        study: that lacks them.
        segments: of the whole study.
        listed: points and configs, as far as they are known.
        mask: whether trials of several hidden sizes share programs.
        say: gets a line on trials that cannot.
    """
    search, have = study.search, len(study.optuna.get_trials(deepcopy=False))
    if not segments or have == segments[-1][1]:
        return []
    if search.sampler == "tpe":
        blocks = [n - (n - low) % size for low, high, size in segments for n in range(low, high)]
        return [
            optuna.create_trial(state=TrialState.WAITING, user_attrs={"block": block})
            for block in blocks[have:]
        ]
    total = segments[-1][1]
    values, configs = listed if len(listed[0]) >= total else _listed(search, study.config, total)
    attrs: list[dict[str, Any]] = []
    for low, high, size in segments:
        numbers, programs = widths.blocks(configs[low:high], low, size, mask=mask, say=say)
        attrs += [{"block": b, widths.PROGRAM: p} for b, p in zip(numbers, programs)]
    spread = distributions(search)
    return [
        optuna.create_trial(
            state=TrialState.WAITING,
            params=values[n],
            distributions=spread,
            user_attrs=attrs[n],
        )
        for n in range(have, total)
    ]


def _resolved(
    config: ConfigDict, overrides: list[sweep.Point], budget: tuple[str, int] | None
) -> list[ConfigDict]:
    try:
        found = sweep.resolve(config, overrides)
    except ValueError as error:
        # "sweep point 3" is the trial of that number.
        text = re.sub(r"^sweep point(s?) ", r"trial\1 ", str(error))
        if "are the same run" in text:
            text = text.replace(
                "leave one out", 'add "seed": numbered() to the space, or use sampler "grid"'
            )
        raise ValueError(text) from None
    return found if budget is None else experiment.fit(found, budget)


def _record(search: Search, config: ConfigDict) -> dict[str, Any]:
    """What all workers of a study must agree on, as plain JSON values."""
    space = {key: recorded(axis) for key, axis in search.space.items()}
    return {
        "space": cfg.to_dict(space),
        "sampler": search.sampler,
        "pruning": search.pruning,
        "seed": search.seed,
        "config": json.loads(cfg.canonical(config)),
        **({"budget": list(search.budget)} if search.budget else {}),
        **({"mean_over": _plain(search.mean_over)} if search.mean_over else {}),
    }


def _plain(values: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    return {key: list(chosen) for key, chosen in values.items()}


def _compare(study: Study) -> None:
    """Raises ValueError where the study is one of another search."""
    stored = study.attrs.get("search", {})
    differing = cfg.difference(stored, _record(study.search, study.config))
    if differing:
        keys = "; ".join(f"{k}: {a!r} there, {b!r} requested" for k, (a, b) in differing.items())
        raise ValueError(
            f"study {study.optuna.study_name!r} is another search ({keys}); choose another "
            "--workdir or another name of the config"
        )

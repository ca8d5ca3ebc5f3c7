"""What a user gets wrong is one line with the mistake and the remedy, and costs nothing.

Every command line goes through the real launchers. Exit code 2, one line on stderr, and the folder
is afterwards what it was before.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys

import pytest
from launching import ROOT

pytestmark = pytest.mark.files

ADDING = ROOT / "configs" / "adding.py"
TRAIN = f"train --config={ADDING}:quick --workdir=runs"
TRAIN_MINE = "train --config=mine.py --workdir=runs"
UNREACHABLE = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")

MINE = """
from lstmx import config as cfg
from lstmx import sweep as sw

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=10, batch_size=4)
    c.model.cell = cfg.cell("rnn", hidden_size=4)
    c.steps = c.log_every = c.eval_every = 2
    c.eval_batches = 1
    {line}
    return c
"""

WRONG_VALUES = """
model.cell.hiden_size=5     | unknown config key .*hiden_size.*did you mean 'model.cell.hidden_size'
stepz=3                     | unknown config key 'stepz'; did you mean 'steps'
steps=ten                   | steps='ten' has the wrong type; expected int
steps=2.5                   | steps='2.5' has the wrong type; expected int
model.cell.hidden_size=big  | hidden_size='big' has the wrong type; expected int
model.bidirectional=maybe   | bidirectional='maybe' has the wrong type; expected bool
evals=5                     | evals=5 has the wrong type; expected a section
evals={'valid':3}           | evals.valid=3; expected a dict
evals={}                    | evals is empty; expected at least one
evals={'valid':{'lenght':5}} | evals.valid: 'lenght'; did you mean 'length'
evals={'valid':{'batch_size':0}} | batch_size=0; expected at least 1
evals={'valid':{'split':'vallid'}} | unknown split 'vallid'; did you mean 'valid'
model.cell=gruu             | unknown cell 'gruu'; did you mean 'gru'\\? known: .*gru, .*lstm, .*rnn
model.cell=my_lab.cells.gru | no module 'my_lab' can be imported; put its folder on PYTHONPATH
task.name=addding           | unknown task 'addding'; did you mean 'adding'
optimizer.name=adamm        | unknown optimizer 'adamm'; did you mean 'adam'
optimizer.schedule=cosin    | unknown schedule 'cosin'; did you mean 'cosine'
model.engine=fussed         | unknown engine 'fussed'; .*known: .*auto, .*scan
model.cell.variant=XX       | unknown variant 'XX'; known: CIFG, .*NP, V
model.cell.hidden_size=0    | hidden_size=0; expected at least 1
model.cell.hidden_size=-3   | hidden_size=-3; expected at least 1
model.cell.block_size=3     | hidden_size=64 does not divide .*block_size=3.*; expected a divisor
model.cell.forget_bias=inf  | model.cell.forget_bias=inf; expected a finite number
task.batch_size=0           | batch_size=0; expected at least 1
task.length=-5              | length=-5; expected at least 2
steps=0                     | steps=0; expected at least 1
log_every=0                 | log_every=0; expected at least 1
eval_batches=0              | eval_batches=0; expected at least 1
model.layers=0              | model.layers=0; expected at least 1
model.hidden_sizes=(0,)     | model.hidden_sizes=.0,.; expected whole numbers of at least 1
model.hidden_sizes=(4,5)    | names 2 layers; expected model.layers=1
model.embed_features=5      | embed_features=5 embeds tokens, but inputs='vector'; leave it at 0
patience=-1                 | patience=-1; expected 0 or more
seed=-1                     | seed=-1; expected 0 or more
hparams.learning_rate=nan   | hparams.learning_rate=nan; expected a finite number
hparams.learning_rate=-1    | hparams.learning_rate=-1.0; expected 0 or more
model.dropout=1.5           | model.dropout=1.5; expected 0 or more and below 1
eval_every=15               | eval_every=15; expected a multiple of log_every=10
model.cell=...              | cell '...' is no name of a module; expected .*lstm
curriculum={1,2}            | curriculum: got {1, 2} .set.; expected numbers, texts, .*dicts
stop=1+1j                   | stop: got .1.1j. .complex.; expected numbers
eval_batches=99999999999    | eval_batches=99999999999; expected a whole number below 2..31
seed=99999999999            | seed=99999999999; expected below 2..32
model={'cell':3}            | model.cell=3 has the wrong type; expected a section
selection=eval/vallid/mse   | names no evaluation; expected one of .*eval/valid/<metric>
selection=mse               | names no evaluation; expected one of .*eval/valid/<metric>
selection=eval/valid/msee   | unknown metric 'msee'; did you mean 'mse'\\? known: loss, mse
name=a/b                    | name='a/b'; expected the name of one folder
model.cell.variant=CIFG --config.model.cell.input_gate=no | 'no' has the wrong type; expected bool
model.cell.variant=CIFG --config.model.cell.input_gate=false | coupled=True .*input_gate=False;
"""
VALUES = [tuple(map(str.strip, line.split("|"))) for line in WRONG_VALUES.strip().splitlines()]

WRONG_WORDS = [
    ("train", "--config is missing; expected a file, such as"),
    (f"train --config={ADDING}", "--workdir is missing; expected a folder"),
    (f"train --config={ADDING.with_name('addin.py')} --workdir=runs", "did you mean .*adding.py"),
    (f"train --config={ADDING}:fast --workdir=runs", "no mode 'fast'; known: full, quick"),
    (f"{TRAIN} --forse", "unknown flag --forse; did you mean --force"),
    (f"{TRAIN} --force=maybe", "--force=maybe: Non-boolean argument to boolean flag"),
    (f"{TRAIN} stray", "unexpected argument 'stray'; flags are written --name=value"),
    (f"{TRAIN} --init_from=nowhere", "nowhere is no run directory: .*; expected a folder"),
    ("evaluate", "--run is missing; expected a run directory"),
    ("evaluate --run=nowhere", "nowhere is no run directory: .*; expected a folder"),
    ("evaluate --run=nowhere --batches=0", "--batches=0; expected at least 1"),
    ("evaluate --run=nowhere --batches=99999999999", "expected at least 1 and at most 2147483647"),
    ("report", "--workdir is missing; expected a folder"),
    ("report --workdir=nowhere", "no runs found in nowhere: .*; train one with"),
    (f"sweep --config={ADDING}", "--workdir is missing; expected a folder"),
]

WRONG_FILES = [
    ("train", "def get_config(:", "mine.py, line 1: invalid syntax"),
    ("train", "x = 1", "defines no function get_config.mode.; expected one as in"),
    ("train", MINE.format(line="c.stepz = 3"), "line 11: unknown config key 'stepz'; did you mean"),
    (
        "train",
        MINE.format(line="c.task = cfg.task('forecast', horizon=0)"),
        "horizon=0; expected at least 1",
    ),
    ("sweep", MINE.format(line="pass"), "has no sweep.*; use experiments.train"),
    (
        "sweep",
        MINE.format(line="pass") + "def sweep():\n    return sw.product({'seed': [0, 0]})",
        "points 0 .seed=0. and 1 .seed=0. are the same run; leave one out",
    ),
    (
        "sweep",
        MINE.format(line="pass") + "def sweep():\n    return {'seed': [1]}",
        "sweep.. returned {'seed': .1.}; expected a list of dicts, such as",
    ),
    (
        "sweep",
        MINE.format(line="pass")
        + "def sweep():\n    return sw.product({'model.cell.hidden_size': [4, 0]})",
        "run 1 of 2, from 0: hidden_size=0; expected at least 1",
    ),
    (
        "sweep",
        MINE.format(line="pass") + "def sweep():\n    return sw.product({'steps': [2, 3]})",
        "sweep point 1 .steps=3.: steps=3; expected a multiple of log_every=2",
    ),
]


def tree(folder):
    """Every file below a folder, with what is in it."""
    return {p: p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def refused(launch, words, folder, line, **environment):
    """The command line says one line with this pattern, and leaves the folder as it is."""
    before = tree(folder)
    ended = launch(words, folder, **environment)
    assert re.fullmatch(f"error: .*{line}.*\n", ended.err), ended.err
    assert (ended.code, ended.out) == (2, "")
    assert tree(folder) == before


@pytest.fixture(scope="module")
def trained(launch, tmp_path_factory):
    """A folder with a config, a finished run of two steps and one that was interrupted."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "mine.py").write_text(MINE.format(line="pass"))
    for seed in (0, 1):
        ended = launch(f"{TRAIN_MINE} --config.seed={seed}", folder)
        assert (ended.code, ended.err.count("Unable")) == (0, 0), ended.err
    (run_directory(folder, 1) / "DONE").unlink()
    return folder


def run_directory(folder, seed):
    """The run of this seed."""
    (path,) = (folder / "runs" / "mine").glob(f"seed={seed}~*")
    return path


@pytest.mark.parametrize(("override", "line"), VALUES, ids=[o for o, _ in VALUES])
def test_wrong_value_is_refused(launch, tmp_path, override, line):
    refused(launch, f"{TRAIN} --config.{override}", tmp_path, line)


@pytest.mark.parametrize(("words", "line"), WRONG_WORDS)
def test_wrong_flag_is_refused(launch, tmp_path, words, line):
    refused(launch, words, tmp_path, line)


@pytest.mark.parametrize(("name", "text", "line"), WRONG_FILES)
def test_wrong_config_file_is_refused(launch, tmp_path, name, text, line):
    (tmp_path / "mine.py").write_text(text)
    refused(launch, f"{name} --config=mine.py --workdir=runs", tmp_path, line)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            "'images', source='mnist'",
            r"mnist/train-images.* could not be downloaded .*; get https.* by hand",
        ),
        ("'forecast', file='mine/sales.csv'", r"mine/sales.csv does not exist .*; put it"),
    ],
)
def test_missing_data_file_is_refused(launch, tmp_path, options, line):
    (tmp_path / "mine.py").write_text(MINE.format(line=f"c.task = cfg.task({options})"))
    (tmp_path / "data").mkdir()
    refused(launch, TRAIN_MINE, tmp_path, line, LSTMX_DATA="data", **UNREACHABLE)
    refused(launch, f"{TRAIN_MINE} --data_dir=data", tmp_path, line, **UNREACHABLE)


def test_data_file_with_a_wrong_checksum_is_refused(launch, tmp_path):
    (tmp_path / "mine.py").write_text(
        MINE.format(line="c.task = cfg.task('images', source='mnist')")
    )
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    for part in ("train", "t10k"):
        (tmp_path / "data" / "mnist" / f"{part}-images-idx3-ubyte.gz").write_bytes(b"not MNIST")
    line = r"images-idx3-ubyte.gz has sha256 \w{64}; expected \w{64}; delete it to fetch it again"
    refused(launch, f"{TRAIN_MINE} --data_dir=data", tmp_path, line, **UNREACHABLE)


@pytest.mark.parametrize("workdir", ["file", "file/runs", "/proc/runs"])
@pytest.mark.parametrize("name", ["train", "sweep"])
def test_workdir_that_cannot_be_written_is_refused(launch, tmp_path, name, workdir):
    sweep = "def sweep():\n    return sw.product({'seed': [0, 1]})"
    (tmp_path / "mine.py").write_text(MINE.format(line="pass") + sweep)
    (tmp_path / "file").write_text("not a folder")
    words = f"{name} --config=mine.py --workdir={workdir}"
    refused(launch, words, tmp_path, "cannot be made .*; choose another --workdir")


@pytest.mark.parametrize("override", ["seed=3", "model.cell.hidden_size=5"])
def test_override_that_the_sweep_would_undo_is_refused(launch, tmp_path, override):
    sweep = "def sweep():\n    return sw.product({'model.cell': [cfg.cell('gru')], 'seed': [0, 1]})"
    (tmp_path / "mine.py").write_text(MINE.format(line="pass") + sweep)
    words = f"sweep --config=mine.py --workdir=runs --config.{override}"
    refused(launch, words, tmp_path, f"--config.{override.split('=')[0]} would be undone by")


def test_run_directory_with_another_config_is_refused(launch, trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "copy")
    config = run_directory(folder, 0) / "config.json"
    config.write_text(config.read_text().replace('"length": 10', '"length": 11'))
    line = (
        "another config .task.length: 11 there, 10 requested.; choose another --workdir, or --force"
    )
    refused(launch, TRAIN_MINE, folder, line)


@pytest.mark.parametrize("force", ["", " --force"])
def test_run_of_another_process_is_refused(launch, trained, force):
    with (run_directory(trained, 1) / "LOCK").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        line = "is being written by another process; wait for it or choose another --workdir"
        refused(launch, f"{TRAIN_MINE} --config.seed=1{force}", trained, line)


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("--set lenght=5", "'task.lenght'; did you mean 'task.length'"),
        ("--set length", "got 'length'; expected option=value"),
        ("--set length=5,length=9", "has length twice; expected --set once for each value"),
        ("--set length=long", "task.length='long' has the wrong type; expected int"),
        ("--set split=tset", "unknown split 'tset'; did you mean 'test'"),
        ("--set convention=1997,length=10,marks=anywhere", "marks='anywhere' belongs to"),
        ("--step=7", "step=7: .* has no such checkpoint; expected one of best, latest, 2"),
        ("--step=last", "step=last: .* has no such checkpoint; expected one of best, latest, 2"),
        ("--batches=-1", "--batches=-1; expected at least 1"),
    ],
)
def test_wrong_evaluation_is_refused(launch, trained, flags, line):
    refused(launch, f"evaluate --run={run_directory(trained, 0)} {flags}", trained, line)


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("--metric=eval/valid/msee", "msee"),
        ("--by=model.cel", "model.cel"),
        ("--reference=nobody", "nobody"),
        ("--out=mine.py/report", "mine.py/report: Not a directory"),
    ],
)
def test_wrong_report_is_refused(launch, trained, flags, line):
    refused(launch, f"report --workdir=runs {flags}", trained, f"{line}.*(expected|known)")


def test_parameters_that_do_not_fit_are_refused(launch, trained):
    words = f"{TRAIN_MINE} --config.model.cell.hidden_size=6"
    line = r"its parameters do not fit this model: .* is \(.*4.*\) there and \(.*6.*\) here"
    refused(launch, f"{words} --init_from={run_directory(trained, 0)}", trained, line)


def test_traceback_is_shown_on_request(launch, tmp_path):
    ended = launch(f"{TRAIN} --config.steps=ten --traceback", tmp_path)
    assert ended.err.startswith("Traceback")
    assert ended.err.endswith("\nerror: steps='ten' has the wrong type; expected int\n")
    assert ended.code == 2


@pytest.mark.slow
def test_process_of_its_own_says_one_line_too(tmp_path):
    words = TRAIN.replace("train ", f"{sys.executable} -m experiments.train ")
    wrong = f"{words} --config.model.cell.variant=CIFG --config.model.cell.input_gate=false"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        wrong.split(), cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert re.fullmatch("error: coupled=True .*\n", ended.stderr), ended.stderr
    assert ended.returncode == 2
    assert not list(tmp_path.iterdir())

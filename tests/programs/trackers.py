"""mlflow and optuna, each with its own schema, write to two replicas; `make soak` installs both and runs this.

They are programs as they are installed, in processes of their own. The names of runs and trials say which side made them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import ROOT
from tests.programs import tools
from tests.support import command

MLFLOW = """
import json, logging, sys
import mlflow
logging.getLogger("mlflow").setLevel(logging.ERROR)
path, *arguments = sys.argv[1:]
mlflow.set_tracking_uri("sqlite:///" + path)
client = mlflow.MlflowClient()

def log(name):
    mlflow.log_params({"side": name[0], "depth": len(name)})
    for step in range(3):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.set_tag("mark", name)

def runs():
    return {run.info.run_name: run for found in client.search_experiments() for run in client.search_runs([found.experiment_id])}
"""
MLFLOW_WRITES = """
experiment, *names = arguments
mlflow.set_experiment(experiment)
for name in names:
    with mlflow.start_run(run_name=name):
        log(name)
        with mlflow.start_run(run_name=name + " nested", nested=True):
            log(name)
"""
MLFLOW_BEGINS = """
mlflow.set_experiment("shared")
mlflow.start_run(run_name=arguments[0])
mlflow.log_param("begun", "yes")
import os; os._exit(0)  # as one that was killed: the run goes on later
"""
MLFLOW_GOES_ON = """
with mlflow.start_run(run_id=runs()[arguments[0]].info.run_id):
    log(arguments[0])
"""
MLFLOW_EDITS = """
run = runs()[arguments[0]].info.run_id
client.set_tag(run, "seen by", arguments[1])
client.log_metric(run, "loss", 0.1, step=7)
"""
MLFLOW_SHOWS = """
print(json.dumps({
    found.name: {
        run.info.run_name: [
            run.info.status, run.data.params, run.data.metrics,
            [metric.value for metric in client.get_metric_history(run.info.run_id, "loss")],
            {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")},
            run.data.tags.get("mlflow.parentRunId") in (None, *(r.info.run_id for r in runs().values())),
        ]
        for run in client.search_runs([found.experiment_id])
    }
    for found in client.search_experiments()
}))
"""

OPTUNA = """
import json, sqlite3, subprocess, sys
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
path, *arguments = sys.argv[1:]
storage = "sqlite:///" + path
"""
OPTUNA_CREATES = """
optuna.storages.get_storage(storage)
"""
OPTUNA_WRITES = """
name, side, count, root, *meanwhile = arguments
study = optuna.create_study(
    storage=storage, study_name=name, load_if_exists=True, sampler=optuna.samplers.TPESampler(seed=1, n_startup_trials=2)
)
study.set_user_attr("written by " + side, True)

def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    trial.suggest_categorical("kind", ["p", "q"])
    trial.report(x, 0)
    if meanwhile:
        subprocess.run(meanwhile, check=True, capture_output=True, cwd=root)
    trial.report(x / 2, 1)
    trial.set_user_attr("mark", side + str(len(study.trials)))
    return x * x

study.optimize(objective, n_trials=int(count))
"""
OPTUNA_SHOWS = """
def described(trial):
    assert trial.value == trial.params["x"] ** 2
    return [trial.state.name, sorted(trial.params), sorted(trial.intermediate_values), trial.user_attrs["mark"][0]]

print(json.dumps({
    summary.study_name: [
        sorted(described(trial) for trial in study.trials), study.user_attrs, study.best_value == min(t.value for t in study.trials),
        summary.n_trials, len({trial.number for trial in study.trials}),
    ]
    for summary in optuna.get_all_study_summaries(storage)
    for study in [optuna.load_study(storage=storage, study_name=summary.study_name)]
}))
"""
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet", "PYTHONWARNINGS": "ignore"}


def interpreter() -> Path:
    """Return the Python that has the tools."""
    found = os.environ.get("CRDTSQL_TOOLS")
    if found is None:
        pytest.fail("`make soak` installs the programs and says in CRDTSQL_TOOLS which Python has them", pytrace=False)
    return Path(found).absolute()


def mlflow(path: Path, script: str, *arguments: str) -> Any:
    """Run a script with a tracking store of mlflow's."""
    return tools.python(MLFLOW + script, path, *arguments, folder=path.parent, interpreter=interpreter(), **QUIET)


def optuna(path: Path, script: str, *arguments: str) -> Any:
    """Run a script with a storage of optuna's."""
    return tools.python(OPTUNA + script, path, *arguments, folder=path.parent, interpreter=interpreter(), **QUIET)


def optimize(path: Path, study: str, side: str, count: str, *meanwhile: str) -> None:
    """Let optuna make some trials of a study, and run a command in the middle of each."""
    optuna(path, OPTUNA_WRITES, study, side, count, str(ROOT), *meanwhile)


def prepare_mlflow(path: Path) -> None:
    """Do what the guide says for a store of mlflow's."""
    mlflow(path, "client.search_experiments()")
    command.ok("enable", path, "--all")
    command.ok("unique", path, "experiments", "workspace,name", "same")


def prepare_optuna(path: Path) -> None:
    """Do what the guide says for a storage of optuna's."""
    optuna(path, OPTUNA_CREATES)
    command.execute(path, "CREATE UNIQUE INDEX trial_number ON trials (study_id, number)")
    command.ok("enable", path, "--all")
    command.ok("unique", path, "studies", "study_name", "same")
    command.ok("unique", path, "trials", "study_id,number", "suffix")
    command.ok("ids", path, "trials", "autoincrement")


def clone(path: Path) -> Path:
    """Make the other replica."""
    command.ok("clone", path, path.with_name("b.db"))
    return path.with_name("b.db")


def check(*paths: Path, held: Iterable[str]) -> None:
    """Both files hold to their constraints and are equal; doctor finds nothing broken, and nothing is held for another reason."""
    tools.check(*paths)
    for path in paths:
        command.ok("doctor", path)
        reasons = {reason.partition(":")[0] for reasons in tools.held(path).values() for reason in reasons}
        assert reasons <= {*held}, tools.held(path)


def logged(name: str, *values: float, **tags: str) -> list[Any]:
    """Return what mlflow shows of a run that `log` wrote."""
    history = [1.0, 1 / 2, 1 / 3, *values]
    params = {"side": name[0], "depth": str(len(name))}
    return ["FINISHED", params, {"loss": history[-1]}, history, {"mark": name} | tags, True]


def test_mlflow_shows_every_run_of_both_sides(tmp_path: Path) -> None:
    """Runs of experiments that both sides create stand under one experiment on both, with all that was logged, whoever logged it."""
    a = tmp_path / "a.db"
    prepare_mlflow(a)
    b = clone(a)
    mlflow(a, MLFLOW_WRITES, "shared", "a1", "a2")
    mlflow(b, MLFLOW_WRITES, "shared", "b1")
    mlflow(b, MLFLOW_BEGINS, "b2")
    tools.sync(a, b)
    mlflow(a, MLFLOW_EDITS, "b1", "a")
    mlflow(a, MLFLOW_WRITES, "later", "a3")
    mlflow(b, MLFLOW_GOES_ON, "b2")
    mlflow(b, MLFLOW_WRITES, "later", "b3")
    mlflow(b, MLFLOW_WRITES, "shared", "b4")
    tools.sync(a, b)
    check(a, b, held=("united", "masked"))
    begun = logged("b2")
    begun[1]["begun"] = "yes"
    nested = {f"{name} nested": logged(name) for name in ("a1", "a2", "b1", "b4")}
    shared = {name: logged(name) for name in ("a1", "a2", "b4")} | {
        "b1": logged("b1", 0.1, **{"seen by": "a"}),
        "b2": begun,
    }
    later = {name + nest: logged(name) for name in ("a3", "b3") for nest in ("", " nested")}
    for path in (a, b):
        assert mlflow(path, MLFLOW_SHOWS) == {"Default": {}, "shared": shared | nested, "later": later}


def test_optuna_shows_every_trial_of_both_sides(tmp_path: Path) -> None:
    """Trials of a study that both sides create stand under one study on both, each under a number of its own."""
    a = tmp_path / "a.db"
    prepare_optuna(a)
    b = clone(a)
    optimize(a, "shared", "a", "3")
    optimize(b, "shared", "b", "4")
    tools.sync(a, b)
    optimize(a, "shared", "a", "2")
    optimize(b, "shared", "b", "2")
    optimize(b, "of b", "b", "1")
    tools.sync(a, b)
    optimize(b, "shared", "b", "1")
    optimize(a, "shared", "a", "2", sys.executable, "-m", "crdtsql", "sync", str(a), str(b))
    tools.sync(a, b)
    check(a, b, held=("united", "masked", "unique"))
    trial = ["COMPLETE", ["kind", "x"], [0, 1]]
    both = {f"written by {side}": True for side in "ab"}
    for path in (a, b):
        assert optuna(path, OPTUNA_SHOWS) == {
            "shared": [[[*trial, "a"]] * 7 + [[*trial, "b"]] * 7, both, True, 14, 14],
            "of b": [[[*trial, "b"]], {"written by b": True}, True, 1, 1],
        }


def test_stores_that_were_filled_separately_are_combined(tmp_path: Path) -> None:
    """After `combine` mlflow shows the runs, and optuna the trials, of two stores that never met, under the names that both have."""
    for folder in ("mlflow", "optuna"):
        (tmp_path / folder).mkdir()
    for side in "ab":
        mlflow(tmp_path / "mlflow" / f"{side}.db", MLFLOW_WRITES, "shared", f"{side}1", f"{side}2")
        optimize(tmp_path / "optuna" / f"{side}.db", "shared", side, "2")
    a = tmp_path / "mlflow" / "a.db"
    prepare_mlflow(a)
    command.ok("combine", a, a.with_name("b.db"))
    check(a, held=("united", "masked"))
    names = {name + nest: logged(name) for name in ("a1", "a2", "b1", "b2") for nest in ("", " nested")}
    assert mlflow(a, MLFLOW_SHOWS) == {"Default": {}, "shared": names}
    a = tmp_path / "optuna" / "a.db"
    prepare_optuna(a)
    command.ok("combine", a, a.with_name("b.db"))
    check(a, held=("united", "masked", "unique", "check"))  # the second row of a table that may only have one
    (trials, *rest) = optuna(a, OPTUNA_SHOWS)["shared"]
    assert [side for *_, side in trials] == ["a", "a", "b", "b"]
    assert rest[1:] == [True, 4, 4]

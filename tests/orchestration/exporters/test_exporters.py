"""The exporters: what they write is the same each time, is what the other system reads, and does no work itself."""

import ast
import json

import pytest
from ruamel.yaml import YAML

from headrace import lookup
from headrace.cli import main
from headrace.errors import InvalidInput
from headrace.orchestration.exporters.airflow import Airflow
from headrace.orchestration.exporters.kubeflow import Kubeflow
from headrace.orchestration.exporters.kubernetes import Kubernetes
from headrace.orchestration.exporting import Exported, Parameter, Task
from headrace.orchestration.schedule import Schedule

EXPORTED = Exported(
    "late_flights",
    "flows/late.py:late_flights",
    (Parameter("depth", 8, "integer"), Parameter("rate", 0.1, "number"), Parameter("who", 'a"b', "string")),
    (
        Task("ingest", (), 0, None, "late.py, line 3"),
        Task("train", ("ingest",), 2, 600.0, "late.py, line 4"),
        Task("score_all", ("train", "ingest"), 0, None, "late.py, line 5"),
    ),
    Schedule("0 6 * * *", "Europe/Zurich"),
)


def _documents(text):
    return list(YAML(typ="safe", pure=True).load_all(text))


@pytest.mark.parametrize("exporter", [Airflow(), Kubeflow(image="r/f:3"), Kubernetes(image="r/f:3")])
def test_equal_pipelines_give_equal_bytes(exporter):
    """No time, no random name and no path of this machine is in what is written."""
    text = exporter.text(EXPORTED)
    assert text == exporter.text(EXPORTED)
    assert "/work" not in text and "/home" not in text and "/tmp/" not in text
    assert text.splitlines()[0].strip('#" ').startswith("Made by `headrace export")


def test_airflow_is_python_that_imports_airflow_alone():
    """Parsing the file runs nothing of the user's; retries, time-outs and the schedule are there."""
    text = Airflow(pool="small").text(EXPORTED)
    tree = ast.parse(text)
    modules = {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules == {"airflow", "datetime", "os", "pathlib"}
    waits = "retry_delay=timedelta(seconds=0)"
    assert f'step_train = step("train", retries=2, {waits}, execution_timeout=timedelta(seconds=600))' in text
    assert 'CronTriggerTimetable("0 6 * * *", timezone="Europe/Zurich")' in text
    assert "[step_train, step_ingest] >> step_score_all" in text and "[step_score_all] >> end" in text
    assert 'pool="small"' in text and """Param('a"b', type="string")""" in text


def test_parameters_reach_the_shell_as_variables():
    """A value that a person types into Airflow's form is never text of a command."""
    text = Airflow().text(EXPORTED)
    assert '--set who="$HEADRACE_SET_WHO"' in text and '"HEADRACE_SET_WHO": "{{ params.who }}"' in text
    assert text.count("{{ params.who }}") == 1


@pytest.mark.parametrize("style", ["container", "lightweight"])
def test_kubeflow_is_whole(style):
    """Every task names a component, every component an executor; needs are dependent tasks; the last always runs."""
    (found,) = _documents(Kubeflow(image="r/f:3", style=style).text(EXPORTED))
    tasks = found["root"]["dag"]["tasks"]
    assert list(tasks) and set(tasks) == {"begin", "ingest", "train", "score-all", "end"}
    for task in tasks.values():
        component = found["components"][task["componentRef"]["name"]]
        assert component["executorLabel"] in found["deploymentSpec"]["executors"]
        assert set(task["inputs"]["parameters"]) == set(component["inputDefinitions"]["parameters"])
        assert set(task.get("dependentTasks", ())) <= set(tasks)
    assert tasks["score-all"]["dependentTasks"] == ["begin", "train", "ingest"]
    assert tasks["train"]["retryPolicy"]["maxRetryCount"] == 2
    assert tasks["end"]["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    assert found["root"]["inputDefinitions"]["parameters"]["rate"] == {
        "parameterType": "NUMBER_DOUBLE",
        "defaultValue": 0.1,
        "isOptional": True,
    }


def test_kubernetes_says_what_an_operator_asks():
    """Probes, a limit, no root, no right, no token, a budget to drain; the schedule with its time zone."""
    found = {item["kind"]: item for item in _documents(Kubernetes(image="r/f:3", replicas="3").text(EXPORTED))}
    assert set(found) == {"Deployment", "Service", "HorizontalPodAutoscaler", "CronJob"}
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (server,) = pod["containers"]
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(server)
    assert server["resources"]["limits"] == {"memory": "1Gi"} and server["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
    assert (
        found["CronJob"]["spec"]["schedule"] == "0 6 * * *" and found["CronJob"]["spec"]["timeZone"] == "Europe/Zurich"
    )
    assert found["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == 3
    selector = found["Deployment"]["spec"]["selector"]["matchLabels"]
    assert found["Service"]["spec"]["selector"] == selector


def test_kubernetes_is_valid(tmp_path):
    """The manifests pass the API's own schemas, strictly: no unknown field, none of another type."""
    import kubernetes_validate as validate

    for item in _documents(Kubernetes(image="r/f:3").text(EXPORTED)):
        validate.validate(item, "1.31", strict=True)


def test_refusals_are_told_at_export(project):
    """What the other system cannot do is said at the line that asks for it, before anything is written."""
    for make, reason in (
        (lambda: Kubeflow(), "image is not said"),
        (lambda: Kubernetes(), "image is not said"),
        (lambda: Kubeflow(image="x", style="fat"), "container or lightweight"),
        (lambda: Kubernetes(image="x", replicas="few"), "whole number"),
        (lambda: Airflow(start="soon"), "2024-01-01"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            make()
    project.write(
        """
        @hr.step
        def end(values: list) -> int:
            return len(values)

        @hr.pipeline
        def flow(values: list = []):
            end(values)

        @hr.pipeline
        def other(n: int = 1):
            end([n])
        """
    )
    from pathlib import PurePosixPath

    with pytest.raises(InvalidInput, match="parameter 'values'"):
        Exported.of(project.pipeline("flow"), PurePosixPath("flow.py"))
    with pytest.raises(InvalidInput, match=r"a step is called 'end'.*line 13"):
        Exported.of(project.pipeline("other"), PurePosixPath("flow.py"))


def test_the_command(project, monkeypatch, capsys):
    """`headrace export` prints the file or writes it; a wrong system or option is answered with the nearest."""
    project.write(
        """
        @hr.step
        def make(n: int) -> int:
            return n

        @hr.pipeline
        def flow(n: int = 4):
            make(n)
        """
    )
    monkeypatch.chdir(project.folder)
    assert sorted(lookup.names("exporter")) == ["airflow", "kubeflow", "kubernetes"]
    assert main(["export", "airflow", project.file.name]) == 0
    printed = capsys.readouterr().out
    assert main(["export", "airflow", project.file.name, "--to", "dag.py"]) == 0
    assert (project.folder / "dag.py").read_text() == printed and f"{project.file.name}:flow" in printed
    assert main(["export", "airflaw", project.file.name]) == 2
    assert "did you mean 'airflow'" in capsys.readouterr().err
    assert main(["export", "kubeflow", project.file.name, "--set", "imgae=x"]) == 2
    assert "did you mean 'image'" in capsys.readouterr().err
    assert json.dumps(sorted(path.name for path in project.folder.iterdir() if path.suffix == ".py")).count("dag") == 1


def _trying(retries, backoff_s, backoff_factor):
    """The pipeline with one step that is tried again so."""
    task = Task("train", (), retries, None, "late.py, line 4", backoff_s, backoff_factor)
    return Exported("late_flights", "late.py:late_flights", (), (task,))


def test_waits_between_tries_are_said_in_their_words():
    """Airflow's waits double or stay as they are, Kubeflow's grow by any factor; both an hour at most."""
    told = [Airflow().text(_trying(*numbers)) for numbers in ((3, 10.0, 2.0), (3, 10.0, 1.0), (1, 10.0, 5.0))]
    wait = "retry_delay=timedelta(seconds=10)"
    doubling = "retry_exponential_backoff=True, max_retry_delay=timedelta(seconds=3600)"
    assert f"retries=3, {wait}, {doubling})" in told[0]
    assert f"retries=3, {wait})" in told[1] and f"retries=1, {wait})" in told[2]
    with pytest.raises(InvalidInput, match=r"backoff_factor=5 of step 'train'.*late.py, line 4.*expected 1 or 2"):
        Airflow().text(_trying(3, 10.0, 5.0))
    (found,) = _documents(Kubeflow(image="r/f:3").text(_trying(3, 10.0, 1.5)))
    assert found["root"]["dag"]["tasks"]["train"]["retryPolicy"] == {
        "maxRetryCount": 3,
        "backoffDuration": "10s",
        "backoffFactor": 1.5,
        "backoffMaxDuration": "3600s",
    }


ASKS = """import headrace as hr

@hr.step
def make(n: int) -> int:
    return n

@hr.pipeline
def asks(n: int = 1):
    made = make(n)
    make(hr.approval(made))
"""


@pytest.mark.parametrize("system", ["airflow", "kubeflow"])
def test_a_pipeline_that_asks_a_person_is_refused(tmp_path, monkeypatch, capsys, system):
    """At export, with the line: the other system could not wait for our person."""
    (tmp_path / f"asks_{system}.py").write_text(ASKS)
    monkeypatch.chdir(tmp_path)
    image = ["--set", "image=r/f:3"] if system == "kubeflow" else []
    assert main(["export", system, f"asks_{system}.py", *image]) == 2
    said = capsys.readouterr().err
    assert f"asks_{system}.py, line 10" in said and "waits for a person" in said

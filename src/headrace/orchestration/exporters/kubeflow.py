"""Kubeflow Pipelines 2: the pipeline's intermediate representation, whose tasks are our commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.orchestration.exporting import Exported, Exporter, as_yaml, check_image, made_by, refuse_asking
from headrace.orchestration.patience import LONGEST_S

__all__ = ["Kubeflow"]

_TYPES = {"boolean": "BOOLEAN", "integer": "NUMBER_INTEGER", "number": "NUMBER_DOUBLE", "string": "STRING"}
_STYLES = ("container", "lightweight")

# In an image: the project's folder, then our command.
_SHELL = 'cd "${HEADRACE_PROJECT:-/app}" && exec "${HEADRACE_COMMAND:-headrace}" step "$@"'

# Where there is no image: a function that Kubeflow's own executor calls, as its SDK writes them. The SDK's local runner
# takes nothing else, and must find no `pip install` in it.
_EXECUTOR = (
    'program_path=$(mktemp -d)\nprintf "%s" "$0" > "$program_path/ephemeral_component.py"\n'
    "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main "
    '--component_module_path "$program_path/ephemeral_component.py" "$@"\n'
)
_PROGRAM = """\
from typing import *


def headrace(*words: str) -> str:
    import os, subprocess

    command = [os.environ.get("HEADRACE_COMMAND", "headrace"), "step", *words]
    folder = os.environ.get("HEADRACE_PROJECT", "/app")
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="")
    if done.returncode:
        raise SystemExit(f"headrace step {words[0]} ended with exit code {done.returncode}")
    return done.stdout.strip()


"""


@dataclass(frozen=True)
class Kubeflow(Exporter):
    """A pipeline for Kubeflow Pipelines 2, as the YAML that its SDK's compiler writes (schema 2.1.0).

    Parameters
    ----------
    image : str
        The image with headrace and, in `/app` (or `HEADRACE_PROJECT`), the project; all tasks need the project's store.
    style : str
        "container": tasks are commands of the image. "lightweight": Python functions under Kubeflow's executor, which
        must be in the image; the only ones that `kfp.local` runs without Docker.

    Kubeflow's own cache is off: it knows nothing of our code and data, and ours is asked by every task. A step that
    says no fails its task. The last task runs whatever happened, says how the run ended, and fails when it did not
    succeed. A schedule is no part of a pipeline there: make a recurring run.

    Raises InvalidInput without an image, for another style, for a name that Kubeflow has no room for, and for a step
    that waits for a person.

    Source: Kubeflow Pipelines, api/v2alpha1/pipeline_spec.proto.
    """

    image: str = ""
    style: str = "container"

    def __post_init__(self) -> None:
        if self.style not in _STYLES:
            raise InvalidInput(f"style={self.style!r}", where="export kubeflow", expected=" or ".join(_STYLES))
        check_image(self.image, "kubeflow")

    def text(self, exported: Exported) -> str:
        """The pipeline's YAML."""
        refuse_asking(exported, "Kubeflow")
        return as_yaml(made_by("kubeflow", exported), [self._pipeline(exported)])

    def _pipeline(self, exported: Exported) -> dict[str, Any]:
        inputs = {item.name: _optional(_TYPES[item.json_type], item.default) for item in exported.parameters}
        ids = self._ids(exported)
        root: dict[str, Any] = {"dag": {"tasks": self._tasks(exported, ids)}}
        if inputs:
            root["inputDefinitions"] = {"parameters": inputs}
        step = {"run": _optional("STRING", ""), "step": {"parameterType": "STRING"}}
        components: dict[str, Any] = {
            "comp-begin": {
                "executorLabel": "exec-begin",
                "inputDefinitions": {"parameters": {"name": {"parameterType": "STRING"}, **inputs}},
                "outputDefinitions": {"parameters": {"Output": {"parameterType": "STRING"}}},
            },
            "comp-step": {"executorLabel": "exec-step", "inputDefinitions": {"parameters": step}},
            "comp-end": {
                "executorLabel": "exec-end",
                "inputDefinitions": {"parameters": {"run": _optional("STRING", "")}},
            },
        }
        return {
            "pipelineInfo": {"name": _id(exported.pipeline)},
            "schemaVersion": "2.1.0",
            "sdkVersion": "kfp-2.15.2",
            "components": components,
            "deploymentSpec": {"executors": self._executors(exported)},
            "root": root,
        }

    @staticmethod
    def _ids(exported: Exported) -> dict[str, str]:
        found: dict[str, str] = {}
        for task in exported.tasks:
            if _id(task.name) in found.values():
                raise InvalidInput(
                    f"Kubeflow cannot tell step {task.name!r} from another", where=task.line, fix="give it another name"
                )
            found[task.name] = _id(task.name)
        return found

    def _tasks(self, exported: Exported, ids: dict[str, str]) -> dict[str, Any]:
        run = {"taskOutputParameter": {"producerTask": "begin", "outputParameterKey": "Output"}}
        given = {item.name: {"componentInputParameter": item.name} for item in exported.parameters}
        name = {"runtimeValue": {"constant": "{{$.pipeline_job_name}}"}}
        tasks = {"begin": _task("begin", "begin", {"name": name, **given}, ())}
        for task in exported.tasks:
            before = ["begin", *(ids[need] for need in task.needs)]
            inputs = {"run": run, "step": {"runtimeValue": {"constant": task.name}}}
            made = _task("step", ids[task.name], inputs, before)
            if task.retries:
                made["retryPolicy"] = {
                    "maxRetryCount": task.retries,
                    "backoffDuration": f"{task.backoff_s:g}s",
                    "backoffFactor": float(task.backoff_factor),
                    "backoffMaxDuration": f"{LONGEST_S:g}s",
                }
            tasks[ids[task.name]] = made
        last = _task("end", "end", {"run": run}, ["begin", *(ids[name] for name in exported.last)])
        tasks["end"] = {**last, "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}
        return tasks

    def _executors(self, exported: Exported) -> dict[str, Any]:
        names = [item.name for item in exported.parameters]
        if self.style == "container":
            settings = [word for name in names for word in ("--set", f"{name}={_input(name)}")]
            output = "{{$.outputs.parameters['Output'].output_file}}"
            words = {
                "begin": ["begin", exported.target, "--name", _input("name"), "--to", output, *settings],
                "step": ["run", _input("run"), _input("step")],
                "end": ["end", _input("run")],
            }
            commands = {name: (["sh", "-c", _SHELL, "headrace"], args) for name, args in words.items()}
        else:
            asked = "".join(
                f", {name}: {_python(item.json_type)}" for name, item in zip(names, exported.parameters, strict=True)
            )
            settings_text = "".join(f', "--set", f"{name}={{{name}}}"' for name in names)
            bodies = {
                "begin": f"def begin(name: str{asked}) -> str:\n"
                f'    return headrace("begin", "{exported.target}", "--name", name{settings_text})\n',
                "step": 'def step(step: str, run: str = ""):\n    headrace("run", run, step)\n',
                "end": 'def end(run: str = ""):\n    headrace("end", run)\n',
            }
            commands = {
                name: (
                    ["sh", "-ec", _EXECUTOR, _PROGRAM + body],
                    ["--executor_input", "{{$}}", "--function_to_execute", name],
                )
                for name, body in bodies.items()
            }
        return {
            f"exec-{name}": {"container": {"image": self.image, "command": command, "args": args}}
            for name, (command, args) in commands.items()
        }


def _task(component: str, name: str, inputs: dict[str, Any], before: Any) -> dict[str, Any]:
    task = {
        "taskInfo": {"name": name},
        "componentRef": {"name": f"comp-{component}"},
        "inputs": {"parameters": inputs},
        "cachingOptions": {},
    }
    return {**task, "dependentTasks": list(before)} if before else task


def _optional(kind: str, default: Any) -> dict[str, Any]:
    return {"parameterType": kind, "defaultValue": default, "isOptional": True}


def _input(name: str) -> str:
    return f"{{{{$.inputs.parameters['{name}']}}}}"


def _python(json_type: str) -> str:
    return {"boolean": "bool", "integer": "int", "number": "float", "string": "str"}[json_type]


def _id(name: str) -> str:
    return re.sub(r"[^a-z0-9-]", "-", name.lower())

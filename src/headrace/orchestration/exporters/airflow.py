"""Airflow 3: one DAG file, whose tasks are our commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from headrace.errors import InvalidInput
from headrace.orchestration.exporting import Exported, Exporter, Task, made_by, refuse_asking
from headrace.orchestration.patience import LONGEST_S

__all__ = ["Airflow"]


@dataclass(frozen=True)
class Airflow(Exporter):
    """A DAG for Airflow 3.0 and later, written as one Python file that imports Airflow and nothing else.

    Parameters
    ----------
    start : str
        The DAG's start date, ISO 8601: ticks before it are none.
    pool : str
        The Airflow pool of its tasks; "" = the default one.

    Workers need headrace, the project's folder (`HEADRACE_PROJECT`; by default the DAG file's own) and the project's
    store. A parameter is a typed field of Airflow's form. A step that says no fails its task, and what needs it is
    `upstream_failed`; nothing is tried again unless the step has `retries`. The last task says how the run ended, and
    fails when it did not succeed, so that the DAG's run does too.

    Raises InvalidInput for a start that is no date, for waits between tries that Airflow has no words for, and for a
    step that waits for a person.

    Source: Airflow 3 documentation, "Public Interface for Airflow 3.0+", "Params", "Trigger rules".
    """

    start: str = "2024-01-01"
    pool: str = ""

    def __post_init__(self) -> None:
        from datetime import date

        try:
            date.fromisoformat(self.start)
        except ValueError:
            raise InvalidInput(f"start={self.start!r}", expected="a date, such as 2024-01-01") from None

    def text(self, exported: Exported) -> str:
        """The DAG file."""
        refuse_asking(exported, "Airflow")
        return "\n".join([*self._head(exported), *self._tasks(exported), *self._edges(exported), ""])

    def _head(self, exported: Exported) -> Iterator[str]:
        schedule = exported.schedule
        yield f'"""{made_by("airflow", exported)}"""'
        yield ""
        yield "import os"
        yield "from datetime import datetime, timedelta, timezone"
        yield "from pathlib import Path"
        yield ""
        yield "from airflow.providers.standard.operators.bash import BashOperator"
        yield "from airflow.sdk import DAG, Param"
        if schedule is not None:
            yield "from airflow.timetables.trigger import CronTriggerTimetable"
        yield ""
        yield 'PROJECT = os.environ.get("HEADRACE_PROJECT", str(Path(__file__).resolve().parent))'
        yield 'HEADRACE = os.environ.get("HEADRACE_COMMAND", "headrace")'
        # Values reach the shell through its environment, never as text of a command.
        yield """RUN = {"HEADRACE_RUN": "{{ ti.xcom_pull(task_ids='begin') }}"}"""
        yield ""
        yield "with DAG("
        yield f"    dag_id={_text(exported.pipeline)},"
        if schedule is None:
            yield "    schedule=None,"
        else:
            ticks = f"{_text(schedule.expression)}, timezone={_text(schedule.time_zone)}"
            yield f"    schedule=CronTriggerTimetable({ticks}),"
        year, month, day = (int(part) for part in self.start.split("-"))
        yield f"    start_date=datetime({year}, {month}, {day}, tzinfo=timezone.utc),"
        yield "    catchup=False,"
        yield "    max_active_runs=1,"
        yield "    params={"
        for item in exported.parameters:
            yield f"        {_text(item.name)}: Param({item.default!r}, type={_text(item.json_type)}),"
        yield "    },"
        yield '    tags=["headrace"],'
        yield ") as dag:"

    def _tasks(self, exported: Exported) -> Iterator[str]:
        yield ""
        yield "    def task(name, command, **more):"
        pool = f", pool={_text(self.pool)}" if self.pool else ""
        yield '        """One of our commands, in the project\'s folder."""'
        yield '        settings = {"cwd": PROJECT, "append_env": True, "env": RUN} | more'
        yield '        command = f"{HEADRACE} step {command}"'
        yield f"        return BashOperator(task_id=name, bash_command=command{pool}, **settings)"
        yield ""
        yield "    def step(name, **more):"
        yield '        """One step of the run."""'
        yield """        return task(name, f'run "$HEADRACE_RUN" {name}', **more)"""
        yield ""
        names = [item.name for item in exported.parameters]
        settings = "".join(f' --set {name}="$HEADRACE_SET_{name.upper()}"' for name in names)
        yield "    begin = task("
        yield '        "begin",'
        command = f'begin {exported.target} --name "$HEADRACE_NAME"{settings}'
        yield f"        {command!r},"
        yield "        env={"
        yield """            "HEADRACE_NAME": "{{ run_id }}","""
        yield from (f'            "HEADRACE_SET_{name.upper()}": "{{{{ params.{name} }}}}",' for name in names)
        yield "        },"
        yield "    )"
        for item in exported.tasks:
            more = f", retries={item.retries}{self._waits(item)}" if item.retries else ""
            if item.timeout_s is not None:
                more += f", execution_timeout=timedelta(seconds={item.timeout_s:g})"
            yield f"    {_variable(item.name)} = step({_text(item.name)}{more})"
        yield """    end = task("end", 'end "$HEADRACE_RUN"', trigger_rule="all_done")"""

    @staticmethod
    def _waits(task: Task) -> str:
        """How long Airflow waits before it tries again; its own default would be five minutes."""
        text = f", retry_delay=timedelta(seconds={task.backoff_s:g})"
        if not task.backoff_s or task.retries == 1 or task.backoff_factor == 1.0:
            return text
        if task.backoff_factor != 2.0:
            raise InvalidInput(
                f"backoff_factor={task.backoff_factor:g} of step {task.name!r}: what Airflow waits doubles or stays",
                where=task.line,
                expected="1 or 2",
            )
        return f"{text}, retry_exponential_backoff=True, max_retry_delay=timedelta(seconds={LONGEST_S:g})"

    def _edges(self, exported: Exported) -> Iterator[str]:
        yield ""
        for task in exported.tasks:
            before = ", ".join(_variable(need) for need in task.needs) or "begin"
            yield f"    [{before}] >> {_variable(task.name)}"
        last = [_variable(name) for name in exported.last]
        yield f"    [{', '.join(last)}] >> end"


def _variable(name: str) -> str:
    return f"step_{name}"


def _text(value: str) -> str:
    return json.dumps(value)

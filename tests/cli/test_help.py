"""Help that can be followed: groups, examples that parse, the nearest word, and shells that complete."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.cli import main
from headrace.cli._main import COMMANDS, GROUPS
from headrace.cli.parsing import parser_of
from headrace.errors import InvalidInput, UnknownName

BIN = Path(sys.executable).parent


def examples(name):
    """The lines to type in a command's help."""
    text = parser_of(name, COMMANDS[name]).format_help()
    return [line.strip() for line in text.partition("examples:\n")[2].splitlines()]


def test_every_command_is_in_one_group():
    """The help lists every command once, under what it is for."""
    listed = [name for names in GROUPS.values() for name in names]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_parse(name):
    """Each command has two examples or more, and each is a line that the command takes."""
    lines = examples(name)
    assert len(lines) >= 2
    for line in lines:
        found = re.search(r"headrace ([^|)]*)", line)
        command, *words = shlex.split(found[1].rstrip('"'), comments=True)
        assert command == name
        parser_of(name, COMMANDS[name]).parse_args(words)


def test_help_of_a_command_and_of_its_verb(capsys):
    """`headrace help run` is `headrace run --help`; a verb of a noun has its own, with its own examples."""
    assert main(["help", "run"]) == 0
    assert capsys.readouterr().out.startswith("usage: headrace run ")
    assert main(["help", "endpoints", "rollback"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: headrace endpoints rollback ") and "Serve an earlier version again" in out
    assert "headrace endpoints rollback late" in out and "headrace endpoints ls" not in out


def test_wrong_words_are_told_with_the_nearest():
    """An option, a value or a verb that is not there: UnknownName; one word too many, or too few: InvalidInput."""
    for words, kind, near in (
        (["flights.py", "--sett", "a=1"], "option", "'--set'"),
        (["flights.py", "-o", "jsn"], "value of --output", "'json'"),
    ):
        with pytest.raises(UnknownName, match=f"no {kind} named .*did you mean {near}"):
            parser_of("run", "").parse_args(words)
    with pytest.raises(UnknownName, match="no verb of headrace endpoints named 'rolback'; did you mean 'rollback'"):
        parser_of("endpoints", "").parse_args(["rolback", "late"])
    with pytest.raises(InvalidInput, match=r"'more' is one word too many .headrace run.; `headrace run --help`"):
        parser_of("run", "").parse_args(["flights.py", "more"])
    with pytest.raises(InvalidInput, match=r"required: FILE.*headrace run --help"):
        parser_of("run", "").parse_args([])


def completed(folder, *words):
    """What may be typed for the last of the words after `headrace`."""
    done = subprocess.run(
        [str(BIN / "headrace"), "completion", "words", "--", *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with one run."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "headrace.toml").write_text("")
    (folder / "flow.py").write_text(
        "import headrace as hr\n\n@hr.step\ndef one() -> int:\n    return 1\n\n@hr.pipeline\ndef flow():\n    one()\n"
    )
    subprocess.run([str(BIN / "headrace"), "run", "flow.py"], cwd=folder, capture_output=True, check=True)
    return folder


def test_what_completes(project):
    """Commands, options, verbs, values of options, and what this project's store has: runs, steps, pipelines."""
    assert completed(project, "ru") == ["run", "runs"]
    assert completed(project, "run", "--in") == ["--in-process"]
    assert completed(project, "endpoints", "r") == ["rollback"]
    assert completed(project, "status", "-o", "") == ["table", "json"]
    assert completed(project, "status", "@") == ["@last", "@failed"]
    assert completed(project, "explain", "@last", "o") == ["one"]
    assert completed(project, "runs", "ls", "--pipeline", "") == ["flow"]
    assert completed(project, "run", "") == []  # a file: the shell knows them
    assert completed(project, "help", "endp") == ["endpoints"]
    assert completed(project, "nonsense", "x") == completed(project, "status", "@last", "x") == []
    assert len(completed(project, "resume", "")) == 3


def test_completion_without_a_store(tmp_path):
    """Nothing to propose is no error."""
    assert completed(tmp_path, "status", "") == []


def test_bash_completes(project):
    """The script works in a real bash."""
    script = """
    PATH=%s:$PATH; eval "$(headrace completion bash)"
    complete -p headrace >/dev/null || exit 9
    COMP_WORDS=(headrace endpoints ro); COMP_CWORD=2; _headrace; echo "${COMPREPLY[@]}"
    COMP_WORDS=(headrace status ''); COMP_CWORD=2; _headrace; echo "${#COMPREPLY[@]}"
    """
    done = subprocess.run(["bash", "-c", script % BIN], cwd=project, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("rollback\n3\n", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_complete(project, shell):
    """The script works in a real zsh and fish, where there is one."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on this machine")
    if shell == "fish":
        script = f"set -x PATH {BIN} $PATH; headrace completion fish | source; complete -C 'headrace endpoints ro'"
    else:
        script = (
            f"PATH={BIN}:$PATH; compdef() {{ :; }}; "
            'eval "$(headrace completion zsh)"; compadd() { shift; print -r -- ${(P)1} ${(P)2}; }; '
            "words=(headrace endpoints ro); CURRENT=3; _headrace"
        )
    done = subprocess.run([shell, "-c", script], cwd=project, capture_output=True, text=True)
    assert "rollback" in done.stdout, done.stderr

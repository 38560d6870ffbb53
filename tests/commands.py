"""The commands of docmill, run in this process."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app

Docmill = Callable[..., Result]


def invoked(*words: str) -> Result:
    """What a command comes to; raises what it should have told."""
    done = CliRunner().invoke(app, list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture
def docmill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docmill:
    """Runs a command in an empty folder without any key."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return invoked


def as_json(done: Result) -> dict[str, Any]:
    """The one object on the last line of stdout."""
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout.splitlines()[-1]))


def is_one_sentence(done: Result) -> bool:
    """Whether a command said one thing on stderr and nothing else."""
    return not done.stdout and done.stderr.startswith("docmill: ") and done.stderr.count("\n") == 1

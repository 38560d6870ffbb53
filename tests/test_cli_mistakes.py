"""What somebody is told who gets a command wrong: one sentence; and what --help says."""

from pathlib import Path

import pytest

from tests.commands import Docmill, is_one_sentence
from tests.small_runs import invoices, write_folder


class TestHelp:
    @pytest.mark.parametrize("words", [[], ["models"], ["cache"]], ids=" ".join)
    def test_every_command_is_said_in_one_whole_line(
        self, docmill: Docmill, words: list[str]
    ) -> None:
        done = docmill(*words, "--help")

        assert done.exit_code == 0
        commands = done.stdout.split("Commands:\n")[1].strip().splitlines()
        assert [line for line in commands if not line.endswith(".") or line.endswith("...")] == []


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["run", "missing"], "missing does not exist; give a folder"),
            (["run", "docs", "--profile", "opnai", "--direct"], "did you mean 'openai'?"),
            (["run", "docs", "--profile", "opnai"], "did you mean 'openai'?"),
            (["run", "docs", "--profile", "openai", "--direct"], "set OPENAI_API_KEY"),
            (["run", "broken.yaml", "--direct"], "is not valid YAML"),
            (["run", "wrong.yaml", "--direct"], "nonsense: there is no such setting"),
            (["run", "lost.yaml"], "nowhere' does not exist; name a folder"),
            (["run", "lost.yaml", "--direct"], "nowhere' does not exist; name a folder"),
            (["run", "docs", "--out", "docs/000.txt"], "the lake docs/000.txt is a file"),
            (["show", "nonsense", "--lake", "empty"], "'nonsense' is not in the lake empty"),
            (["show", "last", "--lake", "empty"], "has no runs yet; start one with"),
            (["resume", "last", "--lake", "empty"], "has no runs yet; start one with"),
            (["retry", "last", "--lake", "empty"], "has no runs yet; start one with"),
            (["verify", "nonsense", "--lake", "empty"], "'nonsense' is not in the lake empty"),
            (["resume", "x", "--lake", "empty", "--direct"], "run 'x' is not in the lake empty"),
            (["runs"], "there is no lake lake; name the folder"),
            (["show", "last"], "there is no lake lake"),
            (["resume", "last"], "there is no lake lake"),
            (["retry", "x"], "there is no lake lake"),
            (["verify", "x"], "there is no lake lake"),
            (["runs", "--lake", "docs/000.txt"], "the lake docs/000.txt is a file"),
            (["show", "--lake", "docs/000.txt"], "the lake docs/000.txt is a file"),
            (["verify", "--lake", "docs/000.txt"], "the lake docs/000.txt is a file"),
            (["resume", "x", "--lake", "docs/000.txt"], "the lake docs/000.txt is a file"),
            (["retry", "x", "--lake", "docs/000.txt"], "the lake docs/000.txt is a file"),
            (["forecast", "missing"], "missing does not exist"),
            (["forecast", "empty"], "holds no documents"),
            (["eval", "missing"], "missing"),
            (["eval", "docs"], "a gold folder holds documents/, labels.jsonl and fields.json"),
            (["backfill", "docs", "--since", "soon", "--until", "2026-01-01"], "--since: "),
            (["backfill", "docs", "--since", "2026-02-30", "--until", "2026-03-01"], "--since: "),
            (
                ["backfill", "docs", "--since", "2026-02-01", "--until", "2026-01-01"],
                "must be after",
            ),
            (
                ["backfill", "docs", "--since", "2026-01-01", "--until", "2026-02-01", "--by", "x"],
                "--by: should be 'path', 'name'",
            ),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_a_mistake_is_told_in_one_sentence(
        self, docmill: Docmill, tmp_path: Path, words: list[str], said: str
    ) -> None:
        invoices(tmp_path / "docs", 1)
        (tmp_path / "empty").mkdir()
        write_folder(tmp_path, {"broken.yaml": "a: [", "wrong.yaml": "nonsense: 1"})
        write_folder(tmp_path, {"lost.yaml": "source: {path: nowhere}\n"})

        done = docmill(*words)

        assert done.exit_code == 2
        assert is_one_sentence(done), done.output
        assert said in done.stderr
        assert not (tmp_path / "lake").exists()

    @pytest.mark.parametrize(
        "words", [["--limit", "0"], ["--budget", "-1"], ["--budget", "much"], ["--nonsense"]]
    )
    def test_a_bad_option_is_a_usage_error(self, docmill: Docmill, words: list[str]) -> None:
        done = docmill("run", ".", *words)

        assert done.exit_code == 2
        assert "Traceback" not in done.output

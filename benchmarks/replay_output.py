"""What do replays share? Where recorded answers lie, and where what was found goes: to the screen,
out as JSON, or into a page of docs/.
"""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.replay_charts import Spec
from docs.make_tables import filled
from tasks.charts import svg_of

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"


def at_least_one(text: str) -> int:
    """A number of things, as an option gives it."""
    if (number := int(text)) < 1:
        raise ArgumentTypeError("must be at least 1")
    return number


def add_inputs(parser: ArgumentParser, data: Path) -> None:
    """Add `--data`, the folder of recorded answers, which is usually at `data`, and `--workers`."""
    parser.add_argument("--data", type=Path, default=data, help="folder of recorded answers")
    parser.add_argument("--workers", type=at_least_one, default=2, help="processes")


def add_outputs(parser: ArgumentParser, each: str) -> None:
    """Add `--json`, which prints every `each`, and `--write`, which excludes it."""
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help=f"print every {each} as JSON")
    shown.add_argument("--write", action="store_true", help="put tables and pictures into docs/")


def put_out(
    options: Namespace,
    page: Path,
    *,
    data: Callable[[], Any],
    blocks: Callable[[], Mapping[str, str]],
    pictures: Callable[[], Mapping[str, Spec]],
    write: Callable[[str], object],
) -> None:
    """Put out what was found in the way that was asked for; computes nothing else.

    Args:
        options: Parsed arguments, see `add_outputs`.
        page: The page whose tables are made anew.
        data: What was found, as plain values for JSON.
        blocks: The tables by the name of their place in the page.
        pictures: Specifications by file name, without its ending.
        write: Prints a text.
    """
    if options.json:
        write(json.dumps(data(), indent=1) + "\n")
    elif options.write:
        page.write_text(filled(page.read_text(encoding="utf-8"), blocks()), encoding="utf-8")
        IMAGES.mkdir(parents=True, exist_ok=True)
        for name, spec in pictures().items():
            (IMAGES / f"{name}.svg").write_text(svg_of(spec) + "\n", encoding="utf-8")
    else:
        for name, block in blocks().items():
            write(f"## {name}\n\n{block}\n\n")

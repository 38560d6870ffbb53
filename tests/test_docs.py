"""Are the pages in docs/ true: tables as the code makes them, links that lead somewhere?"""

import re
import shlex
import warnings
from pathlib import Path

import click
import pytest
import typer.main

from benchmarks.walkthrough import blocks, masked
from docs.make_tables import all_tables, filled, places
from flows.cli import app
from llms.failures import FailureClass
from llms.providers import (
    _KEYS,
    LOCAL_BASE_URL,
    LOCAL_MODELS,
    PROFILES,
)
from schemas.roles import Role
from tasks.parse_errors import Reason
from tasks.runtime import RESPONSES_URL

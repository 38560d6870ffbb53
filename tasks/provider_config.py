"""Which providers has this person or machine? The configuration file outside of any job."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from llms.failures import ProviderError
from schemas.job import Job
from schemas.providers import UserConfig
from schemas.setting_errors import first_problem

CONFIG = "DOCMILL_CONFIG"
"""Environment variable with the path of the configuration file; set but empty, there is none."""


def config_path(env: Mapping[str, str]) -> Path | None:
    """Where the configuration is looked for: `DOCMILL_CONFIG`, else the folder of XDG."""
    if CONFIG in env:
        return Path(env[CONFIG]).expanduser() if env[CONFIG].strip() else None
    home = env.get("XDG_CONFIG_HOME", "").strip() or "~/.config"
    return Path(home).expanduser() / "docmill" / "config.yaml"


def read_config(env: Mapping[str, str]) -> UserConfig:
    """The configuration of this environment; an empty one where there is no file.

    Raises:
        ProviderError: A file is named and not there, or what stands in it is not understood.
    """
    path = config_path(env)
    if path is None or (CONFIG not in env and not path.exists()):
        return UserConfig()
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProviderError(f"{CONFIG} names {path}, which does not exist") from None
    except yaml.YAMLError as error:
        # Only the place: the line that it quotes may hold a key.
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark is not None else ""
        raise ProviderError(f"{path} is not valid YAML{line}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderError(f"{path} cannot be read: {type(error).__name__}") from None
    if raw is None:
        return UserConfig()
    if not isinstance(raw, dict):
        raise ProviderError(f"{path} must hold a mapping with keys such as providers and profiles")
    try:
        return UserConfig.model_validate(raw)
    except ValidationError as error:
        raise ProviderError(f"{path}: {first_problem(error, UserConfig)}") from None


def with_user_config(job: Job, env: Mapping[str, str]) -> Job:
    """The job with the configuration's providers and profiles beside its own.

    What a job declares under a name takes the place of what the configuration declares under it;
    both come before what ships. Done a second time it changes nothing.

    Raises:
        ProviderError: The configuration cannot be read.
    """
    config = read_config(env)
    return job.model_copy(
        update={
            "profile": job.profile or config.profile,
            "providers": {**config.providers, **job.providers},
            "profiles": {**config.profiles, **job.profiles},
        }
    )

"""Which keys do a run's providers keep in Prefect? Read once per flow run, never written anywhere.

Prefect Secret blocks are made once, by hand: `prefect block create secret`, or in the user
interface under Blocks.
"""

import os
from typing import Any, cast

from prefect.blocks.system import Secret

from llms.failures import ProviderError
from llms.providers import provider_of, providers_listed
from schemas.job import Job
from tasks.key_ring import keep
from tasks.provider_config import with_user_config


def fetch_keys(job: Job) -> None:
    """Put the keys of a job's providers that stand in Secret blocks into this process's key ring.

    Raises:
        ProviderError: A block does not exist or holds no text; or the configuration is at fault.
    """
    job = with_user_config(job, os.environ)
    for name in providers_listed(job, os.environ):
        provider = provider_of(name, os.environ, job.providers)
        is_needed = not os.environ.get(provider.key_env or "", "").strip()
        if provider.key_block is not None and is_needed:
            keep(provider.key_block, _read(provider.key_block, provider.name))


def _read(block: str, provider: str) -> str:
    where = f"the Prefect Secret block {block!r}, which holds the key of provider {provider},"
    try:
        value = cast("Secret[Any]", Secret.load(block)).value.get_secret_value()
    except ValueError:
        raise ProviderError(
            f"{where} does not exist; create it with `prefect block create secret`"
        ) from None
    if not isinstance(value, str) or not value.strip():
        raise ProviderError(f"{where} holds no text; save the key there as it is")
    return value

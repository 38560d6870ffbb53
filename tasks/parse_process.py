"""How is a parser process started, spoken to and ended?"""

import contextlib
import os
import signal
import tempfile
import threading
from multiprocessing.connection import Pipe
from typing import BinaryIO

from llms.child_processes import start_child
from schemas.job import Parsing
from tasks.parse_worker import READY

_START_S = 60.0
# What parsers need to find programs, files and languages; keys and tokens stay outside.
_ENVIRONMENT = (
    *("PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "TESSDATA_PREFIX"),
    *("LD_LIBRARY_PATH", "PYTHONHOME"),
)
_LIBRARY_SETTINGS = {
    "OMP_THREAD_LIMIT": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKIO_WORKER_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}


class SandboxError(Exception):
    """Parser processes cannot be started or spoken to; no document can be read."""


class ParserProcess:
    """One parser process."""

    def __init__(self, parsing: Parsing, module: str) -> None:
        self._noise: BinaryIO = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self._ending = threading.Lock()
        self._code: int | None = None
        self.connection, theirs = Pipe()
        try:
            # What a worker starts (OCR) is in its session, and can be ended together with it.
            self._process = start_child(
                module,
                channel=theirs.fileno(),
                errors=self._noise,
                keeping=_ENVIRONMENT,
                settings=_LIBRARY_SETTINGS,
                max_chars=parsing.max_chars,
                memory_mb=parsing.memory_mb,
            )
        except OSError as error:
            self.connection.close()
            self._noise.close()
            raise SandboxError(f"cannot start a parser process: {error}") from error
        finally:
            theirs.close()
        if not self._is_ready():
            noise = self.noise().strip().splitlines()
            self.dispose()
            raise SandboxError(
                f"a parser process did not start: {noise[-1] if noise else 'no reason given'}"
            )

    def _is_ready(self) -> bool:
        try:
            return self.connection.poll(_START_S) and self.connection.recv_bytes() == READY
        except (EOFError, OSError):
            return False

    def noise(self) -> str:
        """The end of what the process has written to standard error about its last document."""
        self._noise.seek(max(0, self._noise.seek(0, 2) - 4000))
        return self._noise.read().decode("utf-8", "replace")

    def end(self) -> int:
        """End the process and what it has started; the exit code, negative for a signal.

        A process that is dead already keeps the code it died with. Any thread may call this.
        """
        with self._ending:
            if self._code is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._code = self._process.wait()
            return self._code

    def dispose(self) -> None:
        """End the process and close what belongs to it; only for the thread that started it."""
        self.end()
        self.connection.close()
        self._noise.close()

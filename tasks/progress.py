"""How far is a run? Counters that the stages raise and that a terminal reads."""

import threading
from dataclasses import dataclass, field


@dataclass
class Progress:
    """The counters of one run in this process; every method may be called from any thread.

    Attributes:
        stage: The stage that is running: ingest, extract, analyze or report.
        total: Documents the stage will see; null while nobody knows.
        done: Documents the stage has finished with.
        failed: Documents that went to the dead letters.
        usd: Spent so far.
        budget_usd: What may be spent; null means no cap.
        closed: The stages that are over, with the documents each saw and failed.
        said: What a person who watches should know, one sentence each.
    """

    stage: str = "start"
    total: int | None = None
    done: int = 0
    failed: int = 0
    usd: float = 0.0
    budget_usd: float | None = None
    closed: list[tuple[str, int, int]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def enter(self, stage: str, total: int | None = None) -> None:
        """Begin a stage: its counters start at zero, the money goes on."""
        with self._lock:
            self.closed.append((self.stage, self.done, self.failed))
            self.stage, self.total, self.done, self.failed = stage, total, 0, 0

    def advance(self, done: int, failed: int = 0) -> None:
        """Count documents that the stage has finished with."""
        with self._lock:
            self.done += done
            self.failed += failed

    def say(self, sentence: str) -> None:
        """Tell whoever watches, once."""
        with self._lock:
            if sentence not in self.said:
                self.said.append(sentence)

    def spend(self, usd: float) -> None:
        """Set what the run has spent so far."""
        with self._lock:
            self.usd = usd

    def spend_more(self, usd: float) -> None:
        """Add what a worker process has spent."""
        with self._lock:
            self.usd += usd


_runs: dict[str, Progress] = {}
_lock = threading.Lock()


def progress_of(run_id: str) -> Progress:
    """The counters of a run in this process; made on first use."""
    with _lock:
        return _runs.setdefault(run_id, Progress())

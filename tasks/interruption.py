"""Has this process been told to stop? What a signal sets, and what every stage looks at."""

from collections.abc import Callable

from llms.failures import RULES, FailureClass
from llms.stopping import interrupted

TOLD_TO_STOP = f"the run was told to stop; {RULES[FailureClass.INTERRUPTED].remedy}"
"""Why a run or a document is parked that nothing is wrong with."""


class Interruption:
    """Whether the runs of a process are to stop.

    Told once, they send nothing more and wait for what is in flight; told twice, they break that
    off too. May be told in a signal handler: no lock is taken, and listeners must take none.
    """

    def __init__(self) -> None:
        self._times = 0
        self._listeners: dict[object, Callable[[bool], None]] = {}

    @property
    def is_asked(self) -> bool:
        """Whether the process has been told to stop."""
        return self._times > 0

    @property
    def is_ending(self) -> bool:
        """Whether it has been told so twice: not to wait for anything."""
        return self._times > 1

    def ask(self) -> None:
        """Tell all runs of this process to stop; the second time, not to wait for anything."""
        self._times += 1
        for listener in list(self._listeners.values()):
            listener(self.is_ending)

    def clear(self) -> None:
        """Let runs go on again."""
        self._times = 0

    def check(self) -> None:
        """Go on, unless the process has been told to stop.

        Raises:
            CallError: Class `INTERRUPTED`: it has.
        """
        if self.is_asked:
            raise interrupted()

    def listen(self, name: object, listener: Callable[[bool], None]) -> None:
        """Have a listener called from now on, and at once if the process was told to stop."""
        self._listeners[name] = listener
        if self.is_asked:
            listener(self.is_ending)

    def forget(self, name: object) -> None:
        """Call a listener no more."""
        self._listeners.pop(name, None)


INTERRUPTION = Interruption()
"""That of this process."""

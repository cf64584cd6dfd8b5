"""Signals that ask a training to stop: it ends at the next step, with a checkpoint, and can go on later."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType

#: Exit status of a training that was asked to stop and can be resumed.
RESUME_ME = 85
INTERRUPTED = 130
TERMINATED = 143

STARTER_VARIABLE = "SALT_FIRST_RANK"

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGALRM)
NAMES = {signal.SIGALRM: "the time limit"}

#: When this program was started, as nearly as it can tell.
STARTED = time.monotonic()


class Interruption:
    """What signals ask of this process.

    Before and after the steps of a training a signal ends the program at once, as an exception does, or
    from `arm` to `tidy` without one. Between `begin` and `end` it is noted for the training, which stops at
    the next step; a second Ctrl-C does not wait. Processes that are forked from this one ignore what is
    meant for it.
    """

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._patient = False
        self._bare = False
        self._status = TERMINATED
        self.received: signal.Signals | None = None

    def arm(self, status: int = TERMINATED, bare: bool = False) -> None:
        """Answer the signals from now on.

        Parameters
        ----------
        status : int, optional
            Exit status after SIGTERM or SIGUSR1 outside of steps.
        bare : bool, optional
            Whether the program ends without an exception until `tidy` is called.
        """
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._owner = os.getpid()
        self._status = status
        # There is nothing to tidy up while the libraries of a model are imported, and some of them swallow
        # an exception there, to go on with half of another one.
        self._bare = bare
        self._patient, self.received = False, None
        self.listen()
        if status == RESUME_ME:
            # A batch script may have held back what came before anyone listened.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def listen(self) -> None:
        """Answer the signals; what others have installed in the meantime is replaced."""
        for number in SIGNALS:
            signal.signal(number, self._answer)

    def stop_after(self, seconds: float) -> None:
        """Ask to stop when the program has run so long."""
        signal.setitimer(signal.ITIMER_REAL, max(seconds - (time.monotonic() - STARTED), 0.001))

    def tidy(self) -> None:
        """End as an exception does from now on, for there is something to tidy up."""
        self._bare = False

    def begin(self) -> None:
        """Note signals from now on."""
        self.listen()
        self._patient = True

    def end(self) -> None:
        """End at once again."""
        self._patient = False

    def _answer(self, number: int, frame: FrameType | None) -> None:
        del frame
        if os.getpid() != self._owner:
            return
        received = signal.Signals(number)
        again = received is signal.SIGINT and self.received is signal.SIGINT
        self.received = received
        if self._patient and not again:
            _say(f"\n{name_of(received)}: stopping after this step, with a checkpoint\n")
        elif self._bare:
            _say("interrupted\n" if received is signal.SIGINT else "")
            os._exit(INTERRUPTED if received is signal.SIGINT else self._status)
        elif received is signal.SIGINT:
            self._patient = False
            raise KeyboardInterrupt
        else:
            sys.exit(self._status)


def name_of(number: signal.Signals) -> str:
    """Return what a signal is called in messages."""
    return NAMES.get(number, number.name)


def _say(text: str) -> None:
    """Write past Python's buffers, which the signal may have interrupted."""
    os.write(2, text.encode())


def mark_started_ranks() -> None:
    """Have the processes that this one starts know that they are ranks of its training."""
    os.environ[STARTER_VARIABLE] = str(os.getpid())


def is_started_rank() -> bool:
    """Tell whether another rank has started this process: the first one's exit status alone counts then."""
    return os.environ.get(STARTER_VARIABLE) == str(os.getppid())


interruption = Interruption()

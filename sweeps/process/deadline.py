"""Questions to servers that may never answer, asked in a thread so that a caller stops waiting."""

import threading
from collections.abc import Callable


def problem_within(
    seconds: float | None, ask: Callable[[], None], words: Callable[[Exception], str]
) -> str:
    """What went wrong with ``ask`` in the words of ``words``; empty if nothing did.

    It is left behind if it does not return in time; ``None`` waits for ever.
    """
    problem = [f"no answer within {seconds} s"]

    def listen() -> None:
        try:
            ask()
            problem[0] = ""
        except Exception as error:  # whatever a driver or server thinks up is for the user
            problem[0] = words(error)

    thread = threading.Thread(target=listen, name="ask", daemon=True)
    thread.start()
    thread.join(seconds)
    return problem[0]

"""What goes wrong because of what a person asked for."""

from pinn_core.messages import MOST_SHOWN, closest, excerpt, quoted

__all__ = ["MOST_SHOWN", "LaterVersion", "StudyError", "closest", "excerpt", "quoted"]


class StudyError(Exception):
    """A study or command that cannot be carried out; nothing was created.

    The message is all that a person needs: file, line or key, what was found, what is allowed and
    the closest name. The command line prints it without a traceback and exits with 2.
    ``topic`` is the section of docs/faq.md that says more; the error carries it as a note.
    """

    def __init__(self, message: str, topic: str = "") -> None:
        super().__init__(message)
        if topic:
            self.add_note(f"more: pinn-sweep explain {topic}")


class LaterVersion(StudyError):
    """A file that a later version of this program wrote: not damaged, but not to be read here."""

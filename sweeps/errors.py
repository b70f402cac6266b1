"""What goes wrong because of what a person asked for."""

from pinn_core.messages import MOST_SHOWN, closest, excerpt, quoted

__all__ = ["MOST_SHOWN", "LaterVersion", "StudyError", "closest", "excerpt", "quoted"]


class StudyError(Exception):
    """A study or command that cannot be carried out; nothing was created.

    The message is all that a person needs: file, line or key, what was found, what is allowed and
    the closest name. The command line prints it without a traceback and exits with 2.
    """


class LaterVersion(StudyError):
    """A file that a later version of this program wrote: not damaged, but not to be read here."""

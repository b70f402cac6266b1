"""Whether files are ours alone: a library that somebody else could write is not loaded.

The rule is that of OpenSSH's StrictModes: every folder on the way belongs to this user or to root
and lets nobody else write, up to the home folder or the root. Two kinds of writing by others do no
harm: in a folder above with the sticky bit, such as ``/tmp``, nobody renames what is another's; and
the group that many systems give each user for himself has no other member.
"""

import grp
import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path


class NotOurs(OSError):
    """Others than this user and root can write something; the message names it and says why."""


def make_ours(folder: Path) -> Path:
    """The folder without symbolic links, made for this user alone where it does not exist.

    Raises ``NotOurs``, and ``OSError`` where it cannot be made.
    """
    real = folder.resolve()
    for missing in reversed([each for each in (real, *real.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    for each in _up_to_home(real):
        check_ours(each, below_is_ours=each != real)
    return real


def check_ours(path: Path, *, below_is_ours: bool = False) -> None:
    """Raise ``NotOurs`` if others can write a file or folder, or if it is a symbolic link.

    ``below_is_ours`` says that it is a folder of which only one entry counts, which is ours.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise NotOurs(f"{path} is a symbolic link")
    if found.st_uid not in (os.getuid(), 0):
        raise NotOurs(f"{path} belongs to {_user(found.st_uid)}")
    if below_is_ours and found.st_mode & stat.S_ISVTX:
        return
    if found.st_mode & stat.S_IWOTH:
        raise NotOurs(f"every user can write in {path}; chmod o-w makes it yours")
    if found.st_mode & stat.S_IWGRP and not _is_own_group(found.st_gid):
        raise NotOurs(f"a group can write in {path}; chmod g-w makes it yours")


def _up_to_home(folder: Path) -> list[Path]:
    """A folder and those above it, up to the home folder if that is one of them."""
    above = [folder, *folder.parents]
    with suppress(RuntimeError, ValueError):
        return above[: above.index(Path.home().resolve()) + 1]
    return above


def _is_own_group(group: int) -> bool:
    """Whether a group is that of this user alone: it has his name and no further member."""
    with suppress(KeyError):
        user, found = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(group)
        return found.gr_name == user and set(found.gr_mem) <= {user}
    return False


def _user(number: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(number).pw_name
    return f"user {number}"

"""Building the native backend with the system's compiler, once per machine and version.

The tool is one plain call of the compiler, and ctypes. torch's cpp_extension needs ninja, torch's
headers and half a minute for a library that holds no torch; scikit-build or meson would move the
build to the installation, which then fails where no compiler is. A library without Python's or
torch's headers compiles in about ten seconds, serves every version of both, and is tuned to the
very CPU it runs on.

A wheel may carry libraries for machines on which none can be built, where the widest serves that
this CPU can run. ``ship`` compiles them, one for each vector width, into a folder; they go beside
this file (hatch's ``force-include``, the wheel tagged for the platform). One that is built here is
preferred, for it is never narrower than the CPU.

The cache is PINN_CACHE, or ``pinn-sweeps`` in the platform's cache folder. A library's name there
is a hash of the source, the flags, the compiler's version and the CPU, so that one of another
machine or version is never found. Library and checksum appear by one rename of their folder; the
checksum is verified before the library is loaded, and a damaged one is built anew. A cache in which
others can write is not used at all, nor is a library there that is not this user's: either could
hold code of theirs. A cache that cannot be used is replaced, under the same rules, by a folder of
this user among the temporary files, so that all processes of a machine still build once.
"""

import ctypes
import fcntl
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pinn_core.engine.backends.ownership import check_ours, make_ours

logger = logging.getLogger(__name__)

SOURCE = Path(__file__).with_name("cpp")
SHIPPED = Path(__file__).parent
"""Where a wheel has its libraries, ``_native-LEVEL.so``; a wider level has a later name."""
LEVELS = ("x86-64-v3", "x86-64-v4")
"""What ``-march`` is in these: AVX2, and AVX-512."""
COMPILERS = ("c++", "g++", "clang++")
FLAGS = (
    *("-std=c++17", "-O3", "-fno-math-errno", "-ffp-contract=fast"),  # never -ffast-math: NaN
    *("-shared", "-fPIC", "-fvisibility=hidden", "-pthread"),
)
TUNINGS: tuple[list[str], ...] = (["-march=native"], ["-mcpu=native"], [])
"""How compilers are told to use what this CPU has; the first that the compiler takes."""
SECONDS = 300
"""After which a compiler counts as broken."""


class BuildError(Exception):
    """No library could be had; the message says why, in one line."""


@dataclass(frozen=True)
class Built:
    """A loaded library, and a name for all that its bits depend on."""

    functions: ctypes.CDLL
    key: str
    file: Path


def load() -> Built:
    """The library for this machine: built before, built now, or shipped. Raises ``BuildError``."""
    try:
        return _built_here()
    except BuildError:
        shipped = _shipped()
        if shipped is None:
            raise
        return shipped


def _built_here() -> Built:
    compiler = _compiler()
    key = _key(compiler)
    complaints: list[str] = []
    for folder, checked in (
        (cache_folder, make_ours),
        (temporary_folder, make_ours),
        (_process_folder, Path.resolve),  # whose name is random
    ):
        try:
            file = _cached(compiler, checked(folder()), key)
            library = ctypes.CDLL(str(file))
        except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
            complaints.append(str(error))
            continue
        if complaints:
            logger.warning("The compiled library is in %s: %s", file.parent, "; ".join(complaints))
        return Built(library, key, file)
    raise BuildError(f"no folder to build in and load from: {'; '.join(complaints)}")


def _shipped() -> Built | None:
    """Of a wheel's libraries the widest that is of this source and runs here."""
    for file in sorted(SHIPPED.glob("_native-*.so"), reverse=True):
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(str(file))
            library.pinn_source.restype = ctypes.c_char_p
            if library.pinn_source() == source_key().encode() and library.pinn_runs_here():
                return Built(library, f"shipped {_hash(file)[:16]}", file)
    return None


def ship(folder: Path) -> None:
    """Compile what a wheel for x86-64 carries into a folder. Raises ``BuildError``."""
    for level in LEVELS:
        _compile_tuned(_compiler(), [f"-march={level}"], folder / f"_native-{level}.so")


@cache
def source_key() -> str:
    """Hash of the C++ sources."""
    state = hashlib.sha256()
    for file in sorted(SOURCE.glob("*pp")):
        state.update(file.name.encode() + b"\0" + file.read_bytes())
    return state.hexdigest()[:16]


def cache_folder() -> Path:
    """Where libraries are kept: PINN_CACHE or the platform's folder for such things."""
    named = os.environ.get("PINN_CACHE")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pinn-sweeps"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pinn-sweeps"


def temporary_folder() -> Path:
    """Where libraries are kept while the cache folder cannot be used."""
    return Path(tempfile.gettempdir(), f"pinn-sweeps-{os.getuid()}")


def cache_obstacle() -> str | None:
    """Why no library can be added to the cache folder, or None if one can."""
    try:
        folder = make_ours(cache_folder())
    except (OSError, RuntimeError) as error:
        return str(error)
    return None if os.access(folder, os.W_OK) else f"{folder} cannot be written"


def build_obstacle() -> str | None:
    """Why no library can be had, as far as is known without compiling; None if none is seen."""
    try:
        compiler_in_words()
    except BuildError as error:
        return None if _shipped() else str(error)
    return None


def compiler_in_words() -> str:
    """The compiler's command and the first line of its version. Raises ``BuildError``."""
    command = _compiler()
    said = _run([*command, "--version"]).strip()
    return f"{shlex.join(command)}: {said.partition(chr(10))[0] or 'it names no version'}"


def _compiler() -> list[str]:
    """The compiler's command: CXX if set, else the first found of the usual names."""
    named = shlex.split(os.environ.get("CXX", ""))
    if named:
        return named
    for name in COMPILERS:
        found = shutil.which(name)
        if found:
            return [found]
    raise BuildError(f"no C++ compiler found: CXX is not set, none of {', '.join(COMPILERS)}")


def _run(command: list[str]) -> str:
    """Standard output of a command; ``BuildError`` with its last complaint if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"the compiler {command[0]} does not work: {error}") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in said if "error" in line), (said or ["no message"])[-1])
        raise BuildError(f"the compiler {command[0]} failed: {reason.strip()}")
    return done.stdout


def _key(compiler: list[str]) -> str:
    parts = [source_key(), *FLAGS, *compiler, _run([*compiler, "--version"]), _processor()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    """Model and abilities of this CPU, as far as the system tells."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        telling = ("vendor_id", "cpu family", "model", "stepping", "flags", "CPU", "Features")
        return "\n".join(sorted({line for line in lines if line.startswith(telling)}))
    return f"{platform.machine()} {platform.processor()} {platform.version()}"


@cache
def _process_folder() -> Path:
    """A folder that goes with this process, the last resort."""
    folder = tempfile.TemporaryDirectory(prefix="pinn-sweeps-")
    _kept_until_exit.append(folder)
    return Path(folder.name)


_kept_until_exit: list[tempfile.TemporaryDirectory[str]] = []


def _cached(compiler: list[str], folder: Path, key: str) -> Path:
    """The library's file in a folder, built if it is not there or damaged."""
    home = folder / f"native-{key}"
    if not _sound(home):
        with _locked(folder / "lock"):
            if not _sound(home):
                _build(compiler, home)
    return home / "library.so"


def _sound(home: Path) -> bool:
    """Whether a folder of ours holds a library of ours and its checksum."""
    try:
        for each in (home, home / "library.so"):
            check_ours(each)
        return _hash(home / "library.so") == (home / "sha256").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return False


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _build(compiler: list[str], home: Path) -> None:
    """Compile in a folder beside and rename it, so that nobody sees half a library."""
    beside = Path(tempfile.mkdtemp(prefix="building-", dir=home.parent))
    try:
        library = beside / "library.so"
        _compile(compiler, library)
        library.chmod(0o700)
        (beside / "sha256").write_text(_hash(library), encoding="ascii")
        if os.path.lexists(home):
            home.rename(beside / "damaged")
        try:
            beside.rename(home)
        except OSError:
            if not _sound(home):
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(home / "damaged", ignore_errors=True)


def _compile(compiler: list[str], library: Path) -> None:
    for tuning in TUNINGS[:-1]:
        with suppress(BuildError):
            return _compile_tuned(compiler, tuning, library)
    return _compile_tuned(compiler, TUNINGS[-1], library)


def _compile_tuned(compiler: list[str], tuning: list[str], library: Path) -> None:
    source = [f'-DPINN_SOURCE="{source_key()}"', str(SOURCE / "native.cpp")]
    _run([*compiler, *FLAGS, *tuning, *source, "-o", str(library)])
    if not library.exists():
        raise BuildError(f"the compiler {compiler[0]} made no library")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One builder at a time; where files cannot be locked, the rename alone keeps order."""
    with file.open("a") as handle:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield

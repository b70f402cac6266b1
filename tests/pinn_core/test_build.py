"""Building the native library: what goes wrong ends in a rebuild, or in eager and one line."""

from __future__ import annotations

import os
import platform
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pinn_core.engine.backends import build
from tests.pinn_core.backends import needs_native
from tests.processes import running

TRY = """
import logging, torch
logging.basicConfig(format="%(message)s")
from pinn_core.engine.backends import choose, identity
from pinn_core.engine.activations import ACTIVATIONS
from pinn_core.engine.propagation import propagate
from pinn_core.engine.stack import Stack
stack = Stack((2, 4, 1), ACTIVATIONS["tanh"])
for _ in range(2):
    value = propagate(stack, torch.ones(1, stack.size), torch.ones(1, 3, 2))
print(identity("auto", "cpu"), float(value.sum()))
"""
ONCE = "The eager backend serves, slower than the native one: "


@pytest.fixture(autouse=True)
def own_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a test compiles lies where other processes look for it."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a process whose cache is new and whose temporary files are ours."""
    return {
        **{k: v for k, v in os.environ.items() if k not in ("CXX", "PINN_BACKEND")},
        "PINN_CACHE": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path / "tmp"),
        "PYTHONPATH": str(Path(build.__file__).parents[2]),
    }


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the system's compiler makes without its optimiser, once for all tests here."""
    folder = tmp_path_factory.mktemp("compiled")
    quick = script(folder / "c++", f'exec {build._compiler()[0]} "$@" -O0\n')
    build._compile([str(quick)], folder / "library.so")
    return folder / "library.so"


@pytest.fixture
def compiler(tmp_path: Path, library: Path) -> Path:
    """The system's compiler; a build it notes in ``builds``, and gives what was compiled before."""
    return script(
        tmp_path / "c++",
        f'case "$*" in *native.cpp*) echo built >> {tmp_path / "builds"}\n'
        f'while [ "$1" != -o ]; do shift; done; exec cp {library} "$2";; esac\n'
        f'exec {build._compiler()[0]} "$@"\n',
    )


def script(file: Path, text: str) -> Path:
    file.write_text(f"#!/bin/sh\n{text}", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


Outcome = tuple[str, float, list[str]]
"""Backend, result and what was said."""


def start(
    environment: dict[str, str], **more: str | Path
) -> AbstractContextManager[subprocess.Popen[str]]:
    given = environment | {name: str(value) for name, value in more.items()}
    return running([sys.executable, "-c", TRY], env=given, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[str]) -> Outcome:
    out, said = process.communicate()
    assert process.returncode == 0, said
    name, value = out.rsplit(maxsplit=1)
    return name, float(value), said.splitlines()


def outcome(environment: dict[str, str], **more: str | Path) -> Outcome:
    with start(environment, **more) as process:
        return ended(process)


def instead(folder: Path) -> Path:
    """Where libraries go while the cache cannot be used."""
    return folder / "tmp" / f"pinn-sweeps-{os.getuid()}"


def builds(folder: Path) -> int:
    return len((folder / "builds").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, r"the compiler \S+ does not work: .*No such file"),
        ("exit 1\n", r"the compiler \S+ failed: no message"),
        ("echo 'sorry, out of order' >&2\nexit 1\n", r"the compiler \S+ failed: sorry, out of"),
        ("echo g++ 12\n", r"the compiler \S+ made no library"),
        (
            'case "$*" in *version*) echo 1;; *) while [ "$1" != -o ]; do shift; done; '
            'echo junk > "$2";; esac\n',
            r"no folder to build in and load from: .*(invalid ELF header|file too short|mach-o)",
        ),
    ],
    ids=["absent", "silent", "complaining", "lazy", "lying"],
)
def test_a_broken_compiler_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, reason: str
) -> None:
    broken = tmp_path / "broken"
    if text is not None:
        script(broken, text)
    monkeypatch.setenv("CXX", str(broken))
    monkeypatch.setenv("PINN_CACHE", str(tmp_path / "cache"))
    with pytest.raises(build.BuildError, match=f"^{reason}"):
        build.load()


def test_with_a_broken_compiler_eager_serves_and_says_so_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    broken = script(tmp_path / "broken", "exit 1\n")
    name, value, said = outcome(environment, CXX=broken)
    assert name == "eager"
    assert value > 0
    assert len(said) == 1
    assert re.match(ONCE + r"the compiler \S+ failed: no message", said[0])


def test_without_a_compiler_eager_serves(environment: dict[str, str], tmp_path: Path) -> None:
    name, _, said = outcome(environment, PATH=tmp_path)
    assert name == "eager"
    assert said == [ONCE + "no C++ compiler found: CXX is not set, none of c++, g++, clang++"]


@needs_native
def test_where_the_cache_cannot_be_written_all_processes_build_once_and_say_where(
    environment: dict[str, str], tmp_path: Path, compiler: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    for cache in (in_the_way, Path("/proc/pinn")):
        name, _, said = outcome(environment, PINN_CACHE=cache, CXX=compiler)
        assert name.startswith("native ")
        (home,) = instead(tmp_path).glob("native-*")
        (line,) = said
        assert line.startswith(f"The compiled library is in {home}: ")
        assert str(cache) in line
    assert builds(tmp_path) == 1
    assert stat.S_IMODE(instead(tmp_path).stat().st_mode) == 0o700


@needs_native
def test_a_temporary_folder_in_which_others_can_write_is_not_used_either(
    environment: dict[str, str], tmp_path: Path, compiler: Path
) -> None:
    instead(tmp_path).mkdir()
    instead(tmp_path).chmod(0o777)
    for count in (1, 2):
        name, _, said = outcome(environment, PINN_CACHE="/proc/pinn", CXX=compiler)
        assert name.startswith("native ")
        assert f"every user can write in {instead(tmp_path)}" in said[0]
        assert builds(tmp_path) == count
    assert list(instead(tmp_path).iterdir()) == []
    assert list((tmp_path / "tmp").iterdir()) == [instead(tmp_path)]  # theirs go with processes


def test_what_is_wrong_with_a_cache_is_known_without_building(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("PINN_CACHE", str(cache))
    assert build.cache_obstacle() is None
    cache.chmod(0o777)
    assert build.cache_obstacle() == f"every user can write in {cache}; chmod o-w makes it yours"
    monkeypatch.setenv("PINN_CACHE", "/proc/pinn")
    assert "/proc/pinn" in str(build.cache_obstacle())


STRANGER = 54_321
only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give folders away")


@needs_native
@pytest.mark.parametrize(
    ("where", "owner", "mode", "reason"),
    [
        ("cache", None, 0o777, "every user can write in {}; chmod o-w makes it yours"),
        ("cache", None, 0o1777, "every user can write in {}; chmod o-w makes it yours"),
        ("", None, 0o777, "every user can write in {}; chmod o-w makes it yours"),
        ("", None, 0o1777, None),
        ("cache", None, 0o755, None),
        pytest.param("cache", STRANGER, 0o755, "{} belongs to user 54321", marks=only_root),
        pytest.param("", STRANGER, 0o755, "{} belongs to user 54321", marks=only_root),
    ],
)
def test_a_cache_in_which_others_can_write_is_not_used(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    compiler: Path,
    where: str,
    owner: int | None,
    mode: int,
    reason: str | None,
) -> None:
    cache, link = tmp_path / "above" / "cache", tmp_path / "link"
    cache.mkdir(parents=True)
    link.symlink_to(cache)
    written = cache.parent / where
    written.chmod(mode)
    if owner:
        os.chown(written, owner, owner)
    monkeypatch.setenv("PINN_CACHE", str(link))
    monkeypatch.setenv("CXX", str(compiler))
    build.load()
    assert bool(list(cache.iterdir())) == (reason is None)
    assert bool(list(instead(tmp_path).glob("native-*"))) == (reason is not None)
    assert [message.partition(": ")[2] for message in caplog.messages] == (
        [reason.format(written)] if reason else []
    )


@needs_native
def test_a_cache_is_made_for_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compiler: Path
) -> None:
    monkeypatch.setenv("PINN_CACHE", str(tmp_path / "new" / "cache"))
    monkeypatch.setenv("CXX", str(compiler))
    before = os.umask(0o002)
    try:
        build.load()
    finally:
        os.umask(before)
    assert list((tmp_path / "new" / "cache").glob("native-*"))
    made = [tmp_path / "new", *(tmp_path / "new" / "cache").glob("**/library.so")]
    assert {stat.S_IMODE(each.stat().st_mode) for each in made} == {0o700}


@needs_native
def test_two_processes_build_once(
    environment: dict[str, str], tmp_path: Path, compiler: Path
) -> None:
    with start(environment, CXX=compiler) as one, start(environment, CXX=compiler) as other:
        first = ended(one)
        assert ended(other) == first
    assert first[0].startswith("native ")
    assert builds(tmp_path) == 1


def altered(home: Path) -> None:
    library = home / "library.so"
    content = bytearray(library.read_bytes())
    content[len(content) // 2] ^= 1
    library.write_bytes(content)


def without_checksum(home: Path) -> None:
    (home / "sha256").unlink()


@needs_native
def writable(home: Path) -> None:
    (home / "library.so").chmod(0o777)


def planted(home: Path) -> None:
    elsewhere = home.rename(home.parent.with_name("elsewhere"))
    home.symlink_to(elsewhere)


@needs_native
@pytest.mark.parametrize("harm", [altered, without_checksum, writable, planted])
def test_a_library_that_is_damaged_or_that_others_could_write_is_built_anew(
    harm: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    compiler: Path,
) -> None:
    monkeypatch.setenv("PINN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", str(compiler))
    key = build.load().key
    (home,) = (tmp_path / "cache").glob("native-*")
    sound = (home / "library.so").read_bytes()
    harm(home)
    assert build.load().key == key
    assert builds(tmp_path) == 2
    assert not home.is_symlink()
    assert (home / "library.so").read_bytes() == sound
    names = {file.name for file in (tmp_path / "cache").iterdir()}
    assert names == {home.name, "lock"}


@needs_native
def test_another_machine_compiler_or_version_has_another_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiler = build._compiler()
    keys = {build._key(compiler)}
    monkeypatch.setattr(build, "_processor", lambda: "a CPU of tomorrow")
    keys.add(build._key(compiler))
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-g"))
    keys.add(build._key(compiler))
    monkeypatch.setattr(build, "source_key", lambda: "the next version")
    keys.add(build._key(compiler))
    assert len(keys) == 4


@needs_native
def test_a_shipped_library_serves_where_none_can_be_built_the_widest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Path, compiler: Path
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr(build, "SHIPPED", shipped)
    for level in ("1", "2"):  # a byte at the end tells their hashes apart
        (shipped / f"_native-{level}.so").write_bytes(library.read_bytes() + level.encode())
    (shipped / "_native-3.so").write_bytes(b"for another machine")
    monkeypatch.setenv("PINN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", str(compiler))
    assert not build.load().key.startswith("shipped ")
    monkeypatch.setenv("CXX", str(tmp_path / "absent"))
    assert build.load().key == f"shipped {build._hash(shipped / '_native-2.so')[:16]}"
    monkeypatch.setattr(build, "source_key", lambda: "the next version")
    with pytest.raises(build.BuildError, match="absent does not work"):
        build.load()


@needs_native
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the levels are of x86-64")
def test_of_a_wheels_levels_the_one_of_this_cpu_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Path
) -> None:
    """What the compiler was asked stands at the end of what it makes.

    Where this CPU has no AVX-512, what is made for that says of itself that it does not run here.
    """
    wide = "avx512f" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    compiler, foreign = build._compiler()[0], tmp_path / "foreign.c"
    foreign.write_text(
        f'const char *pinn_source(void) {{ return "{build.source_key()}"; }}\n'
        "int pinn_runs_here(void) { return 0; }\n"
    )
    other = "never" if wide else build.LEVELS[1]
    noting = script(
        tmp_path / "c++",
        f'asked="$*"\ncase "$*" in *native.cpp*) while [ "$1" != -o ]; do shift; done\n'
        f'case "$asked" in *{other}*) {compiler} -x c -shared -fPIC {foreign} -o "$2";;\n'
        f'*) cp {library} "$2";; esac\necho "$asked" >> "$2";;\n'
        f'*) exec {compiler} "$@";; esac\n',
    )
    monkeypatch.setenv("CXX", str(noting))
    build.ship(tmp_path)
    monkeypatch.setattr(build, "SHIPPED", tmp_path)
    monkeypatch.setenv("CXX", str(tmp_path / "absent"))
    best = tmp_path / f"_native-{build.LEVELS[wide]}.so"
    others = [file for file in tmp_path.glob("_native-*.so") if file != best]
    assert others
    assert build._hash(best) not in map(build._hash, others)
    assert build.load().key == f"shipped {build._hash(best)[:16]}"

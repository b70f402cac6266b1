"""Links that work on GitHub work on the site."""

from __future__ import annotations

from pathlib import Path

import pytest
from sitegen.links import turned


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    for name in ("README.md", "CHANGELOG.md", "cluster.yaml", "deploy/slurm/study.sbatch"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    docs = tmp_path / "docs"
    (docs / "results").mkdir(parents=True)
    (docs / "studies.md").touch()
    (docs / "results" / "data.json").touch()
    return docs


def on(docs: Path, page: str, text: str, url: str = "") -> str:
    return turned(text, docs / page, docs / page, docs, url)


@pytest.mark.parametrize(
    ("page", "link", "found"),
    [
        ("cluster", "[x](../cluster.yaml)", "[x](../cluster.yaml)"),
        ("results/a", "[x](../../README.md#install)", "[x](../index.md)"),
        ("cluster", "[log](../CHANGELOG.md)", "[log](reference/repository/changelog.md)"),
        ("cluster", "[Slurm](../deploy/slurm)", "Slurm (`deploy/slurm` in the repository)"),
        ("cluster", "[`deploy/slurm`](../deploy/slurm)", "`deploy/slurm`"),
        ("results/a", "[x](data.json)", "[x](../results/data.json)"),
        ("results/a", "[x](../studies.md#what)", "[x](../studies.md#what)"),
        ("cluster", "[x](https://example.org/a.md)", "[x](https://example.org/a.md)"),
        ("cluster", "[x](missing.md)", "[x](missing.md)"),
    ],
)
def test_without_an_address_files_are_pages_or_downloads_and_folders_are_named(
    docs: Path, page: str, link: str, found: str
) -> None:
    assert on(docs, page, f"See {link}.") == f"See {found}."


def test_with_an_address_files_and_folders_are_linked_there(docs: Path) -> None:
    url = "https://example.org/pinn-sweeps/"
    text = "[x](../cluster.yaml) and [y](../deploy/slurm)"
    below = "https://example.org/pinn-sweeps"
    assert on(docs, "cluster", text, url) == (
        f"[x]({below}/blob/main/cluster.yaml) and [y]({below}/tree/main/deploy/slurm)"
    )


def test_code_is_left_alone(docs: Path) -> None:
    text = "```\n[x](../deploy/slurm)\n```\n\nSee [Slurm](../deploy/slurm)."
    assert on(docs, "cluster", text).startswith("```\n[x](../deploy/slurm)\n```\n\nSee Slurm (`")


def test_a_file_that_is_shown_elsewhere_keeps_its_links(docs: Path) -> None:
    page = docs / "reference" / "repository" / "changelog"
    text = turned("[x](docs/studies.md)", docs.parent / "CHANGELOG.md", page, docs, "")
    assert text == "[x](../../studies.md)"

"""Writes what the template repository derives from itself; ``make template`` runs it, a test demands that it was run.

- the derived files that a fresh project is born with, unless they include the platform's half
- template/platform/manifest.sha256.jinja: the sha256 of every platform file
- template/platform/schemas/: the schemas of contracts and of ingest files, for editors
- docs/reference/ and docs/decisions/index.md: the pages that tools/reference.py and
  tools/fleet_reference.py make
"""

import hashlib
import json
import tempfile
from pathlib import Path

import copier
import yaml
from building_block import generate
from building_block.ingest.spec import ingest_schema
from building_block.project import Project

from tools import fleet_reference, reference
from tools.contract_schema import contract_schema
from tools.ownership import ROOT, TEMPLATE, classes_of, rendered_path, template_files

NOT_IN_MANIFEST = {
    ".copier-answers.yml",  # changes with the answers
    "platform/manifest.sha256",
}
SLUG = "slug_of_the_domain"
"""Stands for the domain's name in what is derived from its seeds."""


def outputs() -> dict[Path, str]:
    """Return the text of every file that this module writes."""
    return before_rendering() | _born_derived()


def before_rendering() -> dict[Path, str]:
    """Return the files that a rendering needs or that need none."""
    schemas = {"contract.json": contract_schema(), "ingest.json": ingest_schema()}
    files = {
        TEMPLATE / "platform" / "schemas" / name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.items()
    }
    files[TEMPLATE / "platform" / "manifest.sha256.jinja"] = _manifest(files)
    return files | reference.pages() | fleet_reference.pages()


def _born_derived() -> dict[Path, str]:
    answers = yaml.safe_load((ROOT / "tests" / "answers" / "minimal.yml").read_text(encoding="utf-8"))
    answers |= {"domain_name": SLUG}
    with tempfile.TemporaryDirectory() as folder:
        copier.run_copy(str(ROOT), folder, data=answers, defaults=True, vcs_ref="HEAD", quiet=True)
        derived = generate.derived(Project(Path(folder)))
    files = {}
    for path, text in derived.items():
        if path in generate.OF_SETTINGS and (TEMPLATE / f"{path}.jinja").is_file():
            continue  # includes the platform's half
        named = text.replace(SLUG, "{{ domain_slug }}")
        files[TEMPLATE / (path if named == text else f"{path}.jinja")] = named
    return files


def _manifest(written: dict[Path, str]) -> str:
    lines = []
    for file in template_files():
        path = rendered_path(file)
        if classes_of(path) != ["platform"] or path in NOT_IN_MANIFEST:
            continue
        if file.suffix == ".jinja":
            name = file.relative_to(ROOT).as_posix()
            digest = f"{{% filter hash('sha256') %}}{{% include '{name}' %}}{{% endfilter %}}"
        else:
            content = written[file].encode() if file in written else file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
        lines.append(f"{digest}  {path}\n")
    return "".join(lines)


def _write(files: dict[Path, str]) -> None:
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    _write(before_rendering())
    _write(_born_derived())

"""The pages of the docs that say what the code says: reference, list of decisions. ``make template`` writes them."""

import json
import tomllib
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import yaml
from building_block.contracts.changes import Kind
from building_block.explanations import EXPLANATIONS
from building_block.ingest.schema import ingest_schema
from building_block.messages import Code

from tools.ownership import CLASSES, ROOT, TEMPLATE, patterns

FOLDER = ROOT / "docs" / "reference"
DECISIONS = ROOT / "docs" / "decisions"
OF_UPDATE = {
    "platform": "brings it to the new version",
    "domain": "never touches it: no edit, no return after deletion, no deletion",
    "derived": "never touches it; `poe generate` and the lock commands write it",
}
GROUPS = {
    "1": "Ingest files",
    "2": "Landed data",
    "3": "Warehouse",
    "4": "Ownership and settings",
    "5": "Project",
    "6": "Contracts",
}
FORMATS = {"CsvFile": "csv", "ParquetFile": "parquet", "NdjsonFile": "ndjson", "XlsxFile": "xlsx"}


def pages() -> dict[Path, str]:
    """Return the text of every reference page by its file."""
    return {
        FOLDER / "contract-changes.md": _contract_changes(),
        FOLDER / "ingest-files.md": _ingest_files(),
        FOLDER / "messages.md": _messages(),
        FOLDER / "ownership.md": _ownership(),
        FOLDER / "questions.md": _questions(),
        FOLDER / "tasks.md": _tasks(),
        DECISIONS / "index.md": _decisions(),
    }


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; what Markdown would read as a further column is escaped."""
    lines = [list(header), ["---" for _ in header], *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{text}`" if text else ""


# Decisions ------------------------------------------------------------------------------------------------------------


def _decisions() -> str:
    files = sorted(file for file in DECISIONS.glob("*.md") if file.name != "index.md")
    titles = {file.name: file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ") for file in files}
    return _page(
        "Decisions",
        "Why the building block has its shape: one page a decision, with what was known when it was made.",
        "\n".join(f"- [{title}]({name})" for name, title in titles.items()),
    )


# Ownership ------------------------------------------------------------------------------------------------------------


def _ownership() -> str:
    rows = ((_code(path), name, OF_UPDATE[name]) for name in CLASSES for path in patterns()[name])
    return _page(
        "Who owns which path",
        "Written from the lists in `copier.yml`. Every path of a stamped project matches exactly one row; what\n"
        "matches none is the domain's, for the template never brings it.",
        _table(("path", "class", "`copier update`"), rows),
    )


# Questions ------------------------------------------------------------------------------------------------------------


def _questions() -> str:
    text = (ROOT / "copier.yml").read_text(encoding="utf-8")
    settings = {key: value for document in yaml.safe_load_all(text) for key, value in document.items()}
    asked = {
        name: question
        for name, question in settings.items()
        if not name.startswith("_") and question.get("when") is not False
    }
    rows = (
        (
            _code(name),
            question["help"],
            _code(_rendered(question.get("default", ""), domain_name="Sales", domain_slug="sales")),
            _code(question.get("placeholder", "")),
        )
        for name, question in asked.items()
    )
    # What copier says to an answer that nobody can mean, a line break.
    refusals = (
        f"- {_code(name)}: {_rendered(question['validator'], **{name: chr(10)})}" for name, question in asked.items()
    )
    return _page(
        "Questions",
        "Written from `copier.yml`. `copier copy` asks these once and keeps the answers in `.copier-answers.yml`,\n"
        "which is never edited by hand: `copier update --data <question>=<answer>` changes one. The name of the\n"
        "domain is for ever, for the unit's own files carry it.",
        _table(("question", "it asks", "default, of Sales", "example"), rows),
        "An answer that cannot be used is refused with a sentence, and asked for again:",
        "\n".join(refusals),
        "Everything else is computed from these answers, or is the platform's decision and no question.",
    )


def _rendered(text: str, **values: str) -> str:
    """Return a text of copier.yml as copier renders it, on one line."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT),
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
        autoescape=False,  # noqa: S701 - Markdown
    )
    return " ".join(environment.from_string(text).render(values).split())


# Tasks ----------------------------------------------------------------------------------------------------------------


def _tasks() -> str:
    tasks = tomllib.loads((TEMPLATE / "poe_tasks.toml").read_text(encoding="utf-8"))["tasks"]
    shown = {name: task for name, task in tasks.items() if not name.startswith("_")}
    rows = (
        (_code(f"poe {name}"), task["help"], "<br>".join(_code(command) for command in _commands(task)))
        for name, task in shown.items()
    )
    return _page(
        "Tasks",
        "Written from `poe_tasks.toml`. With uv write `uv run poe build`, with pixi `pixi run build`, in an activated\n"
        "environment `poe build`; `poe` alone lists them. A unit adds tasks of its own in `settings/tasks.toml`.",
        _table(("task", "what it does", "it runs"), rows),
    )


def _commands(task: dict[str, Any]) -> list[str]:
    """Return the commands of a task: one, or those of its sequence."""
    return [step["cmd"] for step in task.get("sequence", [task])]


# Ingest files ---------------------------------------------------------------------------------------------------------


def _ingest_files() -> str:
    schema = ingest_schema()
    definitions = schema["$defs"]
    of_formats = {name: definitions[model] for model, name in FORMATS.items()}
    common = set.intersection(*(set(model["properties"]) for model in of_formats.values())) - {"format"}
    first = next(iter(of_formats.values()))
    sections = [
        "Written from the schema `platform/schemas/ingest.json`, by which an editor completes an ingest file. A file\n"
        "of `ingest/` declares one table of the layer `raw`. A key that is not listed here is refused. How to\n"
        "[add a source](../how-to/add-a-source.md) shows whole files.",
        "## The table",
        _keys(schema),
        "## `source`",
        "The keys of every format:",
        _keys(first, only=common),
    ]
    for name, model in of_formats.items():
        sections += [f"### `format: {name}`", _keys(model, only=set(model["properties"]) - common)]
    sections += ["## `partitions`", _keys(definitions["DailyPartitions"])]
    sections += ["## `columns`", "Each item of the list:", _keys(definitions["Column"])]
    return _page("Ingest files", *sections)


def _keys(model: dict[str, Any], only: set[str] | None = None) -> str:
    rows = (
        (
            _code(name),
            _values(key, required=name in model["required"]),
            _meaning(key["description"]),
            _code(f"{name}: {_yaml(key['examples'][0])}") if "examples" in key else "",
        )
        for name, key in sorted(model["properties"].items(), key=lambda item: item[0] not in model["required"])
        if only is None or name in only
    )
    return _table(("key", "value", "what it means", "example"), rows)


def _values(key: dict[str, Any], *, required: bool) -> str:
    """Return what a key may have, and whether it must be there or has a default."""
    choices = [choice for choice in key.get("anyOf", [key]) if choice != {"type": "null"}]
    text = " or ".join(dict.fromkeys(map(_value, choices)))
    default = key.get("default")
    return f"{text}<br>{'required' if required else f'default {_code(default)}' if default else 'optional'}"


def _value(choice: dict[str, Any]) -> str:
    match choice:
        case {"enum": values}:
            return ", ".join(map(_code, values))
        case {"const": value}:
            return _code(value)
        case {"pattern": _, "examples": [example, *_]}:
            return f"text like {_code(example)}"
        case {"$ref": _} | {"discriminator": _}:
            return "keys, see below"
        case {"type": "array"}:
            return "list, see below"
        case {"format": "date"}:
            return "date"
        case _:
            return "text"


def _meaning(description: str) -> str:
    return description[0].upper() + description[1:] + "."


def _yaml(value: object) -> str:
    """Return a value as one writes it after a key."""
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=200).removesuffix("...\n").strip()


# Contract changes -----------------------------------------------------------------------------------------------------


def _contract_changes() -> str:
    rows = (
        (
            change.what[0].upper() + change.what[1:],
            change.bump.name.lower(),
            "yes" if change.approval else "",
            change.why,
        )
        for change in (kind.value for kind in Kind)
    )
    return _page(
        "Changes of a contract",
        "Written from the package `building_block`. `poe contracts gate --against main` compares each contract of\n"
        "`contracts/` with the one that git has at `main`, or at any other branch, tag or commit. CI asks the same of\n"
        "each pull request. It refuses a version that is raised by less than the gravest of its changes demands, or\n"
        "lowered, and a change without the approval that it needs.",
        _table(("change", "demands", "approval", "why"), rows),
        "Versions below 1.0.0 are no exception: what is published is read. Contracts of what the domain consumes, in\n"
        "`contracts/consumes/`, are their owners' to change and are not compared.",
        "## Approvals",
        "What lowers protection needs a major *and* an entry in `contracts/approvals.yaml`:",
        '```yaml title="contracts/approvals.yaml"\n'
        "approvals:\n"
        "- port: orders\n"
        "  version: 2.0.0\n"
        "  what: masking of customer_id from hash to none\n"
        "  reason: Customers are companies; their numbers are public.\n"
        "  date: 2026-11-21\n"
        "```",
        "The message [BB622](messages.md#bb622) has the entry to copy. It is good for one change of one port with one\n"
        "version, word by word. `.github/CODEOWNERS` gives the file to the compliance team, so that a pull request\n"
        "with an entry waits for their review ([why](../decisions/0008-contracts-change-by-version-and-approval.md)).",
    )


# Messages -------------------------------------------------------------------------------------------------------------


def _messages() -> str:
    contents = _table(
        ("code", "what"), ((f"[{code}](#{code.lower()})", explained.what) for code, explained in EXPLANATIONS.items())
    )
    sections = []
    for number, codes in groupby(EXPLANATIONS, key=lambda code: code[2]):
        sections += [f"## {GROUPS[number]}", *map(_message, codes)]
    return _page(
        "Messages",
        "Written from the package `building_block`. Every message has the form `CODE file:line path: what is wrong;\n"
        "what to write instead`. In a project, `poe explain BB207` shows what stands here, without a network.",
        contents,
        *sections,
    )


def _message(code: Code) -> str:
    explained = EXPLANATIONS[code]
    return "\n\n".join(
        (
            f"### {code}",
            f"**{explained.what}**",
            f'```text title="For example"\n{explained.example}\n```',
            f"*Why.* {explained.why}",
            f"*How to put it right.* {explained.fix}",
        )
    )

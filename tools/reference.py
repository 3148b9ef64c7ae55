"""The pages of the docs that say what the code says: reference, list of decisions. ``make template`` writes them."""

import inspect
import json
import tomllib
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, get_type_hints

import jinja2
import yaml
from building_block.check import at_once
from building_block.contracts.changes import Kind
from building_block.contracts.command import commands as contract_commands
from building_block.contracts.contract import contract
from building_block.contracts.rules import (
    FORMATS,
    METRICS,
    OBJECT,
    OPTIONS,
    CountRule,
    DuplicateRule,
    QueryRule,
    RowRule,
    Rule,
    rules,
)
from building_block.contracts.service_levels import ACTION
from building_block.contracts.standard import of_text
from building_block.doctor import Examination
from building_block.explanations import EXPLANATIONS
from building_block.ingest.spec import ingest_schema
from building_block.messages import Explanation
from building_block.project import Project
from typer.models import ArgumentInfo

from tools.contract_schema import ACTIONS, MASKINGS, contract_schema
from tools.ownership import CLASSES, ROOT, TEMPLATE, patterns
from tools.surface.verdicts import Kind as OfSurface

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
FILES = {"CsvFile": "csv", "ParquetFile": "parquet", "NdjsonFile": "ndjson", "XlsxFile": "xlsx"}


def pages() -> dict[Path, str]:
    """Return the text of every reference page by its file."""
    return {
        FOLDER / "contract-changes.md": _contract_changes(),
        FOLDER / "contracts.md": _contracts(),
        FOLDER / "ingest-files.md": _ingest_files(),
        FOLDER / "messages.md": _messages(),
        FOLDER / "ownership.md": _ownership(),
        FOLDER / "questions.md": _questions(),
        FOLDER / "tasks.md": _tasks(),
        FOLDER / "what-may-change.md": _what_may_change(),
        DECISIONS / "index.md": _decisions(),
    }


def page(title: str, *parts: str) -> str:
    """Return a page of Markdown."""
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
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
    return page(
        "Decisions",
        "Why the building block has its shape: one page a decision, with what was known when it was made.",
        "\n".join(f"- [{title}]({name})" for name, title in titles.items()),
    )


# Ownership ------------------------------------------------------------------------------------------------------------


def _ownership() -> str:
    rows = ((_code(path), name, OF_UPDATE[name]) for name in CLASSES for path in patterns()[name])
    return page(
        "Who owns which path",
        "Written from the lists in `copier.yml`. Every path of a stamped project matches exactly one row; what\n"
        "matches none is the domain's, for the template never brings it.",
        table(("path", "class", "`copier update`"), rows),
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
    return page(
        "Questions",
        "Written from `copier.yml`. `copier copy` asks these once and keeps the answers in `.copier-answers.yml`,\n"
        "which is never edited by hand: `copier update --data <question>=<answer>` changes one. The name of the\n"
        "domain is for ever, for the unit's own files carry it.",
        table(("question", "it asks", "default, of Sales", "example"), rows),
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
    return page(
        "Tasks",
        "Written from `poe_tasks.toml`. With uv write `uv run poe build`, with pixi `pixi run build`, in an activated\n"
        "environment `poe build`; `poe` alone lists them. A unit adds tasks of its own in `settings/tasks.toml`.",
        table(("task", "what it does", "it runs"), rows),
        "## `poe contracts …`",
        table(("command", "what it does"), sorted(_contract_commands())),
        "`poe contracts <command> --help` lists the options of each.",
        "## `poe doctor`",
        "Looks at what an update has to do with, offline and at once; so do the hooks of a commit and `poe check`.\n"
        "Its exit code is 0 when all of this is so:",
        "\n".join(f"- {name}" for name in at_once(Examination(Project(ROOT)))),
        "Besides, what is derived from settings has to be up to date; `poe check` asks it of all derived files. What\n"
        "is wrong is told with the line to write, under the codes [BB401](messages.md#bb401) to\n"
        "[BB412](messages.md#bb412), of which the last is a reminder and fails nothing. The last lines tell the\n"
        "platform's version, since when the project has it, and each\n"
        "[exception](../how-to/except-a-platform-file.md) in use.",
    )


def _contract_commands() -> Iterable[tuple[str, str]]:
    for command in contract_commands.registered_commands:
        kinds = get_type_hints(command.callback, include_extras=True)
        arguments = [f"<{name}>" for name, kind in kinds.items() if _is_argument(kind)]
        words = " ".join(["poe contracts", command.callback.__name__, *arguments])
        yield _code(words), inspect.getdoc(command.callback).partition("\n")[0]


def _is_argument(kind: Any) -> bool:
    return any(isinstance(one, ArgumentInfo) for one in getattr(kind, "__metadata__", ()))


def _commands(task: dict[str, Any]) -> list[str]:
    """Return the commands of a task: one, or those of its sequence."""
    return [step["cmd"] for step in task.get("sequence", [task])]


# Ingest files ---------------------------------------------------------------------------------------------------------


def _ingest_files() -> str:
    schema = ingest_schema()
    definitions = schema["$defs"]
    of_formats = {name: definitions[model] for model, name in FILES.items()}
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
    return page("Ingest files", *sections)


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
    return table(("key", "value", "what it means", "example"), rows)


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
        case {"type": "array", "items": {"properties": {**of_item}}} if len(of_item) == 1:
            return f"list of {_code(f'{{{next(iter(of_item))}: …}}')}"
        case {"type": "array", "items": _}:
            return "list, see below"
        case {"type": "array"}:
            return "list"
        case {"type": [*kinds]}:
            return " or ".join(_value({"type": kind}) for kind in kinds)
        case {"format": "date"}:
            return "date"
        case {"type": "object"}:
            return "keys, see below"
        case {"type": "boolean"}:
            return "`true`, `false`"
        case {"type": "integer"}:
            return "whole number"
        case {"type": "number"}:
            return "number"
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
    return page(
        "Changes of a contract",
        "Written from the package `building_block`. `poe contracts gate --against main` compares each contract of\n"
        "`contracts/` with the one that git has at `main`, or at any other branch, tag or commit. CI asks the same of\n"
        "each pull request. It refuses a version that is raised by less than the gravest of its changes demands, or\n"
        "lowered, and a change without the approval that it needs.",
        table(("change", "demands", "approval", "why"), rows),
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


# What may change ------------------------------------------------------------------------------------------------------


def _what_may_change() -> str:
    rows = (
        (
            change.what[0].upper() + change.what[1:],
            change.bump.name.lower(),
            "yes" if change.migration else "",
            change.why,
        )
        for change in (kind.value for kind in OfSurface)
    )
    return page(
        "What may change",
        "Written from the verdicts of `tools/surface/`. The surface of a release is all that a unit's files,\n"
        "commands and habits can depend on. It is read from the release's files, so that any two releases can be\n"
        "compared:",
        "```sh\npython -m tools.surface v0.1.0\n```",
        "shows what changed from 0.1.0 to the working tree, and fails when the changelog's `[Unreleased]` raises\n"
        "too little: under `Removed` or `Breaking` stands what makes a major, under `Added`, `Changed` or\n"
        "`Deprecated` what makes a minor, the rest is a patch. Between two releases their versions say it, and\n"
        "`--as minor` tries another. A test asks the same of each pair of releases, and the release workflow before\n"
        "it tags one.",
        table(("change", "demands", "migration", "why"), rows),
        "What is not listed is a patch. A renamed thing is one that goes and one that comes.",
        "## Below 1.0.0",
        "In 0.x a minor may break, and the changelog says what a project must do; so what demands a major raises\n"
        "the second number. A patch breaks nothing. From 1.0.0 on the table holds as it stands.",
        "What needs a migration needs one in 0.x too: answers, seeds and the class of a path live in each project,\n"
        "and no version tells a hundred of them. `migrations:` of `tools/surface/declared.yml` names, for each such\n"
        "change, the page or the module that brings a unit over it; one that is not there counts as none.",
        "## Stricter rules warn first",
        "A message or lint rule that older files may break warns for at least one minor, then fails. A message\n"
        "warns while the set `WARNINGS`, beside `Code` in `building_block/messages.py`, has it: the first message\n"
        "that needs it brings that set, and the commands print what is in it without failing. A rule for models\n"
        "warns by `severity: warn` in `platform/dbt-bouncer.yml`, one of yamllint by `level: warning`. It fails\n"
        "from the minor on in which that is taken away. What the other linters and a hook find fails at once, so a\n"
        "new one of them is a major.",
        "A rule about something that came with it is no stricter rule: no older file has it. `new_ground:` of\n"
        "`tools/surface/declared.yml` names those, and who reviews that line vouches for it.",
        "## What is not on the surface",
        "Other Python of `building_block`, files below `platform/`, the words of messages, the order and look of\n"
        "output. Python names are public when a seed or a page of these docs imports them, with their parameters\n"
        "and attributes.",
    )


# Contracts ------------------------------------------------------------------------------------------------------------

_INTEGER = {"logicalType": "integer"}
_ARRAY = {"logicalType": "array", "physicalType": "varchar[]"}
RULES: dict[str, dict[str, Any]] = {
    "`required: true`": {"required": True},
    "`unique: true`": {"unique": True},
    "`primaryKey: true`": {"primaryKey": True},
    "`minimum: 1`": _INTEGER | {"logicalTypeOptions": {"minimum": 1}},
    "`exclusiveMinimum: 0`": _INTEGER | {"logicalTypeOptions": {"exclusiveMinimum": 0}},
    "`maximum: 100`": _INTEGER | {"logicalTypeOptions": {"maximum": 100}},
    "`exclusiveMaximum: 100`": _INTEGER | {"logicalTypeOptions": {"exclusiveMaximum": 100}},
    "`multipleOf: 5`": _INTEGER | {"logicalTypeOptions": {"multipleOf": 5}},
    '`minimum: "2009-12-01"` of a date': {"logicalType": "date", "logicalTypeOptions": {"minimum": "2009-12-01"}},
    "`minLength: 2`": {"logicalTypeOptions": {"minLength": 2}},
    "`maxLength: 40`": {"logicalTypeOptions": {"maxLength": 40}},
    '`pattern: "^[A-Z]+$"`': {"logicalTypeOptions": {"pattern": "^[A-Z]+$"}},
    **{f"`format: {name}`": {"logicalTypeOptions": {"format": name}} for name in FORMATS},
    "`minItems: 1` of an array": _ARRAY | {"logicalTypeOptions": {"minItems": 1}},
    "`maxItems: 3` of an array": _ARRAY | {"logicalTypeOptions": {"maxItems": 3}},
    "`uniqueItems: true` of an array": _ARRAY | {"logicalTypeOptions": {"uniqueItems": True}},
    "`enum: [{value: shop}, {value: web}]`": {"enum": [{"value": "shop"}, {"value": "web"}]},
    "`metric: nullValues`": {"quality": {"metric": "nullValues"}},
    '`metric: missingValues`, `missingValues: [null, ""]`': {
        "quality": {"metric": "missingValues", "arguments": {"missingValues": [None, ""]}}
    },
    "`metric: invalidValues`, `validValues: [shop, web]`": {
        "quality": {"metric": "invalidValues", "arguments": {"validValues": ["shop", "web"]}}
    },
    '`metric: invalidValues`, `pattern: "^[A-Z]+$"`': {
        "quality": {"metric": "invalidValues", "arguments": {"pattern": "^[A-Z]+$"}}
    },
    "`metric: duplicateValues`": {"quality": {"metric": "duplicateValues"}},
    "`metric: duplicateValues`, `properties: [x, y]` of the table": {
        "of_table": {"metric": "duplicateValues", "arguments": {"properties": ["x", "y"]}}
    },
    "`metric: rowCount` of the table": {"of_table": {"metric": "rowCount"}},
    "`type: sql`, `query: SELECT count({property}) FROM {object}`": {
        "quality": {"type": "sql", "query": "SELECT count({property}) FROM {object}"}
    },
}
"""What one writes → the keys of the column x, its entry of ``quality``, or that of the table."""


def _contracts() -> str:
    schema = contract_schema()
    declared = schema["properties"]["schema"]["items"]
    column = declared["properties"]["properties"]["items"]
    sections = [
        "Written from the code that reads contracts. A file `contracts/<port>.odcs.yaml` keeps the Open Data Contract\n"
        "Standard 3.2 and is about one port; `contracts/consumes/` holds other domains', of what this one reads.\n"
        "Here stand the keys that mean something to the platform. The standard's other keys are allowed and shown to\n"
        "readers; an unknown key is refused. An editor completes the keys by the schema in a contract's first line.",
        "## The contract",
        _keys(schema),
        "## `description`",
        _keys(schema["properties"]["description"]),
        "## `team`",
        _keys(schema["properties"]["team"]),
        "### `members` of the team",
        _keys(schema["properties"]["team"]["properties"]["members"]["items"]),
        "## `schema`: the table",
        _keys(declared),
        "## `properties`: the columns",
        _keys(column),
        "### `logicalTypeOptions`",
        table(
            ("key", "of", "what every value is"),
            (
                (_code(name), ", ".join(_code(kind) for kind in OPTIONS if name in OPTIONS[kind]), key["description"])
                for name, key in column["properties"]["logicalTypeOptions"]["properties"].items()
            ),
        ),
        "An empty field breaks none of these; `required: true` forbids it.",
        "### `quality`: rules of a column, or of the table",
        _keys(column["properties"]["quality"]["items"]),
        table(
            ("metric", "stands at a", "arguments"),
            ((_code(name), where, ", ".join(map(_code, arguments))) for name, (where, arguments) in METRICS.items()),
        ),
        "Of the `mustBe…` one stands at each rule. A rule is a check of the asset in Dagster, called by its `id`.\n"
        "What breaks a rule of severity `error` is not published.",
        "## `customProperties`: masking, and what samples are made of",
        _keys(column["properties"]["customProperties"]["items"]),
        "A column with `tags: [pii]` says how it reaches `published`: `{property: masking, value: hash}`.",
        table(("masking", "what becomes of the column"), ((_code(name), text) for name, text in MASKINGS.items())),
        "## `slaProperties`: retention and frequency",
        _keys(schema["properties"]["slaProperties"]["items"]),
        "A row is past its retention when its value lies before today less that time, in UTC and by the calendar, and\n"
        "a row without a value never is: [how it is removed](../how-to/keep-data-no-longer-than-promised.md).",
        table((ACTION, "what becomes of a row"), ((_code(name), text) for name, text in ACTIONS.items())),
        "## What a rule amounts to",
        "SQL of DuckDB over the column `x`. Most is true of a row that breaks the rule, and all of that is counted in\n"
        "one scan; each rule about duplicates and each query of `type: sql` is a query of its own.",
        table(("in the contract", "in SQL"), ((text, _amounts_to(written)) for text, written in RULES.items())),
        "A query sees the contract's own table as `{object}` and nothing else: no file, no network, no other table.",
        "## The policy",
        "What the standard leaves open and the platform demands of each port:",
        table(
            ("code", "refused"),
            (
                (f"[{code}](messages.md#{code.lower()})", EXPLANATIONS[code].what)
                for code in EXPLANATIONS
                if "BB611" <= code <= "BB617"
            ),
        ),
    ]
    return page("Contracts", *sections)


def _amounts_to(written: dict[str, Any]) -> str:
    """Return the SQL that a rule of the column `x`, or of its table, amounts to."""
    entries = {key: [written[key] | {"mustBe": 0}] for key in ("quality", "of_table") if key in written}
    column = {"name": "x", "logicalType": "string"} | written | entries
    whole = {"name": "t", "quality": column.pop("of_table", [])}
    whole["properties"] = [column, {"name": "y", "logicalType": "string"}]
    content = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "t", "version": "1.0.0", "status": "active"}
    content |= {"schema": [whole]}
    found = rules(contract(of_text(yaml.safe_dump(content, allow_unicode=True).encode(), "t.odcs.yaml")))
    return "<br>".join(_sql(rule) for rule in found)


def _sql(rule: Rule) -> str:
    match rule:
        case RowRule():
            return _code(rule.breaks)
        case DuplicateRule():
            columns = ", ".join(rule.columns)
            return f"rows with a value, less `count(DISTINCT {f'({columns})' if rule.columns[1:] else columns})`"
        case CountRule():
            return _code("count(*)")
        case QueryRule():
            return _code(rule.query.replace(OBJECT, "{object}"))
    raise ValueError(f"no SQL: {rule}")


# Messages -------------------------------------------------------------------------------------------------------------


def _messages() -> str:
    contents = table(
        ("code", "what"), ((f"[{code}](#{code.lower()})", explained.what) for code, explained in EXPLANATIONS.items())
    )
    sections = []
    for number, codes in groupby(EXPLANATIONS, key=lambda code: code[2]):
        sections += [f"## {GROUPS[number]}", *(message(code, EXPLANATIONS[code]) for code in codes)]
    return page(
        "Messages",
        "Written from the package `building_block`. Every message has the form `CODE file:line path: what is wrong;\n"
        "what to write instead`. In a project, `poe explain BB207` shows what stands here, without a network.",
        contents,
        *sections,
    )


def message(code: str, explained: Explanation) -> str:
    """Return the section of a page that explains a code."""
    return "\n\n".join(
        (
            f"### {code}",
            f"**{explained.what}**",
            f'```text title="For example"\n{explained.example}\n```',
            f"*Why.* {explained.why}",
            f"*How to put it right.* {explained.fix}",
        )
    )

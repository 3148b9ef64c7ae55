"""What can be proven of the pixi manifests without pixi itself, which is on no package index."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import rattler
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rattler.exceptions import InvalidMatchSpecError

from tests.conftest import SCENARIOS, StampedProject
from tools.ownership import ROOT

CONDA_TABLES = {"dependencies", "host-dependencies", "build-dependencies", "constraints"}
REPOSITORY = "the template's repository"


@dataclass(frozen=True)
class Workspace:
    """A folder that pixi reads, and the manifest that it finds there."""

    root: Path
    manifest: dict[str, Any]
    own_features: frozenset[str] = frozenset()
    """Features that pixi makes by itself, from the groups of the pyproject that holds the manifest."""

    @property
    def pyproject(self) -> dict[str, Any]:
        return toml(self.root / "pyproject.toml")


def toml(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8"))


def stamped(project: StampedProject) -> Workspace:
    return Workspace(project.root, toml(project.root / "pixi.toml"))


@pytest.fixture(params=[*SCENARIOS, REPOSITORY])
def workspace(request, rendered) -> Workspace:
    if request.param != REPOSITORY:
        return stamped(rendered(request.param))
    pyproject = toml(ROOT / "pyproject.toml")
    return Workspace(ROOT, pyproject["tool"]["pixi"], frozenset(pyproject["dependency-groups"]))


def tables(node: dict[str, Any], names: set[str]) -> Iterator[dict[str, Any]]:
    """Yield every table of one of these names, be it at the root, of a feature, of a target or of an environment."""
    for key, value in node.items():
        if key in names:
            yield value
        elif isinstance(value, dict) and key != "tasks":
            yield from tables(value, names)


def schema_faults(manifest: dict[str, Any]) -> list[str]:
    file = resources.files("validate_pyproject_schema_store") / "resources" / "pixi.schema.json"
    # The store lets unknown tables at the root pass, which pixi refuses.
    schema = json.loads(file.read_text(encoding="utf-8")) | {"additionalProperties": False, "required": ["workspace"]}
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(manifest)]


def conda_faults(manifest: dict[str, Any]) -> list[str]:
    faults = []
    for table in tables(manifest, CONDA_TABLES):
        for name, spec in table.items():
            text = f"{name} {spec if isinstance(spec, str) else spec.get('version', '*')}"
            try:
                rattler.MatchSpec(text, strict=True)
            except InvalidMatchSpecError as error:
                faults.append(f"{text}: {error}")
    return faults


def feature_faults(workspace: Workspace) -> list[str]:
    environments = workspace.manifest.get("environments", {}).values()
    named = {name for value in environments for name in (value["features"] if isinstance(value, dict) else value)}
    known = {*workspace.manifest.get("feature", {}), *workspace.own_features}
    unknown = [f"an environment names the feature {name}, which does not exist" for name in sorted(named - known)]
    return unknown + [f"no environment uses the feature {name}" for name in sorted(known - named)]


def path_dependencies(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Return what is installed from a folder, by name."""
    found = {}
    for table in tables(workspace.manifest, {"pypi-dependencies"}):
        found |= {name: spec for name, spec in table.items() if isinstance(spec, dict) and "path" in spec}
    return found


def path_faults(workspace: Workspace) -> list[str]:
    faults = []
    for name, spec in path_dependencies(workspace).items():
        file = workspace.root / spec["path"] / "pyproject.toml"
        if not file.is_file():
            faults.append(f"{name}: {spec['path']} has no pyproject.toml")
            continue
        project = toml(file)["project"]
        if name != canonicalize_name(project["name"]):
            faults.append(f"{name}: the project in {spec['path']} is named {project['name']}")
        unknown = sorted({*spec.get("extras", [])} - {*project.get("optional-dependencies", {})})
        faults += [f"{name}: {spec['path']} has no extra {extra}" for extra in unknown]
    return faults


def python_faults(workspace: Workspace) -> list[str]:
    stated = {workspace.pyproject["project"]["requires-python"]}
    for spec in path_dependencies(workspace).values():
        stated.add(toml(workspace.root / spec["path"] / "pyproject.toml")["project"]["requires-python"])
    of_conda = {table["python"] for table in tables(workspace.manifest, {"dependencies"}) if "python" in table}
    if len({SpecifierSet(text) for text in stated | of_conda}) == 1 and of_conda:
        return []
    return [f"requires-python is {sorted(stated)}, conda's python is {sorted(of_conda)}"]


def uv_faults(workspace: Workspace) -> list[str]:
    """pixi does not read [tool.uv.sources]: the same folders and extras have to stand in its manifest.

    Extras that a package of its manifest asks for come with that package.
    """
    pyproject = workspace.pyproject
    brought = {
        extra
        for name, spec in path_dependencies(workspace).items()
        for text in toml(workspace.root / spec["path"] / "pyproject.toml")["project"]["dependencies"]
        if (required := Requirement(text)).name in pyproject["tool"]["uv"]["sources"]
        for extra in required.extras
    }
    groups = pyproject.get("dependency-groups", {}).values()
    requirements = [Requirement(text) for texts in (pyproject["project"]["dependencies"], *groups) for text in texts]
    faults = []
    for name, source in pyproject["tool"]["uv"]["sources"].items():
        extras = {extra for required in requirements if required.name == name for extra in required.extras}
        for_uv = source | {"extras": sorted(extras)}
        for_pixi = path_dependencies(workspace).get(name, {})
        if for_uv != for_pixi | {"extras": sorted(brought.union(for_pixi.get("extras", [])))}:
            faults.append(f"{name}: uv installs {for_uv}, pixi {for_pixi}")
    return faults


def task_faults(manifest: dict[str, Any], poe_tasks: set[str]) -> list[str]:
    tasks = manifest.get("tasks", {})
    missing = [f"pixi has no task {name}" for name in sorted(poe_tasks - tasks.keys())]
    return missing + [
        f"the pixi task {name} is {command!r}, not a call of poe's task of that name"
        for name, command in tasks.items()
        if name not in poe_tasks or command != f"poe {name}"
    ]


def test_the_manifest_is_valid_by_the_schema_of_pixi(workspace):
    assert schema_faults(workspace.manifest) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"dependancies": {"gdal": ">=3.8"}}, "'dependancies' was unexpected"),
        ({"feature": {"gpu": {"dependancies": {}}}}, "'dependancies' was unexpected"),
        ({"pypi-dependencies": {"sales": {"path": ".", "editible": True}}}, "not valid under any of the given schemas"),
        ({"workspace": {"name": "sales", "chanels": []}}, "'chanels' was unexpected"),
        ({"dependencies": {"gdal": 3.8}}, "not valid under any of the given schemas"),
    ],
    ids=["table", "table of a feature", "key of a path dependency", "key of the workspace", "number for a spec"],
)
def test_the_schema_refuses_a_typo(workspace, change, fault):
    assert any(fault in found for found in schema_faults(workspace.manifest | change))


def test_every_conda_spec_is_one_by_the_rules_of_conda(workspace):
    assert [table for table in tables(workspace.manifest, CONDA_TABLES) if table]
    assert conda_faults(workspace.manifest) == []


@pytest.mark.parametrize("spec", ["=>3.8", ">=3.8 <4", "latest", "^3.8", ">=3.8,<4.*"])
def test_a_spec_that_conda_cannot_read_is_found(spec):
    for written in (spec, {"version": spec}):
        (fault,) = conda_faults({"dependencies": {"gdal": written, "python": ">=3.11,<3.14"}})
        assert fault.startswith(f"gdal {spec}: ")


@pytest.mark.parametrize(
    "manifest",
    [
        {"feature": {"gpu": {"host-dependencies": {"gdal": "latest"}}}},
        {"target": {"linux-64": {"dependencies": {"gdal": "latest"}}}},
        {"feature": {"gpu": {"target": {"osx-64": {"constraints": {"gdal": "latest"}}}}}},
        {"environments": {"gpu": {"dependencies": {"gdal": "latest"}}}},
    ],
    ids=["feature", "target", "target of a feature", "environment"],
)
def test_specs_are_read_in_every_table_that_pixi_has_for_them(manifest):
    assert len(conda_faults(manifest)) == 1


def test_every_environment_names_features_that_exist_and_every_feature_is_used(workspace):
    assert feature_faults(workspace) == []


def test_a_feature_without_environment_and_an_environment_without_feature_are_found(rendered):
    manifest = stamped(rendered("minimal")).manifest | {"environments": {"default": {"features": ["platfrom"]}}}
    assert feature_faults(Workspace(ROOT, manifest)) == [
        "an environment names the feature platfrom, which does not exist",
        "no environment uses the feature platform",
    ]


def test_every_path_dependency_leads_to_the_project_of_its_name_with_its_extras(workspace):
    assert "building-block" in path_dependencies(workspace)
    assert path_faults(workspace) == []


@pytest.mark.parametrize(
    ("dependency", "fault"),
    [
        ({"building-block": {"path": "platfrom"}}, "building-block: platfrom has no pyproject.toml"),
        ({"building_block": {"path": "platform"}}, "building_block: the project in platform is named building-block"),
        ({"building-block": {"path": "platform", "extras": ["dve"]}}, "building-block: platform has no extra dve"),
    ],
    ids=["path", "name", "extra"],
)
def test_a_path_dependency_that_leads_nowhere_is_found(rendered, dependency, fault):
    assert path_faults(Workspace(rendered("minimal").root, {"pypi-dependencies": dependency})) == [fault]


def test_uv_and_pixi_install_the_same_folders_with_the_same_extras(workspace):
    assert uv_faults(workspace) == []


def test_an_extra_that_only_uv_installs_is_found(rendered):
    dependencies = {"building-block": {"path": "platform", "editable": True}}
    (fault,) = uv_faults(Workspace(rendered("minimal").root, {"pypi-dependencies": dependencies}))
    assert fault.startswith("building-block: uv installs")


def test_conda_brings_the_python_that_the_packages_require(workspace):
    assert python_faults(workspace) == []


@pytest.mark.parametrize("python", [{"python": ">=3.12,<3.14"}, {}], ids=["another", "none"])
def test_a_python_that_the_packages_do_not_require_is_found(rendered, python):
    assert python_faults(Workspace(rendered("minimal").root, {"dependencies": python}))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_pixi_has_the_tasks_of_poe_and_calls_them(rendered, scenario):
    project = rendered(scenario)
    poe_tasks = set(toml(project.root / "poe_tasks.toml")["tasks"])
    assert poe_tasks
    assert task_faults(stamped(project).manifest, poe_tasks) == []


@pytest.mark.parametrize(
    ("tasks", "fault"),
    [
        ({}, "pixi has no task build"),
        ({"build": "poe buidl"}, "the pixi task build is 'poe buidl', not a call of poe's task of that name"),
        (
            {"build": "poe build", "deploy": "poe deploy"},
            "the pixi task deploy is 'poe deploy', not a call of poe's task of that name",
        ),
    ],
    ids=["missing", "other command", "without poe's task"],
)
def test_a_task_that_poe_and_pixi_do_not_share_is_found(tasks, fault):
    assert task_faults({"tasks": tasks}, {"build"}) == [fault]


@pytest.mark.parametrize(
    "half",
    [
        '[dependencies]\ngdal = ">=3.8"\n',
        '[feature.geo.dependencies]\ngdal = ">=3.8"\n\n[environments.geo]\nfeatures = ["platform", "geo"]\n',
        '[target.linux-64.dependencies]\ngdal = { version = ">=3.8", channel = "conda-forge" }\n',
    ],
    ids=["package", "environment of its own", "package of one system"],
)
def test_a_unit_adds_conda_packages_and_the_manifest_stays_valid(project, half):
    project.write("settings/pixi.toml", half)
    result = project.poe("generate")
    assert result.returncode == 0, result.stderr

    joined = stamped(project)
    assert [table["gdal"] for table in tables(joined.manifest, CONDA_TABLES) if "gdal" in table]
    assert schema_faults(joined.manifest) == conda_faults(joined.manifest) == feature_faults(joined) == []
    assert path_faults(joined) == uv_faults(joined) == python_faults(joined) == []
    assert (
        joined.manifest["tasks"] == tomllib.loads((project.root / "platform/settings/pixi.toml").read_text())["tasks"]
    )


@pytest.mark.parametrize("table", ["workspace", "feature.platform.dependencies", "environments", "tasks"])
def test_a_unit_that_opens_a_table_of_the_platform_again_is_told_so_and_nothing_is_written(project, table):
    before = (project.root / "pixi.toml").read_bytes()
    project.write("settings/pixi.toml", f'[{table}]\ndeploy = "echo"\n')
    result = project.poe("generate")
    assert result.returncode == 1
    assert re.search(r"^BB403 settings/pixi\.toml: opens a table .*; write another table", result.stderr, re.MULTILINE)
    assert "Traceback" not in result.stdout + result.stderr
    assert (project.root / "pixi.toml").read_bytes() == before

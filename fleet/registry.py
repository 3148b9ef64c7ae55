"""What the platform team declares of its fleet in ``domains.yaml`` and ``rings.yaml``."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from building_block.messages import Problem, ProblemError, nearest, shown
from building_block.yaml_nodes import Kind, parse, place
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode

from fleet.messages import FleetCode

DOMAINS = "domains.yaml"
RINGS = "rings.yaml"

_VERSION = r"^v\d+\.\d+\.\d+(-rc\.\d+)?$"
_Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", examples=["sales"])]


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Checkout(_Declared):
    """A project on the machine of the central Dagster, in an environment of its own."""

    folder: str = Field(
        min_length=1, description="the folder of its project, not of a monorepo", examples=["/srv/sales-data"]
    )
    """Relative to the file that says so."""
    python: str = Field(".venv/bin/python", min_length=1, description="the Python of its environment")
    """Relative to that folder."""

    def __str__(self) -> str:
        """Return what no two domains may share: two locations with the same keys are merged without a word."""
        return self.folder


class Server(_Declared):
    """A code server, which runs from the domain's image."""

    host: str = Field(min_length=1, description="where a code server listens", examples=["sales-data.internal"])
    port: int = Field(ge=1, le=65535, description="the port of that server", examples=[4000])

    def __str__(self) -> str:
        """Return its address."""
        return f"{self.host}:{self.port}"


def _kind_of_location(value: Any) -> str | None:
    """Return whose keys are there, or None when they are nobody's or of both kinds."""
    keys = value.keys() if isinstance(value, dict) else getattr(value, "model_fields_set", set())
    kinds = [name for name, kind in {"checkout": Checkout, "server": Server}.items() if keys & kind.model_fields.keys()]
    return kinds[0] if len(kinds) == 1 else None


Location = Annotated[
    Annotated[Checkout, Tag("checkout")] | Annotated[Server, Tag("server")],
    Discriminator(_kind_of_location, custom_error_type="location", custom_error_message="no kind of location"),
]
"""How a central Dagster reaches a domain."""


class Domain(_Declared):
    """One registered project."""

    name: _Name = Field(description="the domain, as its project calls it")
    repository: str = Field(
        pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", description="as the forge names it", examples=["acme/sales-data"]
    )
    ring: _Name = Field(description="the ring with which a release reaches it", examples=["broad"])
    contact: str = Field(
        min_length=3, description="who is asked when something needs a person", examples=["@acme/sales"]
    )
    folder: str = Field(
        "", pattern=r"^([A-Za-z0-9_-][A-Za-z0-9_.-]*/)*$", description="the project in a monorepo", examples=["data/"]
    )
    pinned: str | None = Field(None, pattern=_VERSION, description="the version that it stays at", examples=["v0.3.0"])
    skip: str | None = Field(None, min_length=1, description="why it is left alone", examples=["moves house in May"])
    location: Location | None = Field(
        None,
        description="either its `folder` (and `python`), or `host` and `port` of its code server",
        examples=["{folder: /srv/sales-data}"],
    )

    @property
    def branch(self) -> str:
        """The one branch of the fleet for it: a newer release takes the place of an older one there."""
        return f"platform-update-{self.name}" if self.folder else "platform-update"


class Ring(_Declared):
    """One ring: the domains that a release reaches together."""

    name: _Name = Field(description="by which domains say that they are in it", examples=["canary"])
    must_succeed: float = Field(1.0, gt=0, le=1, description="the share of its domains that must be well")
    bake_hours: float = Field(0, ge=0, description="how long they must have been well", examples=[24])
    at_once: int = Field(2, ge=1, description="how many repositories are worked on at a time", examples=[2])
    prs_per_hour: int = Field(500, ge=1, description="how many pull requests are opened in an hour", examples=[30])

    @property
    def bake(self) -> timedelta:
        """How long its domains must have been well before the next ring opens."""
        return timedelta(hours=self.bake_hours)


class LocalPlace(_Declared):
    """Bare repositories in a folder."""

    kind: Literal["local"]
    folder: str = Field(min_length=1, description="relative to the file that says so", examples=["forge"])


class GithubPlace(_Declared):
    """GitHub, or a GitHub Enterprise server; its credentials are in the environment."""

    kind: Literal["github"]
    url: str = Field("https://github.com", pattern=r"^https?://[^/@\s]+$", description="the server, without a path")


class _Domains(_Declared):
    forge: Annotated[LocalPlace | GithubPlace, Field(discriminator="kind")]
    domains: list[Domain]


class _Rings(_Declared):
    rings: list[Ring] = Field(min_length=1)


_File = TypeVar("_File", _Domains, _Rings)


@dataclass(frozen=True)
class Fleet:
    """All that is declared."""

    folder: Path
    """Where the files lie."""
    place: LocalPlace | GithubPlace
    domains: tuple[Domain, ...]
    rings: tuple[Ring, ...]
    """In the order in which a release reaches them."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read both files.

        Raises:
            ProblemError: one is missing or wrong; the error carries every fault of the file.
        """
        rings, ring_node = _read(folder / RINGS, _Rings)
        declared, node = _read(folder / DOMAINS, _Domains)
        ProblemError.raise_any(_twice(RINGS, ring_node, "rings", "name", [ring.name for ring in rings.rings]))
        # As asset keys have it: `sales-eu` and `sales_eu` would be one domain in a Dagster that shows both.
        names = [domain.name.replace("-", "_") for domain in declared.domains]
        places = [f"{domain.repository}/{domain.folder}" for domain in declared.domains]
        locations = [domain.location and str(domain.location) for domain in declared.domains]
        problems = [
            *_twice(DOMAINS, node, "domains", "name", names),
            *_twice(DOMAINS, node, "domains", "repository", places),
            *_twice(DOMAINS, node, "domains", "location", locations),
            *_in_no_ring(declared.domains, [ring.name for ring in rings.rings], node),
        ]
        ProblemError.raise_any(problems)
        return cls(folder, declared.forge, tuple(declared.domains), tuple(rings.rings))

    @property
    def cache(self) -> Path:
        """Where the fleet remembers what it has seen of each domain; ignored by git, and may be deleted."""
        return self.folder / ".cache"

    def of_ring(self, ring: Ring) -> list[Domain]:
        """Return the domains of a ring, in the order in which they are declared."""
        return [domain for domain in self.domains if domain.ring == ring.name]

    def ring(self, name: str) -> Ring:
        """Return the ring of a name that a person wrote; raise ProblemError when there is none."""
        return _called(name, self.rings, "--ring", RINGS)

    def domain(self, name: str) -> Domain:
        """Return the domain of a name that a person wrote; raise ProblemError when there is none."""
        return _called(name, self.domains, "--only", DOMAINS)


_One = TypeVar("_One", Domain, Ring)


def _called(name: str, among: Iterable[_One], option: str, file: str) -> _One:
    named = {one.name: one for one in among}
    if name not in named:
        what = f"`{name}` is not in {file}"
        raise ProblemError(Problem(FleetCode.NAME_UNKNOWN, option, what, f"write {nearest(name, named)}"))
    return named[name]


# Faults ---------------------------------------------------------------------------------------------------------------

_KIND = Kind(
    name="a file of the fleet",
    begins=f"write `rings:` into {RINGS}, `forge:` and `domains:` into {DOMAINS}",
    syntax=FleetCode.FILE_YAML,
    key=FleetCode.FILE_KEY,
    dates=False,
)


def _read(path: Path, model: type[_File]) -> tuple[_File, MappingNode]:
    if not path.is_file():
        what, write = (
            "is not there",
            f"write it, or name the folder that has it: `fleet --fleet <folder>`, now {path.parent}",
        )
        raise ProblemError(Problem(FleetCode.FILE_YAML, path.name, what, write))
    values, node = parse(path.read_bytes(), path.name, _KIND)
    try:
        return model.model_validate(values), node
    except ValidationError as error:
        faults = [_fault(one, path.name, node, model) for one in error.errors(include_url=False)]
        raise ProblemError(*faults) from None


def _fault(error: ErrorDetails, file: str, node: MappingNode, model: type[BaseModel]) -> Problem:
    line, path = place(node, error["loc"])
    key, fields = error["loc"][-1], _fields(model, error["loc"][:-1])
    known = fields.get(str(key))
    about = (known and known.description) or "its value"
    example = f", for example `{key}: {known.examples[0]}`" if known and known.examples else ""
    match error["type"]:
        case "missing" | "union_tag_not_found":
            if error["type"] != "missing":
                key, about, example = "kind", "local or github", ""
            return Problem(FleetCode.FILE_KEY, f"{file}:{line}", f"`{key}` is missing", f"write {about}{example}", path)
        case "extra_forbidden":
            what, write = f"unknown key `{key}`", f"write {nearest(str(key), fields)}"
            return Problem(FleetCode.FILE_KEY, f"{file}:{line}", what, write, path)
        case "union_tag_invalid":
            what, write = f"{shown(error['ctx']['tag'])} is no kind of forge", "write local or github"
        case "too_short":
            what, write = f"`{key}` is empty", f"write one entry at least{example}"
        case _:
            what, write = f"{shown(error['input'])} is not what `{key}` takes", f"write {about}{example}"
    return Problem(FleetCode.FILE_VALUE, f"{file}:{line}", what, write, path)


def _fields(model: type[BaseModel], loc: tuple[str | int, ...]) -> dict[str, Any]:
    """Return the fields that may stand at a location of a file."""
    steps: dict[str, type[BaseModel]] = {
        "domains": Domain,
        "rings": Ring,
        "checkout": Checkout,
        "server": Server,
        "local": LocalPlace,
        "github": GithubPlace,
    }
    for step in loc:
        model = steps.get(str(step), model)
    return model.model_fields


def _twice(file: str, node: MappingNode, of: str, key: str, values: list[str | None]) -> Iterator[Problem]:
    for value, count in Counter(values).items():
        if value is not None and count > 1:
            last = len(values) - 1 - values[::-1].index(value)
            line, path = place(node, (of, last, key))
            what, write = f"{shown(value)} stands twice", "give one of them another, or remove it"
            yield Problem(FleetCode.FILE_VALUE, f"{file}:{line}", what, write, path)


def _in_no_ring(domains: list[Domain], rings: list[str], node: MappingNode) -> Iterator[Problem]:
    for number, domain in enumerate(domains):
        if domain.ring not in rings:
            line, path = place(node, ("domains", number, "ring"))
            what, write = (
                f"no ring is called `{domain.ring}`",
                f"write {nearest(domain.ring, rings)}, or add it to {RINGS}",
            )
            yield Problem(FleetCode.FILE_VALUE, f"{DOMAINS}:{line}", what, write, path)

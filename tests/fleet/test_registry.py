"""What a person writes of a fleet: read whole, or refused with every fault at its line."""

from pathlib import Path

import pytest
from building_block.messages import ProblemError

from fleet.registry import Fleet
from tools.ownership import ROOT

RINGS = "rings:\n- name: canary\n- name: broad\n"
DOMAINS = """forge: {kind: local, folder: forge}
domains:
- {name: sales, repository: acme/sales-data, ring: canary, contact: '@acme/sales'}
- name: finance
  repository: acme/mono
  folder: data/
  ring: broad
  contact: finance@acme.com
  pinned: v0.3.0
"""


def read(folder: Path, domains: str = DOMAINS, rings: str = RINGS) -> Fleet:
    (folder / "domains.yaml").write_text(domains, encoding="utf-8")
    (folder / "rings.yaml").write_text(rings, encoding="utf-8")
    return Fleet.read(folder)


def test_a_fleet_is_read_with_its_rings_in_order(tmp_path):
    fleet = read(tmp_path)
    assert [ring.name for ring in fleet.rings] == ["canary", "broad"]
    assert [domain.name for domain in fleet.of_ring(fleet.ring("broad"))] == ["finance"]
    assert fleet.domain("finance").pinned == "v0.3.0"


def test_a_project_in_a_monorepo_has_a_branch_of_its_own_there(tmp_path):
    fleet = read(tmp_path)
    assert [domain.branch for domain in fleet.domains] == ["platform-update", "platform-update-finance"]


def test_what_this_repository_declares_can_be_read():
    assert Fleet.read(ROOT / "rollout").rings


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "ring: canary",
            "ring: canari",
            "FL103 domains.yaml:3 domains[0].ring: no ring is called `canari`; write",
        ),
        ("ring: canary, ", "", "FL102 domains.yaml:3 domains[0].ring: `ring` is missing; write the ring"),
        ("pinned: v0.3.0", "pinned: 0.3", "FL103 domains.yaml:9 domains[1].pinned: `0.3` is not what `pinned` takes"),
        ("pinned:", "pined:", "FL102 domains.yaml:9 domains[1].pined: unknown key `pined`; write pinned"),
        ("name: finance", "name: sales", "FL103 domains.yaml:4 domains[1].name: `sales` stands twice"),
        ("acme/sales-data", "sales-data", "FL103 domains.yaml:3 domains[0].repository: `sales-data` is not what"),
        ("folder: data/", "folder: ../data/", "FL103 domains.yaml:6 domains[1].folder: `../data/` is not what"),
        (
            "kind: local",
            "kind: gitea",
            "FL103 domains.yaml:1 forge: `gitea` is no kind of forge; write local",
        ),
        ("  folder: data/", "  folder: [", "FL101 domains.yaml:"),
    ],
)
def test_a_fault_of_the_domains_is_told_at_its_line(tmp_path, old, new, message):
    assert old in DOMAINS
    with pytest.raises(ProblemError) as error:
        read(tmp_path, DOMAINS.replace(old, new))
    assert str(error.value.problems[0]).startswith(message)


@pytest.mark.parametrize(
    ("rings", "message"),
    [
        ("", "FL101 rings.yaml:1: the file is empty; write `rings:`"),
        ("rings: []\n", "FL103 rings.yaml:1 rings: `rings` is empty"),
        ("rings:\n- {name: canary, must_succeed: 1.5}\n", "FL103 rings.yaml:2 rings[0].must_succeed: `1.5` is not"),
        ("rings:\n- {name: canary, at_once: 0}\n", "FL103 rings.yaml:2 rings[0].at_once: `0` is not what"),
        ("rings:\n- {name: canary}\n- {name: canary}\n", "FL103 rings.yaml:3 rings[1].name: `canary` stands twice"),
    ],
)
def test_a_fault_of_the_rings_is_told_at_its_line(tmp_path, rings, message):
    with pytest.raises(ProblemError) as error:
        read(tmp_path, rings=rings)
    assert str(error.value.problems[0]).startswith(message)


def test_every_fault_of_a_file_is_told_at_once(tmp_path):
    with pytest.raises(ProblemError) as error:
        read(tmp_path, DOMAINS.replace("acme/sales-data", "x").replace("  contact: finance@acme.com\n", ""))
    assert len(error.value.problems) == 2


def test_a_missing_file_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(ProblemError, match=r"FL101 rings\.yaml: is not there; write it, or name the folder"):
        Fleet.read(tmp_path)

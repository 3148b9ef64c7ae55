"""The page of benchmarks says what was measured."""

from benchmarks.page import PAGE, SECTIONS, page
from tools.ownership import ROOT


def test_the_page_is_written_from_the_results():
    assert PAGE.read_text(encoding="utf-8") == page(), "write `python -m benchmarks.page`"


def test_every_question_has_a_script_a_result_and_a_command_in_the_readme():
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    for name in SECTIONS:
        assert (ROOT / "benchmarks" / f"{name}.py").is_file()
        assert (ROOT / "benchmarks" / "results" / f"{name}.json").is_file()
        assert f"python -m benchmarks.{name}`" in readme

"""An environment of a stamped project's own, where the project is run by something other than the tests themselves.

Real in what a hook or a CI step sees of it: the folder ``.venv`` with a python and the tools of the stack, in which
``building_block`` and the domain's package are the project's. Its libraries are the shared ones, so that it costs
no install.
"""

import sys
import sysconfig
import venv
from pathlib import Path

from tests.conftest import StampedProject
from tests.preloaded import can_run, stand_in


def give_environment(project: StampedProject) -> Path:
    """Make the project's ``.venv`` and return its folder of tools."""
    folder = project.root / ".venv"
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    shared = sysconfig.get_path("purelib")
    packages.joinpath("shared.pth").write_text(f"{project.root}/platform\n{project.root}/src\n{shared}\n")
    for tool in Path(sys.executable).parent.iterdir():
        own = folder / "bin" / tool.name
        if own.exists() or not tool.is_file() or tool.name.startswith("activate"):
            continue
        with tool.open("rb") as content:
            is_script = content.read(2) == b"#!"
        if is_script:
            own.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" "{tool}" "$@"\n')
            own.chmod(0o755)
            if tool.name == "building-block" and can_run({}):
                real = own.rename(own.with_name("building-block-started"))
                stand_in(own, real, folder / "bin" / "python", [project.root / "platform", project.root / "src"])
        else:
            own.symlink_to(tool)
    return folder / "bin"

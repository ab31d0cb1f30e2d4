"""Packs a unit for Gradescope: a zip that its programming assignments take as an autograder.

    python coursework/gradescope.py my-course unit1 --address https://git.example.org/siphonbench.git

`my-course` is a folder that build.py wrote; the zip stands in its folder `gradescope/`. Gradescope runs `setup.sh`
once, which installs siphonbench from the address and makes the class world, and `run_autograder` for each notebook
that comes. Choose an image with Python 3.11 to 3.13 and two gigabytes of memory.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SETUP = """\
#!/usr/bin/env bash
set -euo pipefail
apt-get update && apt-get install -y python3-venv git
python3 -m venv /autograder/python
/autograder/python/bin/pip install "git+{address}" nbclient ipykernel
cd /autograder/source
SIPHONBENCH_COURSE=/autograder/worlds /autograder/python/bin/python -c "import course; course.world()"
"""
RUN = """\
#!/usr/bin/env bash
set -euo pipefail
cd /autograder/source
export SIPHONBENCH_COURSE=/autograder/worlds
notebook=$(find /autograder/submission -name '*.ipynb' | head -n 1)
/autograder/python/bin/python autograde.py {unit}.ipynb "$notebook" wrong.json /autograder/results/results.json
"""


def pack(course: Path, unit: str, address: str) -> Path:
    """The zip of a unit.

    Parameters
    ----------
    course : Path
        Folder that build.py wrote.
    unit : str
        Name of the unit: "unit1".
    address : str
        Of a git repository that holds siphonbench.

    Returns
    -------
    Path
        `course`/gradescope/`unit`.zip.
    """
    source = course / "source" / unit
    parts = {
        file.name: file.read_bytes() for file in (*source.iterdir(), course / "canary.py", course / "wrong.json")
    }
    parts["autograde.py"] = (HERE / "autograde.py").read_bytes()
    scripts = {"setup.sh": SETUP.format(address=address), "run_autograder": RUN.format(unit=unit)}
    out = course / "gradescope" / f"{unit}.zip"
    out.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in sorted(parts.items()):
            packed.writestr(name, content)
        for name, text in scripts.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16  # Gradescope runs them
            packed.writestr(entry, text)
    return out


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("course", type=Path, help="folder that build.py wrote")
    parser.add_argument("units", nargs="+", help="units to pack")
    parser.add_argument("--address", required=True, help="git address of siphonbench")
    asked = parser.parse_args()
    if missing := [u for u in asked.units if not (asked.course / "source" / u).is_dir()]:
        sys.exit(f"Error: {asked.course} has no {', '.join(missing)}: build it with coursework/build.py")
    for unit in asked.units:
        print(pack(asked.course, unit, asked.address))


if __name__ == "__main__":
    main()

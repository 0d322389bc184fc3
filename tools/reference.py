"""Write the reference below docs/reference/ from the code that it describes.

    python -m tools.reference           write it
    python -m tools.reference --check   exit 1 when a written page differs

One small page for each area, so that two changes seldom meet in one file. What a page says comes from the
settings, the commands, the API's own description, the meters and the tables of codes: to change a page,
change the code, and run this again.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tools import reference_api, reference_cli, reference_codes, reference_metrics, reference_settings

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
NOTE = "<!-- Made from the code by `make reference`; changes here are lost. -->\n"


def pages() -> dict[str, str]:
    """The text of every page, by its path below docs/reference/."""
    made = {
        "settings.md": reference_settings.page(),
        "metrics.md": reference_metrics.page(),
        "codes.md": reference_codes.answers(),
        "problems.md": reference_codes.problems(),
        **reference_cli.pages(),
        **reference_api.pages(),
    }
    return {name: NOTE + "\n" + text.strip() + "\n" for name, text in sorted(made.items())}


def differences(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Pages that are missing, different, or of something that is no more."""
    present = {str(path.relative_to(folder)) for path in folder.rglob("*.md")}
    wrong = present ^ wanted.keys()
    for name in present & wanted.keys():
        if (folder / name).read_text(encoding="utf-8") != wanted[name]:
            wrong.add(name)
    return sorted(wrong)


def write(folder: Path, wanted: dict[str, str]) -> None:
    """Make ``folder`` hold exactly ``wanted``."""
    for name in differences(folder, wanted):
        path = folder / name
        if name not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[name], encoding="utf-8")
        print(path.relative_to(folder.parent.parent))


def main(arguments: Sequence[str]) -> int:
    """Write, or with ``--check`` only compare."""
    wanted = pages()
    if "--check" not in arguments:
        write(FOLDER, wanted)
        return 0
    wrong = differences(FOLDER, wanted)
    for name in wrong:
        print(f"docs/reference/{name} is not what the code says: run `make reference`", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

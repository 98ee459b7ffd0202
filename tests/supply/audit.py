"""Look at what the package stands on: known weaknesses, and licences; ``make audit`` runs this.

Status 0 means that both were looked at and are in order, 1 that something was found, 2 that it
could not be looked at. With ``--record`` the licences are printed as a table.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from packaging.requirements import Requirement

PACKAGE = "zforecast"

# Who uses the package may do so with anything; what these ask for is to be named.
PERMISSIVE = {
    "0bsd", "3-clause bsd license", "apache software license", "apache-2.0", "apache license 2.0",
    "apache-2.0 with llvm-exception", "bsd", "bsd license", "bsd-2-clause", "bsd-3-clause",
    "bsl-1.0", "cc0-1.0", "dfsg approved", "isc", "isc license (iscl)", "mit", "mit license",
    "mit-0", "mit-cmu", "ncsa", "psf-2.0", "python software foundation license", "zlib",
}  # fmt: skip
EXCEPTIONS = {
    "certifi": "MPL 2.0, which asks for changes to its own files back; we change none",
    "huey": "states MIT in its LICENSE file alone",
    "skops": "states MIT in its LICENSE file alone",
    "tqdm": "MPL 2.0 in part, which asks for changes to its own files back; we change none",
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def runtime(package: str, known: Iterable[str] = ()) -> set[str]:
    """Return the names of all that a package needs to run, as installed here."""
    found = set(known)
    try:
        lines = requires(package) or []
    except PackageNotFoundError:
        return found
    for line in lines:
        need = Requirement(line)
        name = normal(need.name)
        if name not in found and (need.marker is None or need.marker.evaluate({"extra": ""})):
            found = runtime(name, found | {name})
    return found


def unlicensed(packages: Iterable[Mapping[str, str]], needed: set[str]) -> list[str]:
    """Name what is needed under a licence that is neither permissive nor an exception."""
    found = []
    for package in packages:
        name, text = normal(package["Name"]), package["License"]
        parts = re.split(r"\s*;\s*|\s+(?:AND|OR)\s+", text.replace("(", " (").replace("  ", " "))
        free = all(part.strip().lower() in PERMISSIVE for part in parts)
        if name in needed and not free and name not in EXCEPTIONS:
            found.append(f"{package['Name']}: {text}")
    return sorted(found)


def weaknesses(report: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Count what was audited, and name what is known to be weak."""
    entries = report.get("dependencies", [])
    audited = [entry for entry in entries if "vulns" in entry]
    found = [
        f"{entry['name']} {entry['version']}: {weakness['id']}"
        for entry in audited
        for weakness in entry["vulns"]
    ]
    return len(audited), found


def verdict(audited: int, weak: list[str], licences: list[str], said: str) -> tuple[int, str]:
    """Return the status and what there is to say."""
    if weak:
        return 1, "\n".join(["Known weaknesses:", *weak, *licences])
    if licences:
        return 1, "\n".join(["Licences that are not on the list:", *licences])
    if audited == 0 or said:
        return 2, (
            f"Nothing is known about weaknesses: {audited} packages could be audited"
            f"{': ' + said if said else ''}. The index has to be one that knows advisories, "
            "such as pypi.org; run this where it can be reached."
        )
    return 0, f"{audited} packages audited, none with a known weakness; licences are permissive."


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )


def main(arguments: list[str]) -> int:
    listed = json.loads(run("piplicenses", "--format=json", "--with-system").stdout)
    needed = runtime(PACKAGE)
    if "--record" in arguments:
        rows = [package for package in listed if normal(package["Name"]) in needed]
        lines = [f"| {row['Name']} | {row['License']} |" for row in rows]
        print("\n".join(["| package | licence |", "|---|---|", *lines]))  # noqa: T201
        return 0
    licences = unlicensed(listed, needed)
    audit = run("pip_audit", "--strict", "--skip-editable", "--format=json")
    try:
        report = json.loads(audit.stdout)
        said = ""
    except ValueError:
        report, said = {}, (audit.stderr.strip().splitlines() or ["it said nothing"])[-1]
    status, text = verdict(*weaknesses(report), licences, said)
    print(text)  # noqa: T201
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

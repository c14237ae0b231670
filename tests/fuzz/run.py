"""Runs the fuzz targets under libFuzzer: `./dev fuzz`, `./dev fuzz url` for one, `./dev fuzz url 600` for ten minutes.

What libFuzzer learns is kept in build/fuzz/corpus and used again by the next run; what breaks a target is kept in build/fuzz/findings.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = ROOT / "tests" / "fuzz" / "corpus"
TREE = ROOT / "build" / "fuzz"
FINDINGS = TREE / "findings"
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
LIMITS = ["-max_len=4096", "-timeout=30", "-rss_limit_mb=2048", "-use_value_profile=1"]


def target_names() -> list[str]:
    return sorted(source.stem.removeprefix("target_") for source in (ROOT / "tests" / "fuzz").glob("target_*.c"))


def run(target: str, seconds: int) -> bool:
    """Feeds one target for so long; true when nothing broke it."""
    program = TREE / "tests" / "fuzz" / f"fuzz_{target}"
    learned = TREE / "corpus" / target
    log = TREE / f"{target}.log"
    for folder in (learned, FINDINGS):
        folder.mkdir(parents=True, exist_ok=True)
    limits = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={FINDINGS}/{target}-"]
    with log.open("w") as output:
        code = subprocess.call(
            [str(program), str(learned), str(SEEDS / target), *limits],
            env=os.environ | SANITIZERS,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    text = log.read_text(errors="replace")
    runs = re.findall(r"^Done (\d+) runs", text, re.M)
    if code == 0 and runs:
        print(f"{target:16} {int(runs[-1]):>12,} inputs   nothing found", flush=True)
        return True
    print(f"{target:16} broke; its log is {log.relative_to(ROOT)}, which ends:\n", flush=True)
    print("\n".join(text.splitlines()[-40:]), flush=True)
    for finding in re.findall(r"Test unit written to (\S+)", text):
        print(f"\nto see it again: {program.relative_to(ROOT)} {pathlib.Path(finding).relative_to(ROOT)}", flush=True)
        print(f"to keep it:      copy it to {(SEEDS / target).relative_to(ROOT)}/accepted-… or refused-…", flush=True)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument(
        "target", nargs="?", help="the target to run; all of them, one after the other, when none is named"
    )
    parser.add_argument("seconds", nargs="?", type=int, default=30, help="for each target; 30")
    parser.add_argument("--list", action="store_true", help="list the targets and stop")
    arguments = parser.parse_args()
    names = target_names()
    if arguments.list:
        print("\n".join(names))
        return 0
    if arguments.target and arguments.target.isdigit():  # ./dev fuzz 60: all of them
        arguments.seconds, arguments.target = int(arguments.target), None
    if arguments.target and arguments.target not in names:
        parser.error(f"no such target: {arguments.target}; ./dev fuzz --list names them")
    broken = [name for name in ([arguments.target] if arguments.target else names) if not run(name, arguments.seconds)]
    if broken:
        print(f"\nbroken: {', '.join(broken)}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

"""A guard that was made before multiprocessing forks, the way servers preload their application."""

from __future__ import annotations

import asyncio
import multiprocessing
import warnings

from common import make_guard

warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
guard = make_guard()


def work(number: int) -> str:
    return asyncio.run(guard.authorize("GET", "/", f"Bearer any{number % 3}")).kind


if __name__ == "__main__":
    print(work(0))
    with multiprocessing.get_context("fork").Pool(4) as pool:
        print(" ".join(sorted(set(pool.map(work, range(40))))))
    print(work(1))

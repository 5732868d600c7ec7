"""`make bench [ONLY=name]`: run every benchmark, print a table, exit 1 where a limit is missed."""

import multiprocessing
import os
import pkgutil
import sys
from concurrent.futures import ProcessPoolExecutor

import bench


def main() -> int:
    only = os.environ.get("ONLY", "")
    names = [m.name for m in pkgutil.iter_modules(bench.__path__) if not m.name.startswith("_") and only in m.name]
    results: list[bench.Result] = []
    for name in names:
        print(f"… {name}", file=sys.stderr, flush=True)
        # In a process of its own: what one sets up is not there for the next.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
            results += alone.submit(bench.measure, name).result()
    width = max(len(result.claim) for result in results)
    for result in results:
        mark = "ok" if result.holds else "!!"
        print(f"{mark}  {result.claim:<{width}}  {result.measured:>24}   limit {result.limit}")
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())

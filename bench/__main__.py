"""`make bench [ONLY=name]`: run every benchmark, print a table, exit 1 where a limit is missed."""

import importlib
import os
import pkgutil
import sys

import bench


def main() -> int:
    only = os.environ.get("ONLY", "")
    names = [m.name for m in pkgutil.iter_modules(bench.__path__) if not m.name.startswith("_") and only in m.name]
    results = []
    for name in names:
        print(f"… {name}", file=sys.stderr, flush=True)
        results += importlib.import_module(f"bench.{name}").measure()
    width = max(len(result.claim) for result in results)
    for result in results:
        mark = "ok" if result.holds else "!!"
        print(f"{mark}  {result.claim:<{width}}  {result.measured:>24}   limit {result.limit}")
    return 0 if all(result.holds for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())

"""The committed front end is what its sources build."""

import shutil
import subprocess

import pytest

from tests.product import ROOT


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node")
def test_building_again_gives_the_committed_files() -> None:
    result = subprocess.run(
        ["sh", "frontend/rebuild-check.sh"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_lock_files_hold_no_download_address() -> None:
    for path in [*ROOT.glob("requirements/*.txt"), ROOT / "frontend" / "package-lock.json"]:
        text = path.read_text()
        assert '"resolved"' not in text, path
        assert "--index-url" not in text, path
        assert "://" not in text.replace("https://opencollective.com", "").replace("https://github.com/sponsors", ""), (
            path
        )

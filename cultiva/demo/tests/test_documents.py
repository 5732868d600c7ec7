from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cultiva.demo.documents import DEMO_FOLDER, publish_folder
from cultiva.lib.documents import DocumentError
from cultiva.magnets.models import MagnetFile
from cultiva.scoring.actions import primary_model

PURPOSE = "purpose: marketing\nchannel: email\nlanguages: {es: {label: Sí}}\n"


def test_it_publishes_a_whole_folder_whatever_the_names_of_its_files(huerta: Any, at: datetime) -> None:
    published = publish_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, at=at)
    assert len(published) == len(list(DEMO_FOLDER.glob("*.yaml"))) >= 10
    assert {document.version for document in published} == {1}
    assert primary_model(huerta.id) is not None
    guide = MagnetFile.objects.get(workspace_id=huerta.id)
    assert bytes(guide.content).startswith(b"%PDF-")
    assert len(guide.content) < 400_000


def test_publishing_again_changes_nothing(huerta: Any, at: datetime) -> None:
    first = publish_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, at=at)
    assert publish_folder(workspace_id=huerta.id, folder=DEMO_FOLDER, at=at + timedelta(days=1)) == first


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("uno.yaml", "purpouse: marketing\n", "uno.yaml.*purpouse.*did you mean `purpose`"),
        ("uno.yaml", "{}\n", "uno.yaml.*names no sort of document"),
        ("uno.yaml", PURPOSE.replace("channel: email", "channel: pigeon"), "uno.yaml.*channel.*pigeon"),
        ("uno.yaml", "purpose: [\n", "uno.yaml, line"),
        ("uno.txt", PURPOSE, "there is no document in it"),
    ],
)
def test_it_names_the_file_that_cannot_be_published(
    huerta: Any, at: datetime, tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DocumentError, match=f"(?s){said}"):
        publish_folder(workspace_id=huerta.id, folder=tmp_path, at=at)

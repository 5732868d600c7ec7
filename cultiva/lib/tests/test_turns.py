"""One workspace's trouble is not another's."""

import pytest

from cultiva.lib.turns import each_in_turn


def test_every_workspace_gets_its_turn_and_the_trouble_is_told() -> None:
    worked_on = []

    def work(workspace_id: int) -> int:
        if workspace_id == 2:
            raise ValueError("poisoned")
        worked_on.append(workspace_id)
        return 10

    with pytest.raises(ExceptionGroup) as caught:
        each_in_turn([1, 2, 3], work)
    assert worked_on == [1, 3]
    assert caught.value.exceptions[0].__notes__ == ["workspace 2"]
    assert each_in_turn([1, 3], work) == 20

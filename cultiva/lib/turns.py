"""One workspace's trouble is not another's."""

from collections.abc import Callable, Iterable


def each_in_turn(workspace_ids: Iterable[int], work: Callable[[int], int]) -> int:
    """The sum of `work` over the workspaces. Each gets its turn, whatever happens to one before it.

    What went wrong is raised at the end, all of it, as an ExceptionGroup.
    """
    done, errors = 0, []
    for workspace_id in workspace_ids:
        try:
            done += work(workspace_id)
        except Exception as error:
            error.add_note(f"workspace {workspace_id}")
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{len(errors)} workspaces could not be worked on", errors)
    return done

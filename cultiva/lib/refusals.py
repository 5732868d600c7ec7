"""What is said to whoever asked for something that cannot be done."""


class Refusal(ValueError):
    """What is wrong, and the way out. Both are translated where it is raised: into the language of the request, or in
    a worker into that of who asked."""

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem, self.hint = problem, hint
        super().__init__(f"{problem}\nhint: {hint}" if hint else problem)

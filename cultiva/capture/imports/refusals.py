"""What is said to people of a file or a row that cannot be taken, in the language of the reader: that of the request,
or in a worker of who made the import."""

from django.utils.translation import gettext


class Refusal(ValueError):
    """What is wrong, and the way out; both are translated already."""

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem, self.hint = problem, hint
        super().__init__(f"{problem}\nhint: {hint}" if hint else problem)


class BadRow(ValueError):
    """A row that cannot be taken. `text` is a message's id, translated only where somebody asks for it: of rows that
    can do without the value nobody does."""

    def __init__(self, text: str, /, **values: object) -> None:
        self.text, self.values = text, values
        super().__init__(text)

    def __str__(self) -> str:
        return gettext(self.text) % self.values

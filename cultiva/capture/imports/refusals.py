"""What is said to people of a row that cannot be taken, in the language of the reader."""

from django.utils.translation import gettext


class BadRow(ValueError):
    """A row that cannot be taken. `text` is a message's id, translated only where somebody asks for it: of rows that
    can do without the value nobody does."""

    def __init__(self, text: str, /, **values: object) -> None:
        self.text, self.values = text, values
        super().__init__(text)

    def __str__(self) -> str:
        return gettext(self.text) % self.values

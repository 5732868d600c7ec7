"""Regular expressions: the subset that means the same in every engine, checked and written anew.

What an author writes never reaches an engine as it is. It is read here and written in the words all engines share:
classes spelled out in ASCII, groups that capture nothing, a dot that stops at line breaks.
"""

from django.utils.translation import gettext

from cultiva.lib.documents import DocumentError

LONGEST = 500  # characters, as written
LARGEST = 1000  # atoms, with {n,m} written out: RE2 repeats a thousand times at most, PostgreSQL 255 times a piece
MOST_TIMES = 255
DEEPEST = 30
CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\n\r\f\v"}
CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
SPECIAL = set(".^$*+?()[]{}|\\")
SUBSET = r"literals, [..], \d \w \s, . ^ $ * + ? {n,m}, groups and | are known"


def read_pattern(value: str, place: str) -> str:
    """The expression in the engines' common words; raises DocumentError for what is outside the subset."""
    if len(value) > LONGEST:
        raise DocumentError(
            place,
            gettext("the expression has %(count)s characters") % {"count": len(value)},
            gettext("at most %(most)s") % {"most": LONGEST},
        )
    reader = _Reader(value, place)
    written, _size, _unbounded = reader.read_alternatives(DEEPEST)
    if reader.position < len(value):
        raise reader.refused(gettext("`)` has no `(`"), _written(")"))
    return written


class _Reader:
    """Reads from left to right; every method returns (written anew, atoms, whether it repeats without end)."""

    def __init__(self, text: str, place: str) -> None:
        self.text, self.place, self.position = text, place, 0

    def refused(self, problem: str, hint: str = SUBSET) -> DocumentError:
        return DocumentError(
            self.place,
            gettext("%(problem)s (character %(position)s of %(text)r)")
            % {"problem": problem, "position": self.position + 1, "text": self.text},
            hint,
        )

    @property
    def next(self) -> str:
        return self.text[self.position : self.position + 1]

    def read_alternatives(self, depth: int) -> tuple[str, int, bool]:
        if depth == 0:
            raise self.refused(gettext("groups are nested more than %(most)s deep") % {"most": DEEPEST})
        branches, size, is_unbounded = [], 0, False
        while True:
            written, atoms, repeats = self._read_branch(depth)
            branches.append(written)
            size, is_unbounded = size + atoms, is_unbounded or repeats
            if self.next != "|":
                return "|".join(branches), size, is_unbounded
            self.position += 1

    def _read_branch(self, depth: int) -> tuple[str, int, bool]:
        pieces, size, is_unbounded = [], 0, False
        while self.next and self.next not in "|)":
            written, atoms, repeats = self._read_piece(depth)
            pieces.append(written)
            size, is_unbounded = size + atoms, is_unbounded or repeats
        if size > LARGEST:
            raise self.refused(gettext("the expression is too large once its repeats are written out"))
        return "".join(pieces) or "(?:)", size, is_unbounded

    def _read_piece(self, depth: int) -> tuple[str, int, bool]:
        start = self.position
        atom, size, is_unbounded = self._read_atom(depth)
        if self.next not in ("*", "+", "?", "{") or not self.next:
            return atom, size, is_unbounded
        if self.text[start] in "^$":
            raise self.refused(gettext("`%(value)s` cannot be repeated") % {"value": self.text[start]})
        quantifier, most = self._read_quantifier()
        if self.next and self.next in "*+?{":
            raise self.refused(
                gettext("a repeat cannot be repeated, and none is lazy or possessive"), gettext("put it in a group")
            )
        if most is None and is_unbounded:
            raise self.refused(gettext("a repeat without end stands within another"), "(a+)+ = a+")
        size *= most or 1
        if size > LARGEST:
            raise self.refused(gettext("the expression is too large once its repeats are written out"))
        return atom + quantifier, size, is_unbounded or most is None

    def _read_quantifier(self) -> tuple[str, int | None]:
        """(as written, the most times; None without end)"""
        sign = self.next
        self.position += 1
        if sign != "{":
            return sign, 1 if sign == "?" else None
        end = self.text.find("}", self.position)
        least, comma, most = (self.text[self.position : end] if end > 0 else "").partition(",")
        bounds = [bound for bound in (least, most) if bound]
        if not least or not all(bound.isascii() and bound.isdigit() and len(bound) < 4 for bound in bounds):
            raise self.refused(
                gettext("`%(mark)s` begins no repeat") % {"mark": "{"}, "{3}, {3,}, {3,5}; " + _written("{")
            )
        if any(int(bound) > MOST_TIMES for bound in bounds):
            raise self.refused(gettext("more than %(most)s times cannot be asked for") % {"most": MOST_TIMES})
        if most and int(least) > int(most):
            raise self.refused(gettext("%(least)s is above %(most)s") % {"least": least, "most": most})
        self.position = end + 1
        repeats = f"{{{int(least)}{comma}{int(most) if most else ''}}}"
        return repeats, None if comma and not most else int(most or least)

    def _read_atom(self, depth: int) -> tuple[str, int, bool]:
        character = self.next
        self.position += 1
        if character == "(":
            return self._read_group(depth)
        if character == "[":
            return self._read_class(), 1, False
        if character == "\\":
            return self._read_escape(), 1, False
        if character == ".":
            return r"[^\n]", 1, False
        if character in "^$":
            return character, 1, False
        if character in SPECIAL:
            self.position -= 1
            raise self.refused(
                gettext("`%(character)s` stands alone") % {"character": character},
                _written(character),
            )
        return _literal(character), 1, False

    def _read_group(self, depth: int) -> tuple[str, int, bool]:
        if self.text.startswith("?:", self.position):
            self.position += 2
        elif self.next == "?":
            raise self.refused(gettext("`(?` is not known: no look-around, names or flags"))
        written, size, is_unbounded = self.read_alternatives(depth - 1)
        if self.next != ")":
            raise self.refused(gettext("`(` has no `)`"), _written("("))
        self.position += 1
        return f"(?:{written})", size + 1, is_unbounded

    def _read_escape(self) -> str:
        character = self.next
        self.position += 1
        if character in CLASSES and character:
            return f"[{CLASSES[character]}]"
        if character.lower() in CLASSES and character:
            return f"[^{CLASSES[character.lower()]}]"
        return _literal(self._escaped(character))

    def _escaped(self, character: str) -> str:
        """The character that `\\` and this one stand for; the reader has gone past them."""
        if character in CONTROLS and character:
            return CONTROLS[character]
        if not character or (character.isalnum() or not character.isascii()):
            self.position -= 1
            problem = (
                gettext("`\\%(character)s` is not known") % {"character": character}
                if character
                else gettext("`\\` ends the expression")
            )
            raise self.refused(problem)
        return character

    def _read_class(self) -> str:
        is_negated = self.next == "^"
        self.position += is_negated
        parts: list[str] = []
        while self.next != "]":
            low = self._read_member()
            if len(low) > 1:  # \d, \w, \s
                parts.append(low)
            elif self.next == "-" and self.text[self.position + 1 : self.position + 2] not in ("]", ""):
                self.position += 1
                parts.append(self._range(low, self._read_member()))
            else:
                parts.append(_literal(low))
        if not parts:
            raise self.refused(gettext("the class is empty"), _written("]"))
        self.position += 1
        return f"[{'^' if is_negated else ''}{''.join(parts)}]"

    def _read_member(self) -> str:
        """One character as it is, or the ranges of \\d, \\w or \\s."""
        character = self.next
        if not character:
            raise self.refused(gettext("`[` has no `]`"), _written("["))
        self.position += 1
        if character == "[":
            self.position -= 1
            raise self.refused(gettext("`[` within a class"), _written("["))
        if character != "\\":
            return character
        escaped = self.next
        self.position += 1
        return CLASSES[escaped] if escaped and escaped in CLASSES else self._escaped(escaped)

    def _range(self, low: str, high: str) -> str:
        if len(high) > 1 or low > high:
            raise self.refused(
                gettext("%(low)s-%(high)s is no range") % {"low": low, "high": high}
                if len(high) == 1
                else gettext("a class cannot end a range")
            )
        return f"{_literal(low)}-{_literal(high)}"


def _literal(character: str) -> str:
    """ASCII signs are escaped, within classes and outside; all else stands for itself everywhere."""
    if character.isascii() and character.isprintable() and not character.isalnum() and character not in " _":
        return f"\\{character}"
    return character


def _written(character: str) -> str:
    return gettext("write %(written)s for the character itself") % {"written": f"\\{character}"}

"""Criteria in plain words, Spanish and English. Marketers read these beside every point."""

import re
from collections.abc import Sequence

from cultiva.criteria.comparisons import Comparison, Scalar
from cultiva.criteria.figures import Figure
from cultiva.lib.folding import number_text

Phrases = dict[str, tuple[str, str]]  # {key: (es, en)}

ATTRIBUTES: Phrases = {
    "budget": ("el presupuesto", "the budget"),
    "city": ("la ciudad", "the city"),
    "company": ("la empresa", "the company"),
    "company_size": ("el tamaño de la empresa", "the size of the company"),
    "country": ("el país", "the country"),
    "department": ("el departamento", "the department"),
    "email": ("el correo", "the e-mail address"),
    "employees": ("el número de empleados", "the number of employees"),
    "first_name": ("el nombre", "the first name"),
    "industry": ("el sector", "the industry"),
    "interest": ("el interés", "the interest"),
    "job_title": ("el cargo", "the job title"),
    "language": ("el idioma", "the language"),
    "last_name": ("el apellido", "the last name"),
    "objective": ("el objetivo", "the objective"),
    "phone": ("el teléfono", "the phone"),
    "region": ("la región", "the region"),
    "role": ("la función", "the role"),
    "sector": ("el sector", "the sector"),
    "timeframe": ("el plazo", "the time frame"),
    "website": ("la web", "the website"),
}
EVENTS: Phrases = {
    "any": ("hace algo", "does anything"),
    "consent": ("da o retira un consentimiento", "gives or withdraws a consent"),
    "demo_requested": ("pide una demostración", "asks for a demo"),
    "download": ("descarga un contenido", "downloads content"),
    "email_clicked": ("hace clic en un correo", "clicks in an e-mail"),
    "email_opened": ("abre un correo", "opens an e-mail"),
    "form_submitted": ("envía un formulario", "submits a form"),
    "identify": ("actualiza sus datos", "updates their details"),
    "page": ("visita una página", "visits a page"),
    "purchase": ("compra", "buys"),
    "quote_requested": ("pide presupuesto", "asks for a quote"),
    "service_request": ("pide un servicio", "asks for a service"),
    "social": ("interactúa en redes sociales", "interacts on social media"),
    "screen": ("abre una pantalla de la aplicación", "opens a screen of the app"),
    "trial_started": ("empieza una prueba", "starts a trial"),
    "webinar_attended": ("asiste a un webinar", "attends a webinar"),
    "webinar_registered": ("se inscribe en un webinar", "signs up for a webinar"),
}
PROPERTIES: Phrases = {
    "asset": ("el contenido", "the asset"),
    "form": ("el formulario", "the form"),
    "magnet": ("el contenido", "the magnet"),
    "name": ("el nombre", "the name"),
    "network": ("la red", "the network"),
    "objective": ("el objetivo", "the objective"),
    "path": ("la página", "the page"),
    "template": ("el correo", "the mail"),
    "title": ("el título", "the title"),
    "url": ("la dirección", "the address"),
    "value": ("el importe", "the value"),
}
VISITED = ("la página visitada", "the page visited")
NOTHING = ("no hace nada", "does nothing")
COMPARISONS: Phrases = {
    "is": ("es {0}", "is {0}"),
    "is_not": ("no es {0}", "is not {0}"),
    "any_of": ("es {or}", "is {or}"),
    "none_of": ("no es {nor}", "is neither {nor}"),
    "all_of": ("incluye {and}", "includes {and}"),
    "contains": ("contiene {0}", "contains {0}"),
    "contains_any": ("contiene {or}", "contains {or}"),
    "does_not_contain": ("no contiene {0}", "does not contain {0}"),
    "starts_with": ("empieza por {0}", "starts with {0}"),
    "ends_with": ("termina en {0}", "ends with {0}"),
    "gt": ("es mayor que {0}", "is above {0}"),
    "gte": ("es al menos {0}", "is at least {0}"),
    "lt": ("es menor que {0}", "is below {0}"),
    "lte": ("es como mucho {0}", "is at most {0}"),
    "between": ("está entre {and}", "is between {and}"),
    "matches": ("cumple el patrón {0}", "matches the pattern {0}"),
    "before": ("es anterior al {0}", "is before {0}"),
    "after": ("es posterior al {0}", "is after {0}"),
    "on": ("es el {0}", "is on {0}"),
    "within_last_days": ("está en los últimos {0} días", "is in the last {0} days"),
    "within_next_days": ("está en los próximos {0} días", "is in the next {0} days"),
    "anniversary_within_days": (
        "cumple aniversario en los próximos {0} días",
        "has its anniversary in the next {0} days",
    ),
    "is_empty": ("no tiene valor", "has no value"),
    "is_not_empty": ("tiene algún valor", "has a value"),
}
IN_ONE_DAY: Phrases = {
    "within_last_days": ("es hoy", "is today"),
    "within_next_days": ("es hoy", "is today"),
    "anniversary_within_days": ("cumple aniversario hoy", "has its anniversary today"),
}
MOST_SAID = 10  # of a list; the others are counted
JOINTS: Phrases = {"or": ("o", "or"), "nor": ("ni", "nor"), "and": ("y", "and")}


def pick(phrase: tuple[str, str], language: str) -> str:
    return phrase[0 if language == "es" else 1]


def attribute_words(name: str, language: str) -> str:
    return pick(ATTRIBUTES[name], language) if name in ATTRIBUTES else name.replace("_", " ")


def comparison_words(comparison: Comparison, language: str) -> str:
    words = [operand_words(operand, language) for operand in comparison.operands[:MOST_SAID]]
    if beyond := len(comparison.operands) - MOST_SAID + 1 if len(comparison.operands) > MOST_SAID else 0:
        words[-1:] = [f"{beyond} {pick(('más', 'more'), language)}"]
    pattern = pick(COMPARISONS[comparison.operator], language)
    joined = {key: join(words, pick(joint, language)) for key, joint in JOINTS.items()}
    if comparison.operator == "none_of" and len(words) == 1:
        return pick(COMPARISONS["is_not"], language).format(*words)
    if comparison.operator in IN_ONE_DAY and float(comparison.operands[0]) <= 1:
        pattern = pick(IN_ONE_DAY[comparison.operator], language)
    return pattern.format(*words, **joined)


def operand_words(operand: Scalar, language: str) -> str:
    """An operand as people write it: quoted where it holds more than one plain word."""
    if isinstance(operand, bool):
        return pick(("sí", "yes") if operand else ("no", "no"), language)
    if isinstance(operand, float):
        number = number_text(operand)
        return number.replace(".", ",") if language == "es" else number
    if re.fullmatch(r"[\w/.@+-]+", operand):
        return operand
    return f"«{operand}»" if language == "es" else f"“{operand}”"


def join(words: Sequence[str], joint: str) -> str:
    """a, b y c; Spanish turns `y` into `e` before the sound i, and `o` into `u` before o."""
    if len(words) < 2:
        return "".join(words)
    last = words[-1].lower()
    if joint == "y" and re.match(r"h?i(?![aeou])", last):
        joint = "e"
    if joint == "o" and re.match(r"h?o", last):
        joint = "u"
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def event_words(name: str, where: Sequence[tuple[str, Comparison]], language: str) -> str:
    """`la página visitada empieza por /precios`; `where`: [(path, comparison)]"""
    said = [(path, comparison_words(comparison, language)) for path, comparison in where]
    if name == "page" and said and said[0][0] == "path":
        what = f"{pick(VISITED, language)} {said.pop(0)[1]}"
    elif name in EVENTS:
        what = pick(EVENTS[name], language)
    else:
        what = f"{pick(('hace', 'does'), language)} {operand_words(name, language)}"
    if not said:
        return what
    lines = [f"{property_words(path, language)} {words}" for path, words in said]
    return f"{what} {pick(('donde', 'where'), language)} {join(lines, pick(JOINTS['and'], language))}"


def figure_words(figure: Figure, asked: Comparison | Sequence[tuple[tuple[str, str], int]], language: str) -> str:
    """`con al menos 3 valores distintos del contenido`; `y la suma del importe es al menos 1000`"""
    name = property_words(".".join(figure.path), language)
    of_it = f"de {name}".replace("de el ", "del ") if language == "es" else f"of {name}"
    if isinstance(asked, Comparison):
        what = {"sum": ("la suma", "the sum"), "max": ("el máximo", "the greatest")}[figure.kind]
        compared = comparison_words(asked, language)
        return f"{pick(('y', 'and'), language)} {pick(what, language)} {of_it} {compared}"
    nouns = ("valor distinto", "different value"), ("valores distintos", "different values")
    said = [f"{pick(phrase, language)} {number} {pick(nouns[number != 1], language)}" for phrase, number in asked]
    return f"{pick(('con', 'with'), language)} {join(said, pick(JOINTS['and'], language))} {of_it}"


def property_words(path: str, language: str) -> str:
    return pick(PROPERTIES[path], language) if path in PROPERTIES else path.replace("_", " ")


def count_words(phrase: tuple[str, str], number: int, language: str) -> str:
    noun = ("vez", "time") if number == 1 else ("veces", "times")
    return f"{pick(phrase, language)} {number} {pick(noun, language)}"


def days_words(number: float, language: str) -> str:
    noun = ("día", "day") if number == 1 else ("días", "days")
    return f"{operand_words(number, language)} {pick(noun, language)}"

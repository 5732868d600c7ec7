"""Criteria in plain words, Spanish and English. Marketers read these beside every point."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cultiva.criteria.comparisons import Comparison, Scalar
from cultiva.lib.folding import number_text

if TYPE_CHECKING:
    from cultiva.criteria.conditions.event import EventHappened, Times

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
    "is_empty": ("no tiene valor", "has no value"),
    "is_not_empty": ("tiene algún valor", "has a value"),
}
JOINTS: Phrases = {"or": ("o", "or"), "nor": ("ni", "nor"), "and": ("y", "and")}


def pick(phrase: tuple[str, str], language: str) -> str:
    return phrase[0 if language == "es" else 1]


def attribute_words(name: str, language: str) -> str:
    return pick(ATTRIBUTES[name], language) if name in ATTRIBUTES else name.replace("_", " ")


def comparison_words(comparison: Comparison, language: str) -> str:
    words = [operand_words(operand, language) for operand in comparison.operands]
    pattern = pick(COMPARISONS[comparison.operator], language)
    joined = {key: join(words, pick(joint, language)) for key, joint in JOINTS.items()}
    if comparison.operator == "none_of" and len(words) == 1:
        return pick(COMPARISONS["is_not"], language).format(*words)
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


def event_words(condition: "EventHappened", language: str) -> str:
    """`la página visitada empieza por /precios, al menos 3 veces en 30 días`"""
    tests = [(".".join(test.path), test.comparison) for test in condition.where]
    said = [(path, comparison_words(comparison, language)) for path, comparison in tests]
    if condition.event == "any" and not said and condition.times and condition.times.is_never:
        return " ".join(filter(None, [pick(NOTHING, language), span_words(condition, language)]))
    if condition.event == "page" and said and said[0][0] == "path":
        what = f"{pick(VISITED, language)} {said.pop(0)[1]}"
    elif condition.event in EVENTS:
        what = pick(EVENTS[condition.event], language)
    else:
        name = operand_words(condition.event, language)
        what = pick((f"hace {name}", f"does {name}"), language)
    if said:
        lines = [f"{property_words(path, language)} {words}" for path, words in said]
        what += f" {pick(('donde', 'where'), language)} {join(lines, pick(JOINTS['and'], language))}"
    when = " ".join(filter(None, [times_words(condition.times, language), span_words(condition, language)]))
    return f"{what}, {when}" if when else what


def property_words(path: str, language: str) -> str:
    return pick(PROPERTIES[path], language) if path in PROPERTIES else path.replace("_", " ")


def times_words(times: "Times | None", language: str) -> str:
    if times is None:
        return ""
    if times.is_never:
        return pick(("ninguna vez", "never"), language)
    if times.exactly is not None:
        return count_words(("exactamente", "exactly"), times.exactly, language)
    bounds = []
    if times.at_least is not None:
        bounds.append(count_words(("al menos", "at least"), times.at_least, language))
    if times.at_most is not None:
        bounds.append(count_words(("como mucho", "at most"), times.at_most, language))
    return join(bounds, pick(JOINTS["and"], language))


def count_words(phrase: tuple[str, str], number: int, language: str) -> str:
    noun = ("vez", "time") if number == 1 else ("veces", "times")
    return f"{pick(phrase, language)} {number} {pick(noun, language)}"


def span_words(condition: "EventHappened", language: str) -> str:
    if condition.within_days is not None:
        noun = ("día", "day") if condition.within_days == 1 else ("días", "days")
        days = operand_words(condition.within_days, language)
        return f"{pick(('en', 'in'), language)} {days} {pick(noun, language)}"
    if condition.since == "entry":
        return pick(("desde la entrada", "since the entry"), language)
    if condition.since:
        return f"{pick(('desde el paso', 'since the step'), language)} {condition.since}"
    return ""

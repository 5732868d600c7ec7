"""The two languages that the product speaks."""

from django.utils.translation import get_language


def reader_language() -> str:
    """es or en: the language in which the present request is answered."""
    return "es" if (get_language() or "").startswith("es") else "en"

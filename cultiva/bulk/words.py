"""Numbers in sentences."""

from django.utils.formats import number_format


def shown(count: int) -> str:
    return number_format(count, use_l10n=True, force_grouping=True)

from django.utils.translation import gettext_lazy as _

from cultiva.magnets.kinds.files import FileKind


class Whitepaper(FileKind):
    kind = "whitepaper"
    label = _("Whitepaper")
    icon = "file-text"
    what_it_is = _("Research or a technical paper: a PDF.")

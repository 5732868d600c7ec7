from django.utils.translation import gettext_lazy as _

from cultiva.magnets.kinds.files import FileKind


class Ebook(FileKind):
    kind = "ebook"
    label = _("Ebook")
    what_it_is = _("A guide to read: a PDF.")

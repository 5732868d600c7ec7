from django.utils.translation import gettext_lazy as _

from cultiva.magnets.kinds.files import FileKind


class CaseStudy(FileKind):
    kind = "case_study"
    label = _("Case study")
    icon = "briefcase"
    what_it_is = _("How a customer did it: a PDF.")

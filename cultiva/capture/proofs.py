"""What capture brings to a bundle of proof: the forms that the person sent, in the versions they had before them."""

from django.utils.translation import gettext_lazy as _

from cultiva.capture.models import FormVersion, Submission
from cultiva.consent.bundle import Proof


class SentForms(Proof):
    kind, label = "sent_forms", _("Forms as they were sent")

    def files(self, *, workspace_id: int, lead_id: int) -> dict[str, bytes]:
        sent = Submission.objects.filter(workspace_id=workspace_id, lead_id=lead_id).values_list("form_id", flat=True)
        forms = FormVersion.objects.filter(workspace_id=workspace_id, id__in=set(sent)).order_by("id")
        return {f"forms/{form.key}-v{form.version}.yaml": form.source_text.encode() for form in forms}

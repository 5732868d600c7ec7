"""`{step: send_email, template: bienvenida-1, next: espera}`: a mail to each, by way of the outbox."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cultiva.mailing.actions import Addressee, put_in_outbox
from cultiva.mailing.models import TemplateVersion
from cultiva.nurture.steps.base import Standing, Step, StepSettings


class SendEmail(Step):
    kind = "send_email"
    label = _("Send an e-mail")

    class Settings(StepSettings):
        template = forms.ChoiceField(label=_("Template"))

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            # Only mails of the workflow's own purpose: the consent asked at sending is the template's.
            templates = TemplateVersion.currents(self.workspace_id)
            fitting = [template for template in templates if template.body["purpose"] == self.purpose]
            field = self.fields["template"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [(template.key, template.name) for template in fitting]
            known = ", ".join(template.key for template in fitting) or "none"
            field.error_messages["invalid_choice"] = (
                f"no template `%(value)s` for the purpose {self.purpose}; published: {known}"
            )

    def run(self, standing: Standing, settings: Mapping[str, Any]) -> None:
        put_in_outbox(
            workspace_id=standing.workspace_id,
            cause_kind="workflow",
            template=str(settings["template"]),
            addressees=[
                Addressee(cause_id=cause, lead_id=lead)
                for cause, lead in zip(standing.causes(), standing.lead_ids, strict=True)
            ],
            at=standing.at,
        )

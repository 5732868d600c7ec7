"""Huerta's form for its ebook, and everything it refers to."""

from datetime import datetime

from cultiva.capture.actions import publish_form
from cultiva.capture.models import FormVersion
from cultiva.consent.actions import publish_policy, publish_purpose
from cultiva.consent.tests.documents import MARKETING, PHONE, POLICY
from cultiva.magnets.actions import publish_magnet
from cultiva.magnets.tests.documents import EBOOK, make_pdf

FORM = """
form: guia
objective: content
magnet: guia-riego
policy: privacy
purposes: [marketing, phone]
fields:
  - {key: first_name, kind: text, required: true, label: {es: Nombre, en: First name}}
  - {key: email, kind: email, required: true, label: {es: Correo electrónico, en: E-mail}}
  - {key: company, kind: text, label: {es: Empresa, en: Company}}
  - key: crop
    kind: choice
    label: {es: Cultivo, en: Crop}
    choices:
      - {value: olive, label: {es: Olivo, en: Olive}}
      - {value: citrus, label: {es: Cítricos, en: Citrus}}
languages:
  es:
    title: La guía del riego por goteo
    intro: Aprende en 20 páginas a regar **un 40 % menos** sin perder cosecha.
    button: Descargar la guía
    thanks: ¡Gracias! Tu guía está lista.
  en:
    title: The drip irrigation guide
    intro: Learn in 20 pages to water **40 % less** without losing harvest.
    button: Download the guide
    thanks: Thank you! Your guide is ready.
"""


def publish_all(workspace_id: int, at: datetime) -> FormVersion:
    publish_policy(workspace_id=workspace_id, text=POLICY, at=at)
    for purpose in (MARKETING, PHONE):
        publish_purpose(workspace_id=workspace_id, text=purpose, at=at)
    publish_magnet(workspace_id=workspace_id, text=EBOOK, files={"guia-riego.pdf": make_pdf()}, at=at)
    return publish_form(workspace_id=workspace_id, text=FORM, at=at)

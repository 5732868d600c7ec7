"""What the columns of other tools' exports mean, and of files with everyday names in Spanish and English.

A preset is recognised by its headers. A tool's own record number becomes an attribute, not our external id: that is
the company's own user id, by which events find their lead, and 101 there is not 101 here.

Sources: Mailchimp's own exports; HubSpot's labels, which follow the language of whoever exports; Mautic's field
aliases and import specials; Odoo's template `crm_lead` and its technical names; Brevo's contact export.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cultiva.lib.folding import fold

# What a column may be besides an attribute, whose key stands for itself. Empty: left out.
SPECIAL = (
    "email", "phone", "external_id", "language", "created_at", "tags",
    "unsubscribed", "do_not_contact", "bounced", "status",
    "consent_time", "consent_ip", "consent_text", "consent_version", "confirmed_time", "confirmed_ip",
)  # fmt: skip
# Of event files.
EVENT_SPECIAL = (
    "message_id", "type", "event", "user_id", "anonymous_id", "email", "timestamp", "properties", "context",
)  # fmt: skip


@dataclass(frozen=True)
class Preset:
    """`columns`: {header, folded: target}; `marks`: headers of which `needed` must be there to recognise it."""

    key: str
    label: str
    columns: Mapping[str, str]
    marks: tuple[str, ...]
    needed: int
    time_zone: str = ""  # empty: the workspace's


# Everyday names, also for the columns that a preset leaves open.
NAMES = {
    "email": ("email", "e-mail", "mail", "email address", "e-mail address", "correo", "correo electronico",
              "direccion de correo electronico", "direccion de correo", "email_from", "correo-e", "emailaddress"),
    "phone": ("phone", "phone number", "telephone", "tel", "telefono", "numero de telefono", "mobile phone number",
              "telefono fijo", "work phone"),
    "mobile": ("mobile", "movil", "celular", "mobile phone", "telefono movil"),
    "external_id": ("external id", "external_id", "user id", "user_id", "userid", "id externo", "id de usuario",
                    "customer id", "id de cliente", "id cliente"),
    "first_name": ("first name", "firstname", "first_name", "nombre", "nombre de pila", "given name", "fname"),
    "last_name": ("last name", "lastname", "last_name", "surname", "family name", "apellido", "apellidos", "lname"),
    "name": ("name", "full name", "nombre completo", "nombre y apellidos", "contact name", "contact_name",
             "nombre de contacto"),
    "company": ("company", "company name", "empresa", "nombre de la empresa", "organization", "organisation",
                "compania", "razon social", "partner_name", "associated company", "empresa asociada"),
    "job_title": ("job title", "jobtitle", "job_title", "title", "position", "job position", "cargo", "puesto",
                  "puesto de trabajo", "function"),
    "website": ("website", "web", "website url", "sitio web", "pagina web", "url"),
    "street": ("street", "address", "address1", "address 1", "street address", "direccion", "calle"),
    "street2": ("street2", "address2", "address 2"),
    "city": ("city", "ciudad", "poblacion", "localidad", "town"),
    "state": ("state", "state/region", "province", "region", "provincia", "estado o region", "state_id"),
    "zip": ("zip", "zipcode", "zip code", "postal code", "codigo postal", "cp", "postcode"),
    "country": ("country", "country/region", "pais", "pais/region", "cc", "country_id"),
    "language": ("language", "preferred_locale", "preferred language", "idioma", "lang", "locale", "lenguaje"),
    "time_zone": ("timezone", "time zone", "zona horaria"),
    "tags": ("tags", "tag_ids", "etiquetas", "labels"),
    "notes": ("notes", "notas", "comments", "comentarios", "description"),
    "created_at": ("create date", "created", "created at", "created_at", "dateadded", "date added",
                   "fecha de creacion", "fecha de alta", "fecha alta", "creado", "added_time", "create_date"),
    "unsubscribed": ("unsubscribed", "unsubscribed from all email", "opted out", "opt out", "optout", "baja",
                     "dado de baja", "cancelo su suscripcion", "cancelo la suscripcion de todo el correo",
                     "cancelo su suscripcion a todos los correos electronicos", "unsub_time",
                     "fecha de baja", "email_blacklist", "email blacklisted", "emailblacklisted"),
    "do_not_contact": ("do not contact", "do_not_contact", "donotcontact", "donotemail", "do not email", "dnc",
                       "no contactar", "no molestar"),
    "bounced": ("bounced", "hard bounced", "clean_time", "cleaned", "rebotado", "rebote", "is_blacklisted",
                "email hard bounce reason"),
    "status": ("subscription status", "subscriber status", "estado de suscripcion", "mailchimp status"),
    "consent_time": ("optin_time", "opt-in time", "optin time", "consent time", "consent date", "consent_time",
                     "fecha de consentimiento", "fecha del consentimiento", "double_opt-in date"),
    "consent_ip": ("optin_ip", "opt-in ip", "consent ip", "consent_ip", "ip del consentimiento",
                   "ip de consentimiento"),
    "consent_text": ("consent text", "consent_text", "texto del consentimiento", "texto de consentimiento"),
    "consent_version": ("consent version", "consent_version", "version del consentimiento", "policy version",
                        "version de la politica"),
    "confirmed_time": ("confirm_time", "confirmed time", "confirmation date", "fecha de confirmacion"),
    "confirmed_ip": ("confirm_ip", "confirmed ip", "ip de confirmacion"),
}  # fmt: skip
BY_NAME = {name: target for target, names in NAMES.items() for name in names}

EVENT_NAMES = {
    "message_id": ("messageid", "message_id", "message id", "event_id", "event id", "id", "uuid", "insert_id"),
    "type": ("type", "event_type", "event type", "kind", "tipo"),
    "event": ("event", "event_name", "event name", "name", "evento", "nombre del evento", "action", "accion"),
    "user_id": ("userid", "user_id", "user id", "distinct_id", "customer_id", "id de usuario"),
    "anonymous_id": ("anonymousid", "anonymous_id", "anonymous id", "device_id", "visitor_id", "client_id"),
    "email": ("email", "e-mail", "correo", "correo electronico"),
    "timestamp": ("timestamp", "original_timestamp", "originaltimestamp", "time", "date", "datetime", "occurred_at",
                  "sent_at", "fecha", "fecha y hora", "event_time", "event_timestamp"),
    "properties": ("properties", "traits", "propiedades", "props", "event_properties"),
    "context": ("context", "contexto"),
}  # fmt: skip
EVENT_BY_NAME = {name: target for target, names in EVENT_NAMES.items() for name in names}

PRESETS = {
    preset.key: preset
    for preset in (
        Preset(
            "mailchimp", "Mailchimp",
            {"email address": "email", "optin_time": "consent_time", "optin_ip": "consent_ip",
             "confirm_time": "confirmed_time", "confirm_ip": "confirmed_ip", "tags": "tags", "cc": "country",
             "region": "state", "timezone": "time_zone", "notes": "notes", "member_rating": "member_rating",
             "unsub_time": "unsubscribed", "clean_time": "bounced", "mailchimp status": "status",
             "unsub_campaign_title": "", "unsub_campaign_id": "", "unsub_reason": "", "unsub_reason_other": "",
             "clean_campaign_title": "", "clean_campaign_id": "", "latitude": "", "longitude": "", "gmtoff": "",
             "dstoff": "", "last_changed": "", "leid": "", "euid": ""},
            ("member_rating", "optin_time", "optin_ip", "confirm_time", "confirm_ip", "leid", "euid", "gmtoff"), 4,
            time_zone="UTC",
        ),
        Preset(
            "hubspot", "HubSpot",
            {"record id": "hubspot_record_id", "id de registro": "hubspot_record_id", 
             "id. de registro": "hubspot_record_id",
             "lifecycle stage": "hubspot_lifecycle_stage", "etapa del ciclo de vida": "hubspot_lifecycle_stage",
             "lead status": "hubspot_lead_status", "estado del lead": "hubspot_lead_status",
             "contact owner": "hubspot_owner", "propietario del contacto": "hubspot_owner",
             "create date": "created_at", "fecha de creacion": "created_at",
             "original source": "original_source", "fuente original": "original_source",
             "associated company": "company", "unsubscribed from all email": "unsubscribed",
             "marketing contact status": "hubspot_marketing_status",
             "estado de contacto de marketing": "hubspot_marketing_status",
             "legal basis for processing contact's data": "hubspot_legal_basis",
             "base legal para procesar los datos del contacto": "hubspot_legal_basis"},
            ("record id", "id de registro", "id. de registro", "lifecycle stage", "etapa del ciclo de vida",
             "contact owner", "propietario del contacto", "lead status", "estado del lead", "original source",
             "fuente original", "unsubscribed from all email", "marketing contact status"), 2,
        ),
        Preset(
            "mautic", "Mautic",
            {"title": "salutation", "firstname": "first_name", "lastname": "last_name", "position": "job_title",
             "points": "mautic_points", "preferred_locale": "language", "dateadded": "created_at",
             "donotemail": "do_not_contact", "stage": "mautic_stage", "ownerusername": "mautic_owner",
             "attribution_date": "", "attribution": "", "last_active": "", "lastactive": "", "datemodified": "",
             "createdbyuser": "", "modifiedbyuser": "", "dateidentified": "", "ip": "", "id": ""},
            ("firstname", "lastname", "points", "preferred_locale", "last_active", "attribution_date", "dateadded",
             "donotemail", "ownerusername", "zipcode", "address1", "foursquare"), 3,
        ),
        Preset(
            "odoo", "Odoo",
            {"external id": "odoo_external_id", "id": "odoo_external_id", "name": "opportunity", "contact name": "name",
             "contact_name": "name", "partner_name": "company", "email_from": "email", "job position": "job_title",
             "function": "job_title", "is_blacklisted": "do_not_contact", "user_id": "odoo_owner",
             "team_id": "odoo_team", "stage_id": "odoo_stage", "tag_ids": "tags", "campaign_id": "campaign",
             "medium_id": "medium", "source_id": "source", "expected_revenue": "expected_revenue",
             "probability": "", "lost_reason_id": "odoo_lost_reason", "create_date": "created_at"},
            ("job position", "contact name", "street2", "contact_name", "email_from", "partner_name", "function",
             "team_id", "stage_id", "tag_ids", "expected_revenue", "medium_id"), 3,
        ),
        Preset(
            "brevo", "Brevo",
            {"contact id": "brevo_contact_id", "id": "brevo_contact_id", "email": "email", "firstname": "first_name",
             "lastname": "last_name", "prenom": "first_name", "nom": "last_name", "nombre": "first_name",
             "apellidos": "last_name", "sms": "phone", "whatsapp": "", "landline_number": "",
             "email_blacklist": "unsubscribed", "blacklist": "unsubscribed", "sms_blacklist": "",
             "added_time": "created_at", "modified_time": "", "ext_id": "external_id",
             "double_opt-in": "", "opt_in": "", "job_title": "job_title", "contact_timezone": "time_zone"},
            ("sms", "added_time", "modified_time", "double_opt-in", "ext_id", "landline_number", "contact id",
             "email_blacklist", "whatsapp", "opt_in", "contact_timezone"), 3,
        ),
    )
}  # fmt: skip


def recognise(columns: Iterable[str]) -> Preset | None:
    """The tool that wrote these headers, or None. Where several fit, the one with the most marks."""
    names = {fold(column.strip()) for column in columns}
    fitting = [(len(names & set(preset.marks)), preset) for preset in PRESETS.values()]
    best = max(fitting, key=lambda each: each[0] - each[1].needed)
    return best[1] if best[0] >= best[1].needed else None


def target_of(column: str, preset: Preset | None) -> str | None:
    """What a column means by its name; None: its name says nothing."""
    name = fold(column.strip())
    if preset and name in preset.columns:
        return preset.columns[name]
    return BY_NAME.get(name) or BY_NAME.get(name.replace("_", " "))

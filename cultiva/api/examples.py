"""Examples of the OpenAPI document. A test holds each against its schema and sends those that are bodies."""

from typing import Any

Json = dict[str, Any]

WHOAMI: Json = {
    "workspace": {"id": 1, "slug": "riega", "name": "Riega", "language": "es", "time_zone": "Europe/Madrid"},
    "key": "CRM",
    "scopes": ["leads:read", "leads:write"],
    "expires_at": None,
}
CONSENT: Json = {
    "is_valid": True,
    "valid_since": "2026-03-10T12:00:00+00:00",
    "is_confirmed": True,
    "confirmed_since": "2026-03-10T12:05:00+00:00",
    "is_profiled": True,
    "profiled_since": "2026-03-10T12:00:00+00:00",
    "objected_at": None,
    "purposes": [
        {"purpose": "email_marketing", "channel": "email", "state": "given", "since": "2026-03-10T12:00:00+00:00"}
    ],
}
LEAD: Json = {
    "id": 7,
    "email": "ana@riega.example",
    "phone": "+34600111222",
    "external_id": "crm-815",
    "language": "es",
    "source_kind": "form",
    "created_at": "2026-03-10T12:00:00+00:00",
    "last_seen_at": "2026-03-11T08:30:00+00:00",
    "attributes": {"first_name": "Ana", "email": "ana@riega.example", "hectares": 120},
    "company": {"id": 3, "name": "Huertos SL", "domain": "huertos.example"},
    "stage": "marketing_qualified",
    "stage_since": "2026-03-11T08:30:02+00:00",
    "temperature": "warm",
    "grade": "B",
    "score": 41.5,
    "owner": None,
    "consent": CONSENT,
    "misfits": [],
    "visitor_count": 2,
    "merged_ids": [],
}
LABEL = "Quiero recibir por correo consejos de riego y novedades de Riega Azudea. Puedo darme de baja cuando quiera."
CONSENT_IN: Json = {
    "purpose": "marketing",
    "text": LABEL,
    "version": 1,
    "box": "newsletter",
    "time": "2026-03-10T11:59:30Z",
    "page": "https://riega.example/guia",
    "ip": "203.0.113.9",
}
PURCHASE_IN: Json = {
    "purpose": "news",
    "sale": "2026-0017",
    "sold_by": "Riega Azudea, S.L.",
    "products": "riego por goteo",
    "obtained_by": "order in the shop",
    "opt_out_at_collection": "box in the order",
    "opt_out_in_messages": "link in each mail",
}
CONSENTS: Json = {
    "lead_id": 7,
    "marks": {
        "valid_since": "2026-03-10T12:00:00+00:00",
        "confirmed_since": "2026-03-10T12:05:00+00:00",
        "profiled_since": "2026-03-10T12:00:00+00:00",
        "objected_at": None,
        "restricted_at": None,
        "stopped_at": None,
    },
    "purposes": [
        {
            "purpose": "marketing",
            "channel": "email",
            "state": "given",
            "since": "2026-03-10T12:00:00+00:00",
            "is_allowed": True,
            "basis": "consent",
            "reason": None,
            "evidence_id": 812,
        }
    ],
    "acts": [
        {
            "id": 812,
            "ordinal": 2,
            "act": "given",
            "purpose": "marketing",
            "channel": "email",
            "occurred_at": "2026-03-10T12:00:00+00:00",
            "hash": "9b5c…",
            "previous_hash": "4f0e…",
            "seal": 31,
            "payload": {"checkbox_label_text": LABEL},
        }
    ],
}
RECEIPT: Json = {"receipt": {"@type": "dpv:ConsentReceipt", "proof": {"type": "Ed25519", "value": "…"}}}
EVENT: Json = {
    "id": 4711,
    "kind": "page",
    "name": "page",
    "occurred_at": "2026-03-11T08:30:00+00:00",
    "received_at": "2026-03-11T08:30:01+00:00",
    "lead_id": 7,
    "source_id": 2,
    "actor": "unknown",
    "properties": {"path": "/precios"},
}
SOURCE: Json = {
    "id": 2,
    "key": "web",
    "name": "Web",
    "kind": "site",
    "allowed_origins": ["https://riega.example"],
    "requires_tracking_consent": True,
    "makes_leads": False,
    "basis": "",
    "basis_note": "",
    "created_at": "2026-03-01T09:00:00+00:00",
    "stopped_at": None,
}
MODEL_HEALTH: Json = {
    "model": {"key": "readiness", "name": "Readiness", "version": 3},
    "goal": "purchase",
    "days": [
        {"day": "2026-03-11", "leads": 17, "bands": {"hot": 2, "warm": 5, "cold": 10},
         "unscored": {"not_valid": 3, "objected": 1, "no_basis": 0, "new": 0}},
    ],
    "months": [
        {
            "month": "2025-12-01",
            "within_30_days": [
                {"band": "hot", "leads": 10, "converted": 4, "share": 0.4, "low": 0.168, "high": 0.687},
            ],
            "within_90_days": [
                {"band": "hot", "leads": 10, "converted": 5, "share": 0.5, "low": 0.237, "high": 0.763},
            ],
        },
    ],
    "histograms": [{"day": "2026-03-11", "low": 0.0, "width": 10.0, "leads": [9, 4, 4]}],
    "rules": [
        {"key": "pricing", "words": "visits the prices", "leads": 8, "share": 0.21, "shares": [0.18, 0.2],
         "finding": ""},
    ],
}  # fmt: skip
SCORE: Json = {
    "lead_id": 7,
    "model": {"key": "readiness", "name": "Readiness", "version": 3},
    "at": "2026-03-11T09:00:00+00:00",
    "language": "en",
    "total": 41.5,
    "why_not": None,
    "temperature": "warm",
    "grade": "B",
    "next_change_at": "2026-03-12T23:00:00+00:00",
    "dimensions": [{"name": "interest", "value": 41.5, "weight": 1.0, "min": 0.0, "max": 100.0, "points": 41.5}],
    "rules": [
        {
            "key": "pricing",
            "words": "the page visited starts with /precios",
            "side": "retrospective",
            "dimension": "interest",
            "points": 41.5,
            "before_cap": 41.5,
            "after_cap": 41.5,
            "event_count": 1,
            "events": [
                {
                    "id": 4711,
                    "what": "page /precios",
                    "occurred_at": "2026-03-11T08:30:00+00:00",
                    "weight": 1.0,
                    "properties": {"path": "/precios"},
                }
            ],
            "next_change_at": None,
        }
    ],
    "cuts": [],
    "changes": [
        {
            "at": "2026-04-10T08:30:00+00:00",
            "rule": "pricing",
            "words": "the page visited starts with /precios: “page /precios” of 03/11/2026 expires",
            "points": -41.5,
            "total": 0.0,
        }
    ],
    "next_band": "hot",
    "next_band_from": 60.0,
    "proposals": [
        {
            "rules": ["webinar"],
            "words": "attends a webinar (1 more event of this kind)",
            "gain": 20.0,
            "total": 61.5,
            "reaches": True,
        }
    ],
    "history": [{"at": "2026-03-11T09:00:00+00:00", "total": 41.5}],
}

LEAD_IN: Json = {
    "email": "ana@riega.example",
    "phone": "+34600111222",
    "external_id": "crm-815",
    "language": "es",
    "attributes": {"first_name": "Ana", "hectares": 120},
}
LEAD_CHANGE: Json = {"attributes": {"job_title": "Responsable de finca"}}
COMPANY: Json = {
    "id": 3,
    "name": "Huertos SL",
    "domain": "huertos.example",
    "external_id": "group-7",
    "attributes": {"sector": "agriculture"},
    "lead_count": 4,
    "created_at": "2026-03-10T12:00:00+00:00",
}
COMPANY_IN: Json = {
    "name": "Riegos SA",
    "domain": "riegos.example",
    "external_id": "group-8",
    "attributes": {"sector": "agriculture"},
}
COMPANY_CHANGE: Json = {"name": "Huertos y Riegos SL", "attributes": {"employees": 40}}
ATTRIBUTE: Json = {
    "id": 12,
    "subject": "lead",
    "key": "hectares",
    "label": "Hectares",
    "type": "number",
    "choices": [],
    "is_guessed": False,
    "created_at": "2026-03-10T12:00:00+00:00",
}
ATTRIBUTE_IN: Json = {"subject": "lead", "key": "hectares", "type": "number", "label": "Hectares"}
ATTRIBUTE_CHANGE: Json = {"label": "Irrigated hectares"}
MERGE_IN: Json = {"merged_id": 8, "force": False}
MERGE: Json = {"id": 5, "kept_id": 7, "merged_id": 8, "at": "2026-03-11T10:00:00+00:00", "undone_at": None}
MERGE_PREVIEW: Json = {
    "kept_id": 7,
    "merged_id": 8,
    "is_possible": True,
    "reasons": ["different_email"],
    "lines": [
        {
            "area": "attribute",
            "label": "first_name",
            "kept": "Ana",
            "merged": "A.",
            "result": "Ana",
            "why": "told later",
            "is_warning": False,
        }
    ],
}

DOCUMENT_ROW: Json = {"kind": "template", "key": "boletin", "version": 2, "path": "templates/boletin.yaml"}
TEMPLATE = """template: boletin
purpose: marketing
name: Boletín
languages:
  es: {subject: Riego esta temporada, text: "Hola:\\n\\nEsta vez, tres cosas."}
"""
MODEL_ROW: Json = {
    "key": "readiness", "name": "Readiness", "version": 3, "is_primary": True,
    "published_at": "2026-03-10T09:00:00+00:00",
}  # fmt: skip
MODEL_FAULT: Json = {
    "place": "temperature.hot",
    "kind": "unreachable",
    "message": "nobody can reach 60: the total is 5 at most",
    "hint": "lower the threshold, or raise points or limits",
}
MODEL_TEXT: Json = {
    "text": "model: readiness\ndimensions: {interest: {max: 5}}\n"
    "rules: [{key: page, when: {event: page}, points: 1}]\ntemperature: {warm: 3, hot: 60}\n"
}
MODEL: Json = MODEL_ROW | MODEL_TEXT | {
    "versions": [
        {"version": 3, "published_at": "2026-03-10T09:00:00+00:00", "differences": ["Hot from: 5 → 60."]},
    ],
    "faults": [MODEL_FAULT],
}  # fmt: skip
DOCUMENT: Json = DOCUMENT_ROW | {"text": TEMPLATE}
DOCUMENT_IN: Json = {"text": TEMPLATE}
FILES: Json = {"files": {"templates/boletin.yaml": TEMPLATE}, "attachments": {}, "delete": []}
PLAN: Json = {
    "workspace": "riega",
    "digest": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "created": 0,
    "changed": 1,
    "deleted": 0,
    "unchanged": 0,
    "drifted": 0,
    "documents": [
        {
            "kind": "template",
            "key": "boletin",
            "path": "templates/boletin.yaml",
            "status": "changed",
            "is_drift": False,
            "drifted_since": None,
            "diff": "--- present/templates/boletin.yaml\n+++ file/templates/boletin.yaml\n"
            "@@ -3 +3 @@\n-name: News\n+name: Boletín",
            "notes": [],
        }
    ],
    "only_in_product": [{"kind": "form", "key": "contact"}],
    "problems": [],
}
SEGMENT: Json = {
    "id": 5,
    "key": "en-espana",
    "name": "En España",
    "kind": "dynamic",
    "criteria": {"attribute": "country", "is": "ES"},
    "words": "el país es «ES»",
    "takes_only_valid": True,
    "folder": "Países",
    "tags": ["sur"],
    "member_count": 120,
    "is_being_built": False,
    "used_by": [{"kind": "segment", "key": "en-espana-y-activos"}],
    "created_at": "2026-03-10T12:00:00+00:00",
    "changed_at": "2026-03-10T12:00:00+00:00",
}
SEGMENT_IN: Json = {
    "name": "En España",
    "criteria": {"all": [{"attribute": "country", "is": "ES"}, {"event": "page", "within_days": 30}]},
    "folder": "Países",
    "tags": ["sur"],
}
SEGMENT_MEMBER: Json = {
    "lead_id": 7,
    "email": "ana@riega.example",
    "since": "2026-03-10T12:00:00+00:00",
    "is_pinned": False,
}
SEGMENT_MEMBERS_IN: Json = {"lead_ids": [7], "emails": ["ana@riega.example"]}
SEGMENT_PUT_IN: Json = {"found": 1, "moved": 1, "unknown": []}
SEGMENT_COUNT_IN: Json = {"criteria": {"attribute": "country", "is": "ES"}}
SEGMENT_COUNT: Json = {"count": 120, "not_valid": 8, "lead_ids": [7], "words": "el país es «ES»"}
BULK_ACTION_IN: Json = {
    "action": "add_tag",
    "settings": {"tag": "feria-2026"},
    "selection": {"filter": {"criteria": {"attribute": "country", "is": "ES"}}},
}
BULK_ACTION: Json = BULK_ACTION_IN | {
    "id": 3,
    "state": "running",
    "total": 12_431,
    "done": 4_000,
    "counts": {"changed": 3_990, "unchanged": 10},
    "problem": "",
    "can_undo": False,
    "created_at": "2026-03-10T12:00:00+00:00",
    "started_at": "2026-03-10T12:00:00+00:00",
    "finished_at": None,
    "undone_at": None,
}
PERSONA_IN: Json = {
    "key": "decide-la-compra",
    "name": "Decide la compra",
    "criteria": [
        {"when": {"attribute": "country", "any_of": ["ES", "PT"]}, "weight": 3},
        {"when": {"event": "page", "within_days": 30}, "weight": 2},
    ],
    "tone_hints": {"es": "De usted, con cifras."},
}
PERSONA: Json = {
    "key": "decide-la-compra",
    "name": "Decide la compra",
    "description": "",
    "criteria": [
        {
            "when": {"attribute": "country", "any_of": ["ES", "PT"]},
            "weight": 3,
            "words": "el país es ES o PT",
        }
    ],
    "content_hints": {},
    "tone_hints": {"es": "De usted, con cifras."},
    "is_draft": False,
    "revision": 1,
    "lead_count": 420,
    "is_being_built": False,
    "used_by": [{"kind": "segment", "key": "cerca-de-comprar"}],
    "created_at": "2026-03-10T12:00:00+00:00",
    "changed_at": "2026-03-10T12:00:00+00:00",
}
PRIVACY_REQUEST: Json = {
    "id": 4,
    "kind": "access",
    "way": "api",
    "lead_id": 7,
    "received_at": "2026-03-10T12:00:00+00:00",
    "due_on": "2026-04-10",
    "jurisdiction": "ES",
    "is_open": True,
    "extended_at": None,
    "identified_at": None,
    "closed_at": None,
    "outcome": None,
    "steps": [{"at": "2026-03-10T12:00:00+00:00", "by": "api_key:1", "what": "received"}],
}

REHEARSAL_IN: Json = {
    "models": [
        "model: draft\ngoal: quote_requested\ndimensions: {all: {}}\n"
        "rules: [{key: page, dimension: all, when: {event: page}, points: 2}]\ntemperature: {warm: 10, hot: 20}\n"
    ],
    "first": "2026-01-05",
    "last": "2026-02-02",
    "horizon_days": 30,
    "goal": "quote_requested",
    "capacity": 12,
    "name": "Points for pages",
}
REHEARSAL_ROW: Json = {
    "id": 4, "name": "Points for pages", "state": "waiting", "first": "2026-01-05", "last": "2026-02-02",
    "horizon_days": 30, "goal": "quote_requested", "capacity": 12, "asked_at": "2026-03-10T12:00:00Z", "done": 0,
    "dates": 10, "problem": "",
}  # fmt: skip
REHEARSAL: Json = REHEARSAL_ROW | {"models": ["model: live", "model: draft"], "report": None}

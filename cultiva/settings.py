"""Django's settings, made from `lib.config`; the command line prepares the environment before this is read."""

import gc
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from psycopg.conninfo import conninfo_to_dict

from cultiva.lib.config import read_config
from cultiva.lib.tables import APP

# Python looks for cycles after every 700 new objects. Work by the ten thousand rows has many objects and no cycles:
# an import spent a third of its time looking.
gc.set_threshold(200_000, 20, 50)

CONFIG = read_config()
PACKAGE = Path(__file__).parent

SECRET_KEY = CONFIG.secret_key or secrets.token_hex(32)
DEBUG = False
IS_DEMO = CONFIG.is_demo
PUBLIC_URL = CONFIG.public_url
PAGES_URL = CONFIG.pages_url  # landing pages stand there and nowhere else; empty: nowhere
PAGES_HOST = urlsplit(PAGES_URL).hostname or ""
ALLOWED_HOSTS = sorted(
    {urlsplit(PUBLIC_URL).hostname or "", *([PAGES_HOST] if PAGES_HOST else []), "127.0.0.1", "localhost", "[::1]"}
)
CSRF_TRUSTED_ORIGINS = [f"{urlsplit(PUBLIC_URL).scheme}://{urlsplit(PUBLIC_URL).netloc}"]
IS_HTTPS = PUBLIC_URL.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
    "cultiva.lib",
    "cultiva.accounts",
    "cultiva.documents",
    "cultiva.events",
    "cultiva.leads",
    "cultiva.consent",
    "cultiva.criteria",
    "cultiva.segments",
    "cultiva.scoring",
    "cultiva.magnets",
    "cultiva.lifecycle",
    "cultiva.mailing",
    "cultiva.capture",
    "cultiva.sales",
    "cultiva.nurture",
    "cultiva.bulk",
    "cultiva.privacy",
    "cultiva.demo",
    "cultiva.public",
    "cultiva.web",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "cultiva.public.pages_host.pages_host",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "cultiva.web.middleware.staff_language",
]

ROOT_URLCONF = "cultiva.urls"
ASGI_APPLICATION = "cultiva.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "cultiva.web.context.staff_page",
            ],
        },
    }
]


def database(url: str | None, *, as_app: bool) -> dict[str, Any]:
    known = conninfo_to_dict(url or "postgresql://localhost/cultiva")
    options: dict[str, Any] = {
        k: v for k, v in known.items() if k not in ("user", "password", "host", "port", "dbname")
    }
    # Compiling costs more than it gives: our statements are many and short (a stock server took six times as long).
    session = f"{options.get('options', '')} -c jit=off"
    if as_app and known.get("user") != APP:
        # One login serves both roles. Django's `assume_role` asks the pool for a second connection while it makes
        # the first, and waits for ever.
        session += f" -c role={APP}"
    options["options"] = session.strip()
    if as_app:
        options["pool"] = {"min_size": 0, "max_size": 12, "timeout": 15, "max_idle": 60}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": known["dbname"],
        "USER": known.get("user", ""),
        "PASSWORD": known.get("password", ""),
        "HOST": known.get("host", ""),
        "PORT": str(known.get("port", "")),
        "OPTIONS": options,
        "CONN_HEALTH_CHECKS": True,  # a restarted server leaves dead connections in the pool
        "TEST": {"MIRROR": "default"} if not as_app else {},
    }


DATABASES = {
    "default": database(CONFIG.database_url, as_app=True),
    "owner": database(CONFIG.database_owner_url, as_app=False),  # migrations only
}
DATABASE_ROUTERS = ["cultiva.lib.routing.OwnerMigrates"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["cultiva.accounts.signing_in.PasswordBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "web:sign_in"
SESSION_COOKIE_NAME = "__Host-session" if IS_HTTPS else "cultiva_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 86_400
CSRF_COOKIE_NAME = "__Host-csrf" if IS_HTTPS else "cultiva_csrf"
CSRF_FAILURE_VIEW = "cultiva.web.errors.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# rules for public forms: 256 KB a body, 100 fields
DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1100  # the mapping of an import, two a column; public.bodies takes 100

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("es", "Español"), ("en", "English")]
LOCALE_PATHS = [PACKAGE / "locale"]
FORMAT_MODULE_PATH = ["cultiva.formats"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [PACKAGE / "static"]
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

MAIL_FROM = CONFIG.mail_from
SMTP = CONFIG.smtp
MAIL_CARRIER = "smtp" if SMTP else "mailbox"
FORM_LIMIT = CONFIG.form_limit
META_GRAPH_URL = CONFIG.meta_graph_url

PLUGINS = {
    "conditions": [
        "cultiva.criteria.conditions.attribute.Attribute",
        "cultiva.criteria.conditions.event.EventHappened",
        "cultiva.criteria.conditions.tag.HasTag",
        "cultiva.segments.personas.condition.PersonaOfWorkspace",
        "cultiva.criteria.conditions.consent.ConsentIs",
        "cultiva.criteria.conditions.mark.HasMark",
        "cultiva.segments.conditions.segment.InSegment",
        "cultiva.scoring.conditions.score.ScoreReaches",
        "cultiva.scoring.conditions.temperature.TemperatureIs",
        "cultiva.lifecycle.conditions.stage.StageIs",
        "cultiva.magnets.conditions.magnet.GotMagnet",
        "cultiva.sales.conditions.owner.OwnerIs",
        "cultiva.capture.conditions.objective.ObjectiveIs",
    ],
    "carriers": ["cultiva.mailing.carriers.mailbox.Mailbox", "cultiva.mailing.carriers.smtp.Smtp"],
    "connectors": [
        "cultiva.events.connectors.shopify.Shopify",
        "cultiva.events.connectors.woocommerce.WooCommerce",
    ],
    "inbound": [
        "cultiva.capture.connectors.kinds.meta.Meta",
        "cultiva.capture.connectors.kinds.google.GoogleAds",
        "cultiva.capture.connectors.kinds.generic.Generic",
    ],
    "fields": [
        "cultiva.capture.fields.text.Text",
        "cultiva.capture.fields.email.Email",
        "cultiva.capture.fields.phone.Phone",
        "cultiva.capture.fields.long_text.LongText",
        "cultiva.capture.fields.number.Number",
        "cultiva.capture.fields.date.Date",
        "cultiva.capture.fields.birth_date.BirthDate",
        "cultiva.capture.fields.choice.Choice",
        "cultiva.capture.fields.multi_choice.MultiChoice",
        "cultiva.capture.fields.country.Country",
        "cultiva.capture.fields.rating.Rating",
        "cultiva.capture.fields.file.File",
        "cultiva.capture.fields.hidden.Hidden",
        "cultiva.capture.fields.consent.Consent",
        "cultiva.capture.fields.step.Step",
        "cultiva.capture.fields.divider.Divider",
        "cultiva.capture.fields.content.Content",
    ],
    "blocks": [
        "cultiva.capture.landing.blocks.hero.Hero",
        "cultiva.capture.landing.blocks.text.TextBlock",
        "cultiva.capture.landing.blocks.image.ImageBlock",
        "cultiva.capture.landing.blocks.video.Video",
        "cultiva.capture.landing.blocks.features.Features",
        "cultiva.capture.landing.blocks.testimonial.Testimonial",
        "cultiva.capture.landing.blocks.faq.Faq",
        "cultiva.capture.landing.blocks.form.FormBlock",
        "cultiva.capture.landing.blocks.countdown.Countdown",
        "cultiva.capture.landing.blocks.footer.Footer",
    ],
    "kinds": [
        "cultiva.magnets.kinds.ebook.Ebook",
        "cultiva.magnets.kinds.whitepaper.Whitepaper",
        "cultiva.magnets.kinds.case_study.CaseStudy",
        "cultiva.magnets.kinds.template.Template",
        "cultiva.magnets.kinds.discount.Discount",
        "cultiva.magnets.kinds.webinar.Webinar",
        "cultiva.magnets.kinds.video.Video",
        "cultiva.magnets.kinds.trial.Trial",
        "cultiva.magnets.kinds.referral.Referral",
    ],
    "steps": ["cultiva.nurture.steps.send_email.SendEmail"],
    # What refers to others comes after them: so files without references are applied in this order.
    "documents": [
        "cultiva.consent.as_files.ConsentRules",
        "cultiva.consent.as_files.Policy",
        "cultiva.consent.as_files.Purpose",
        "cultiva.consent.as_files.CookieNotice",
        "cultiva.magnets.as_files.Magnet",
        "cultiva.mailing.as_files.Template",
        "cultiva.capture.as_files.Form",
        "cultiva.capture.landing.as_files.PageFile",
        "cultiva.scoring.as_files.Model",
        "cultiva.segments.as_files.SegmentFile",
        "cultiva.segments.personas.as_files.PersonaFile",
        "cultiva.lifecycle.as_files.LifecycleFile",
        "cultiva.nurture.as_files.WorkflowFile",
        "cultiva.capture.campaigns.as_files.CampaignFile",
        "cultiva.capture.connectors.as_files.ConnectorFile",
    ],
    "proofs": [
        "cultiva.mailing.proofs.ConfirmationMails",
        "cultiva.capture.proofs.SentForms",
    ],
    "bulk_actions": [
        "cultiva.bulk.kinds.add_tag.AddTag",
        "cultiva.bulk.kinds.remove_tag.RemoveTag",
        "cultiva.bulk.kinds.set_attribute.SetAttribute",
        "cultiva.bulk.kinds.put_in_segment.PutInSegment",
        "cultiva.bulk.kinds.take_out_of_segment.TakeOutOfSegment",
        "cultiva.bulk.kinds.assign_owner.AssignOwner",
        "cultiva.bulk.kinds.enrol.Enrol",
        "cultiva.bulk.kinds.export.Export",
    ],
}

# Rooms with tables that name a lead, from the lowest floor up (lib.holds).
HOLDS = [
    "cultiva.accounts.holds",
    "cultiva.events.holds",
    "cultiva.leads.holds",
    "cultiva.consent.holds",
    "cultiva.segments.holds",
    "cultiva.scoring.holds",
    "cultiva.magnets.holds",
    "cultiva.lifecycle.holds",
    "cultiva.mailing.holds",
    "cultiva.capture.holds",
    "cultiva.sales.holds",
    "cultiva.nurture.holds",
    "cultiva.bulk.holds",
    "cultiva.privacy.holds",
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"fact": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "fact"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"cultiva": {"level": CONFIG.log_level.upper()}},
}
